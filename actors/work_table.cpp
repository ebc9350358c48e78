#include "actors/work_table.hpp"

#include "proto/asks.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

constexpr uint64_t takes_by_age = 8; // each eighth take is by age
constexpr uint32_t no_mark = UINT32_MAX;
constexpr size_t reason_bytes_max = 128;

size_t level_of(const record_batch& batch) noexcept {
  return std::min<size_t>(static_cast<size_t>(batch.source->level), 2);
}

/// Records [first, last) of `batch` as a batch of their own, without rejections: those of
/// the whole are added when the pieces are merged.
batch_ptr cut_out(const record_batch& batch, uint32_t first, uint32_t last) {
  auto cut = std::make_shared<record_batch>();
  cut->source = batch.source;
  cut->text = batch.text;
  cut->records.assign(batch.records.begin() + first, batch.records.begin() + last);
  return cut;
}

uint64_t streamed_request(const record_batch& batch) noexcept {
  const auto& parts = batch.source->parts;
  return parts.empty() ? 0 : parts.front().request;
}

/// The record in hand, as an index into the records of `held`; no_mark if that is not known.
uint32_t suspect_of(const progress_mark& mark, const record_batch& held) {
  const auto index = mark.record.load(std::memory_order_acquire);
  return index < held.records.size() ? index : no_mark;
}

std::string describe(loss how, uint32_t workers, std::string_view reason) {
  auto text = (how == loss::hung ? "hung " : "crashed ") + std::to_string(workers)
              + (workers == 1 ? " worker" : " workers");
  if (!reason.empty())
    text.append(": ").append(reason.substr(0, reason_bytes_max));
  return text;
}

} // namespace

work_table::admission work_table::submit(batch_ptr batch, time_point now) {
  const auto id = batch->source->id;
  if (entries_.count(id) != 0)
    return admission::duplicate;
  if (entries_.size() >= limits_.capacity)
    return admission::saturated;
  auto& owner = entries_[id];
  owner.whole = batch;
  owner.since = now;
  owner.age = next_age_++;
  owner.open = 1;
  owner.fused = fuses(*batch);
  if (batch->records.empty()) {
    owner.results.push_back(std::move(batch));
    close_piece(id, owner);
  } else {
    enqueue_unknown(id, owner, now);
  }
  return admission::taken;
}

bool work_table::fuses(const record_batch& batch) const noexcept {
  if (streamed_request(batch) != 0)
    return limits_.fuse_chunks;
  return limits_.fuse_bytes > 0 && batch.text && batch.text->size() <= limits_.fuse_bytes;
}

void work_table::enqueue(piece work) {
  ++queued_;
  const size_t kind = streamed_request(*work.batch) != 0 ? 1 : 0;
  lanes_[level_of(*work.batch)].of[kind].push_back(std::move(work));
}

work_table::piece work_table::next_piece() {
  lane* from = nullptr;
  size_t kind = 0; // which of its queues
  const bool by_age = ++takes_ % takes_by_age == 0;
  for (auto* level : {&lanes_[2], &lanes_[1], &lanes_[0]})
    for (const auto next : {level->turn, 1 - level->turn}) {
      const auto& queue = level->of[next];
      if (queue.empty()
          || (from && !(by_age && queue.front().age < from->of[kind].front().age)))
        continue;
      from = level;
      kind = next;
    }
  from->turn = 1 - kind;
  auto work = std::move(from->of[kind].front());
  from->of[kind].pop_front();
  --queued_;
  return work;
}

std::optional<work_order> work_table::take(worker_id worker, time_point now) {
  if (queued_ == 0 || jobs_.count(worker) != 0)
    return std::nullopt;
  const auto job = next_job_++;
  auto& given = orders_[job];
  given = order{next_piece(), worker, now, std::make_shared<progress_mark>()};
  jobs_[worker] = job;
  auto& owner = entries_.at(given.work.envelope);
  ++owner.held;
  return work_order{job, given.work.batch, given.progress, owner.fused};
}

bool work_table::finish(work_result result) {
  auto found = orders_.find(result.job);
  if (found == orders_.end())
    return false;
  const auto done = std::move(found->second);
  jobs_.erase(done.worker);
  orders_.erase(found);
  auto& owner = entries_.at(done.work.envelope);
  --owner.held;
  if (!result.batch) {
    retry(owner, done.work, done, loss::crashed, "no result");
    return true;
  }
  if (done.work.suspect)
    owner.marks_trusted = false; // it was innocent
  owner.next.records += result.next.records;
  owner.next.took += result.next.took;
  owner.results.push_back(std::move(result.batch));
  close_piece(done.work.envelope, owner);
  return true;
}

bool work_table::lost(worker_id worker, loss how, std::string_view reason) {
  const auto job = jobs_.find(worker);
  if (job == jobs_.end())
    return false;
  const auto found = orders_.find(job->second);
  const auto given = std::move(found->second);
  orders_.erase(found);
  jobs_.erase(job);
  auto& owner = entries_.at(given.work.envelope);
  --owner.held;
  retry(owner, given.work, given, how, reason);
  return true;
}

void work_table::retry(entry& owner, piece work, const order& from, loss how,
                       std::string_view reason) {
  if (how == loss::left)
    return enqueue(std::move(work));
  const auto count = static_cast<uint32_t>(work.batch->records.size());
  ++work.crashes;
  if (count == 1) {
    if (work.crashes < tries_of(how))
      return enqueue(std::move(work));
    if (how == loss::hung)
      hung_.add(*work.batch, work.batch->records.front(), from.since);
    quarantine(owner, *work.batch, 0, describe(how, work.crashes, reason));
    return close_piece(work.envelope, owner);
  }
  const auto suspect = suspect_of(*from.progress, *work.batch);
  if (suspect != no_mark && owner.marks_trusted)
    return accuse(owner, work, suspect);
  if (work.crashes < 2)
    return enqueue(std::move(work));
  halve(owner, work);
}

uint32_t work_table::tries_of(loss how) const noexcept {
  return how == loss::hung ? std::min(limits_.hangs_max, limits_.tries_max)
                           : limits_.tries_max;
}

void work_table::accuse(entry& owner, const piece& work, uint32_t suspect) {
  const auto count = static_cast<uint32_t>(work.batch->records.size());
  add_piece(owner, work, 0, suspect, 0, false);
  add_piece(owner, work, suspect, suspect + 1, 1, true);
  add_piece(owner, work, suspect + 1, count, 0, false);
  close_piece(work.envelope, owner);
}

void work_table::halve(entry& owner, const piece& work) {
  const auto count = static_cast<uint32_t>(work.batch->records.size());
  // One crash is carried over: the half with the culprit is halved at once when it
  // crashes again.
  add_piece(owner, work, 0, count / 2, 1, false);
  add_piece(owner, work, count / 2, count, 1, false);
  close_piece(work.envelope, owner);
}

void work_table::add_piece(entry& owner, const piece& from, uint32_t first, uint32_t last,
                           uint32_t crashes, bool suspect) {
  if (first == last)
    return;
  ++owner.open;
  ++cuts_;
  owner.cut = true;
  enqueue(
    piece{from.age, from.envelope, cut_out(*from.batch, first, last), crashes, suspect});
}

void work_table::enqueue_unknown(uint64_t envelope, entry& owner, time_point now) {
  const piece whole{owner.age, envelope, owner.whole};
  if (hung_.empty())
    return enqueue(whole);
  const auto count = static_cast<uint32_t>(whole.batch->records.size());
  uint32_t first = 0;
  for (uint32_t at = 0; at < count; ++at) {
    if (!hung_.has(*whole.batch, whole.batch->records[at], now))
      continue;
    add_piece(owner, whole, first, at, 0, false);
    quarantine(owner, *whole.batch, at, "hung workers when it came before");
    first = at + 1;
  }
  if (first == 0)
    return enqueue(whole);
  add_piece(owner, whole, first, count, 0, false);
  close_piece(envelope, owner);
}

void work_table::quarantine(entry& owner, const record_batch& batch, uint32_t record,
                            std::string detail) {
  const auto& ref = batch.records[record];
  rejection r;
  r.part = ref.part;
  r.record = ref.record;
  r.line = ref.line;
  r.code = reject::quarantined;
  r.detail = std::move(detail);
  r.body = batch.text_of(ref);
  owner.quarantined.push_back(std::move(r));
  owner.cut = true;
}

void work_table::close_piece(uint64_t envelope, entry& owner) {
  if (--owner.open == 0)
    done_.push_back(envelope);
}

std::vector<work_table::worker_id> work_table::overdue(time_point now) const {
  std::vector<worker_id> late;
  for (const auto& [job, given] : orders_) {
    if (now - given.since <= limits_.deadline)
      break; // younger ones follow
    late.push_back(given.worker);
  }
  return late;
}

void work_table::excuse(std::chrono::steady_clock::duration standstill) {
  for (auto& [job, given] : orders_)
    given.since += standstill;
}

std::vector<batch_ptr> work_table::expire(time_point now) {
  std::map<uint64_t, batch_ptr> by_age; // the table's own order says nothing
  for (auto& [id, owner] : entries_) {
    const auto& source = *owner.whole->source;
    if (owner.held == 0 && !owner.cut && source.deadline != time_point{}
        && source.deadline < now && !asks_for(source, ack_level::accepted))
      by_age.emplace(owner.age, owner.whole);
  }
  std::vector<batch_ptr> expired;
  if (by_age.empty())
    return expired;
  for (auto& [age, batch] : by_age) {
    entries_.erase(batch->source->id);
    expired.push_back(std::move(batch));
  }
  for (auto& level : lanes_)
    for (auto& queue : level.of)
      queued_ -=
        std::erase_if(queue, [&](const piece& p) { return !entries_.count(p.envelope); });
  std::erase_if(done_, [&](uint64_t id) { return !entries_.count(id); });
  return expired;
}

bool work_table::must_wait(uint64_t envelope) const {
  const auto& own = entries_.at(envelope);
  const auto request = streamed_request(*own.whole);
  return request != 0
         && std::any_of(entries_.begin(), entries_.end(), [&](const auto& other) {
              return other.second.age < own.age
                     && streamed_request(*other.second.whole) == request;
            });
}

std::optional<work_table::finished> work_table::take_done() {
  const auto next = std::find_if(done_.begin(), done_.end(), [this](uint64_t envelope) {
    return !must_wait(envelope);
  });
  if (next == done_.end())
    return std::nullopt;
  auto found = entries_.extract(*next);
  done_.erase(next);
  auto& owner = found.mapped();
  finished out{nullptr, owner.whole->records.size(), owner.since, owner.fused,
               owner.next};
  out.batch = owner.cut ? merge(*owner.whole, owner.results, std::move(owner.quarantined))
                        : std::move(owner.results.front());
  return out;
}

namespace {

template <class T>
bool by_record(const T& a, const T& b) noexcept {
  return std::pair{a.part, a.record} < std::pair{b.part, b.record};
}

void add_dropped(std::vector<uint32_t>& sum, const std::vector<uint32_t>& dropped) {
  if (sum.size() < dropped.size())
    sum.resize(dropped.size());
  for (size_t i = 0; i < dropped.size(); ++i)
    sum[i] += dropped[i];
}

/// Copies the standing records of all results, in order, into one new buffer.
void gather(record_batch& out, const std::vector<batch_ptr>& results) {
  std::vector<std::pair<record_ref, const record_batch*>> standing;
  size_t bytes = 0;
  for (const auto& part : results) {
    for (const auto& ref : part->records) {
      standing.emplace_back(ref, part.get());
      bytes += ref.size;
    }
  }
  // the parts of a record stay in their order
  std::stable_sort(standing.begin(), standing.end(), [](const auto& a, const auto& b) {
    return by_record(a.first, b.first);
  });
  auto text = std::make_shared<std::string>();
  text->reserve(bytes + text_padding);
  out.records.reserve(standing.size());
  for (auto& [ref, from] : standing) {
    const auto body = from->text_of(ref);
    ref.offset = static_cast<uint32_t>(text->size());
    text->append(body);
    out.records.push_back(ref);
  }
  out.text = std::move(text);
}

} // namespace

batch_ptr merge(const record_batch& whole, const std::vector<batch_ptr>& results,
                std::vector<rejection> quarantined) {
  auto out = std::make_shared<record_batch>();
  out->source = whole.source;
  gather(*out, results);
  out->rejections = whole.rejections;
  out->dropped.resize(whole.source->parts.size());
  add_dropped(out->dropped, whole.dropped);
  auto fresh = std::move(quarantined);
  for (const auto& part : results) {
    fresh.insert(fresh.end(), part->rejections.begin(), part->rejections.end());
    add_dropped(out->dropped, part->dropped);
  }
  std::stable_sort(fresh.begin(), fresh.end(), by_record<rejection>);
  std::move(fresh.begin(), fresh.end(), std::back_inserter(out->rejections));
  return out;
}

} // namespace weir
