#include "tests/simulation/ledger.hpp"

#include "tests/simulation/workload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace weir::simulation {

namespace {

uint64_t count(const request_plan& plan, record_kind kind) {
  return static_cast<uint64_t>(
    std::count(plan.records.begin(), plan.records.end(), kind));
}

bool poisonous(record_kind kind) noexcept {
  return kind == record_kind::crashes || kind == record_kind::hangs;
}

int times(const std::map<uint64_t, int>& where, uint64_t id) {
  const auto found = where.find(id);
  return found == where.end() ? 0 : found->second;
}

} // namespace

void ledger::begins(const request_plan& request, bool growing) {
  auto& e = entries_[request.number];
  e.plan = request;
  if (growing)
    e.plan.records.resize(request.grows_from);
  ++e.tries;
}

void ledger::cut(uint32_t request, const batch_key& key, uint64_t record_base,
                 uint32_t records) {
  // Two requests with one key: whoever is stored first has it; the bodies tell.
  const auto [known, fresh] =
    chunks_.try_emplace(key, chunk{request, record_base, records});
  if (!fresh && known->second.request != request)
    known->second.request = 0;
  // Cut elsewhere in another life: what both have is stored whole, if any of it is.
  known->second.records = std::min(known->second.records, records);
}

void ledger::told(uint32_t request, const answer& what, const sink_contents& sink) {
  auto& e = entries_.at(request);
  const bool verdict = what.status == 200 || what.code == ec::all_records_rejected;
  if (what.doubtful || what.status == 202)
    e.maybe = true;
  e.durable_records = std::max(e.durable_records, what.durable_records);
  if (calm_ && what.code == ec::deadline_exceeded)
    complain(
      fmt::format("I4: request {} had to wait too long, and nothing was wrong", request));
  if (only_drains_ && what.status >= 500)
    complain(fmt::format("drain: request {} is told {} although only nodes with others "
                         "beside them ended",
                         request, what.status));
  if (what.code == ec::key_reused && e.plan.key_of == 0 && e.plan.grows_from == 0
      && !shared_keys_.contains(request))
    complain(
      fmt::format("I2: request {} is told that its own key is another's", request));
  // A rejected body may leave only dead letters; then the key is remembered.
  const bool grows = e.plan.grows_from > 0;
  if (what.code == ec::key_reused && grows && e.durable_records >= e.plan.grows_from)
    e.grew_from = e.plan.grows_from;
  if (!verdict)
    return;
  if (e.grew_from > 0 && e.plan.records.size() > e.grew_from)
    return complain(fmt::format("I2: the key of request {} stands for its first {} "
                                "records, and all {} have a verdict",
                                request, e.grew_from, e.plan.records.size()));
  check_counts(e, what);
  if (e.plan.records.size() != e.plan.grows_from) {
    e.verdict = true;
  } else {
    e.durable_records = e.plan.grows_from;
    // A body of which nothing is left is not remembered.
    if (what.accepted + what.quarantined > 0)
      e.grew_from = e.plan.grows_from;
  }
  if (e.plan.ack != ack_level::stored)
    return;
  std::set<uint64_t> stored;
  for (const auto& row : sink.rows)
    if (const auto id = id_in(row.body); id / 1000 == request)
      stored.insert(id);
  if (stored.size() < what.accepted)
    complain(
      fmt::format("I1: request {} was told `stored` for {} records, the sink has {}",
                  request, what.accepted, stored.size()));
}

void ledger::check_counts(const entry& e, const answer& what) {
  const auto good = count(e.plan, record_kind::good);
  const auto poison =
    count(e.plan, record_kind::crashes) + count(e.plan, record_kind::hangs);
  const bool right =
    what.accepted + what.quarantined == good + poison
    && what.rejected == count(e.plan, record_kind::refused)
    && what.dropped == count(e.plan, record_kind::dropped)
    && (what.accepted == good || (innocents_may_suffer_ && what.accepted < good));
  if (!right)
    complain(fmt::format("verdict: request {} was told accepted {} rejected {} "
                         "quarantined {} dropped {}, it has {} good {} poisonous records",
                         e.plan.number, what.accepted, what.rejected, what.quarantined,
                         what.dropped, good, poison));
  for (const auto& error : what.errors)
    if (error.code != reject::quarantined
        && (error.record == 0 || error.record > e.plan.records.size()
            || e.plan.records[error.record - 1] != record_kind::refused))
      complain(fmt::format("verdict: request {} was told that record {} is bad",
                           e.plan.number, error.record));
}

ledger::whereabouts ledger::find_records(const sink_contents& sink,
                                         const letter_contents& letters) {
  whereabouts found;
  for (const auto& row : sink.rows)
    ++found.rows[id_in(row.body)];
  for (const auto& letter : letters.letters)
    if (letter.code == reject::quarantined)
      ++found.quarantined[id_in(letter.body)];
  return found;
}

std::string ledger::check(const sink_contents& sink,
                          const letter_contents& letters) const {
  if (!complaint_.empty())
    return complaint_;
  if (auto text = check_rows(sink); !text.empty())
    return text;
  const auto found = find_records(sink, letters);
  for (const auto& [id, n] : found.rows)
    if (n > 1)
      return fmt::format("I2: record {} is stored {} times", id, n);
  for (const auto& [id, n] : found.quarantined)
    if (n > 1)
      return fmt::format("I2: record {} is {} dead letters", id, n);
  for (const auto& [number, e] : entries_)
    if (auto text = check_request(e, found); !text.empty())
      return text;
  return check_chunks(sink, letters);
}

std::string ledger::check_rows(const sink_contents& sink) const {
  std::map<uint64_t, uint64_t> last; // for each journal
  std::map<uint32_t, bool> rules;    // by which a request was judged
  for (const auto& row : sink.rows) {
    auto& before = last[row.journal];
    const auto id = id_in(row.body);
    const auto owner = entries_.find(static_cast<uint32_t>(id / 1000));
    if (owner == entries_.end() || id % 1000 >= owner->second.plan.records.size())
      return fmt::format("I3: the sink has a record nobody sent: {}", row.body);
    const auto& plan = owner->second.plan;
    if (plan.records[id % 1000] != record_kind::good)
      return fmt::format("I3: record {} must not be stored", id);
    const bool by_first = row.body == stored_text(plan, id % 1000, false);
    if ((!by_first && row.body != stored_text(plan, id % 1000, true))
        || row.stream != (plan.checked ? "checked" : "plain"))
      return fmt::format("I3: record {} is stored as {}", id, row.body);
    if (row.sequence <= before)
      return fmt::format("I2: number {} comes behind {}", row.sequence, before);
    before = row.sequence;
    // A request that was tried once is judged by what was in force when it began.
    const auto [judged, fresh] = rules.try_emplace(plan.number, by_first);
    if (!fresh && judged->second != by_first && plan.checked && owner->second.tries == 1)
      return fmt::format("reload: request {} is judged by the rules of before and after",
                         plan.number);
  }
  return {};
}

std::string ledger::check_request(const entry& e, const whereabouts& found) const {
  for (size_t i = 0; i < e.plan.records.size(); ++i) {
    const auto id = record_id(e.plan, i);
    const auto kind = e.plan.records[i];
    if (e.grew_from > 0 && i >= e.grew_from) {
      if (times(found.rows, id) + times(found.quarantined, id) > 0)
        return fmt::format("I2: record {} is stored under a key of a shorter body", id);
      continue;
    }
    const int rows = times(found.rows, id);
    const int quarantined = times(found.quarantined, id);
    if (!e.verdict && !e.maybe && i >= e.durable_records && rows + quarantined > 0)
      return fmt::format("I3: request {} was refused, record {} is stored", e.plan.number,
                         id);
    if (quarantined > 0 && !poisonous(kind)
        && !(innocents_may_suffer_ && kind == record_kind::good))
      return fmt::format("I11: record {} harms nobody and is quarantined", id);
    const bool owed = loses_disks_ ? e.verdict && e.plan.ack == ack_level::stored
                                   : e.verdict || i < e.durable_records;
    if (owed && kind == record_kind::good && rows + quarantined == 0)
      return fmt::format("I1: request {} was acknowledged, record {} is lost",
                         e.plan.number, id);
    if (owed && poisonous(kind) && quarantined == 0)
      return fmt::format("I11: request {} was answered, record {} is no dead letter",
                         e.plan.number, id);
  }
  return {};
}

/// Each batch that left anything must be there whole, each record in one place.
std::string ledger::check_chunks(const sink_contents& sink,
                                 const letter_contents& letters) const {
  std::map<batch_key, std::set<uint64_t>> present;
  for (const auto& row : sink.rows)
    present[row.batch].insert(id_in(row.body));
  for (const auto& letter : letters.letters)
    if (letter.code == reject::quarantined)
      present[letter.batch].insert(id_in(letter.body));
  for (const auto& [key, ids] : present) {
    const auto known = chunks_.find(key);
    if (known == chunks_.end())
      return fmt::format("I3: the stores have a batch nobody cut");
    const auto& made = known->second;
    if (made.request == 0)
      continue;
    const auto& plan = entries_.at(made.request).plan;
    for (auto i = made.base; i < made.base + made.records; ++i)
      if (const auto kind = plan.records[i]; kind == record_kind::good || poisonous(kind))
        if (!ids.contains(record_id(plan, i)))
          return fmt::format("I3: a batch of request {} is stored without its record {}",
                             plan.number, record_id(plan, i));
  }
  return {};
}

bool ledger::letters_complete(const letter_contents& letters) const {
  std::set<uint64_t> present;
  for (const auto& letter : letters.letters)
    present.insert(id_in(letter.body));
  for (const auto& [number, e] : entries_)
    for (size_t i = 0; i < (e.grew_from > 0 ? e.grew_from : e.plan.records.size()); ++i)
      if ((e.verdict || i < e.durable_records) && poisonous(e.plan.records[i])
          && !present.contains(record_id(e.plan, i)))
        return false;
  return true;
}

std::string ledger::check_tries(uint32_t tries_max) const {
  if (!calm_ || crashes_ || !all_marked_)
    return {};
  for (const auto& [id, meetings] : meetings_) {
    const auto& e = entries_.at(static_cast<uint32_t>(id / 1000));
    if (meetings > tries_max * e.tries)
      return fmt::format("I11: record {} killed {} workers in {} tries of its request",
                         id, meetings, e.tries);
  }
  return {};
}

} // namespace weir::simulation
