#include "http/ingest/outstanding.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "http/ingest/keyed_body.hpp"
#include "proto/ports.hpp"
#include "proto/telemetry.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

const part_receipt* receipt_of(const batch_receipt& receipt, uint32_t part) noexcept {
  if (part < receipt.parts.size() && receipt.parts[part].part == part)
    return &receipt.parts[part];
  const auto found = std::find_if(receipt.parts.begin(), receipt.parts.end(),
                                  [&](const auto& r) { return r.part == part; });
  return found == receipt.parts.end() ? nullptr : &*found;
}

/// True if another copy of the batch may fare better. A draining node makes no other copy, and
/// a client that waited too long is told anyway that the outcome is not known.
bool may_pass(ec refusal) noexcept {
  return (is_refusal(refusal) && refusal != ec::draining) || refusal == ec::out_of_turn;
}

/// True for one of several batches of a request; such a batch has one part.
bool is_streamed(const envelope& source) noexcept {
  return source.parts.size() == 1 && source.parts.front().request != 0;
}

/// The part as it was cut; it is the first of its body.
body_cut cut_of(const record_batch& batch, size_t index, const part_owner& owner) {
  const auto& part = batch.source->parts[index];
  body_cut cut;
  // The envelope may hold other requests' parts; offsets in it count from its begin.
  for (const auto& ref : batch.records)
    if (ref.part == index) {
      cut.records.push_back(ref);
      cut.records.back().part = 0;
      cut.records.back().offset -= owner.begin;
    }
  const auto& last = cut.records.back();
  cut.bytes = std::string_view{batch.source->bytes}.substr(
    owner.begin, size_t{last.offset} + last.size);
  cut.format = part.format;
  cut.header = part.header;
  cut.fingerprint = owner.last
                      ? part.fingerprint
                      : closed_fingerprint(cut.bytes, cut.format, cut.header.get());
  return cut;
}

} // namespace

std::array<counter*, reject_codes> record_metrics::by_reason(telemetry& in) {
  std::array<counter*, reject_codes> all{};
  for (size_t i = 0; i < all.size(); ++i) {
    // The codes begin with 1; what has none has no series.
    const std::string reason{i == 0 ? "" : to_string(static_cast<reject>(i))};
    all[i] = &in.counter(
      {"weir_records_rejected_total", "Records refused one by one.",
       "Records refused one by one; the reasons are the codes of [http.md](http.md)."},
      {{"reason", reason}});
  }
  return all;
}

uint64_t record_metrics::all_rejected() const noexcept {
  uint64_t sum = 0;
  for (const auto* count : rejected)
    sum += count->load(std::memory_order_relaxed);
  return sum;
}

bool outstanding::submit(submission s) {
  const auto now = context_.clock.now();
  auto& arrived = *s.arrived;
  // Never used again, even after the gateway's restart: a late receipt matches no new batch.
  arrived.id = next_envelope_id();
  arrived.received_at_us = context_.clock.unix_us();
  arrived.deadline = now + opts_.request_timeout;
  arrived.origin = opts_.origin;
  const auto records = s.records.size();
  auto batch = std::make_shared<record_batch>();
  batch->source = s.arrived;
  batch->text = std::shared_ptr<const std::string>(s.arrived, &arrived.bytes);
  batch->records = std::move(s.records);
  batch->dropped.assign(arrived.parts.size(), 0);
  // Counted first: the receipt's thread may be faster than this one.
  add(metrics_.received, records);
  metrics_.in_flight.fetch_add(static_cast<int64_t>(records), std::memory_order_relaxed);
  if (!context_.pipeline.submit(batch)) {
    metrics_.received.fetch_sub(records, std::memory_order_relaxed);
    metrics_.in_flight.fetch_sub(static_cast<int64_t>(records),
                                 std::memory_order_relaxed);
    refuse(s);
    return false;
  }
  if (opts_.total)
    opts_.total->fetch_add(1, std::memory_order_relaxed);
  auto& kept = entries_[arrived.id];
  kept.batch = std::move(batch);
  kept.owners = std::move(s.owners);
  kept.charged = s.charged;
  kept.begun = s.by == gathered::no ? now : s.begun;
  kept.sent = now;
  kept.beside = gate_.used().batches;
  kept.by = s.by;
  for (const auto& owner : kept.owners) {
    owner.request->sent();
    if (owner.request->ack() == ack_level::accepted)
      owner.request->notify();
  }
  return true;
}

void outstanding::refuse(submission& s) {
  gate_.return_unused(s.charged);
  for (const auto& owner : s.owners)
    owner.request->fail_chunk(
      owner.chunk, {ec::stage_away, "a stage is being restarted; nothing was stored"},
      false);
  for (const auto& owner : s.owners)
    owner.request->notify();
}

std::map<uint64_t, outstanding::entry>::iterator
outstanding::find(const batch_receipt& receipt) noexcept {
  return receipt.batch && receipt.batch->source ? entries_.find(receipt.batch->source->id)
                                                : entries_.end();
}

gathered outstanding::ends(const batch_receipt& receipt) noexcept {
  const auto found = find(receipt);
  return found != entries_.end() && !undecided(found->second, receipt) ? found->second.by
                                                                       : gathered::no;
}

outstanding::fate outstanding::receive(const batch_receipt& receipt) {
  const auto found = find(receipt);
  if (found == entries_.end())
    return fate::unknown; // the second receipt of a batch that was submitted twice
  if (may_come_again(found->second, receipt) && receipt.parts.front().doubtful)
    found->second.batch->source->copied.set(); // another node may have stored it
  found->second.undecided = undecided(found->second, receipt);
  if (found->second.undecided)
    return fate::unknown;
  const auto done = std::move(found->second);
  entries_.erase(found);
  for (size_t i = 0; i < done.owners.size(); ++i)
    settle_part(done, i, receipt);
  close(done);
  return fate::settled;
}

bool outstanding::undecided(const entry& e, const batch_receipt& receipt) const noexcept {
  if (may_come_again(e, receipt))
    return true;
  return e.batch->source->copied.is_set()
         && std::any_of(receipt.parts.begin(), receipt.parts.end(),
                        [](const auto& part) { return may_pass(part.outcome); });
}

/// True for a batch of a streamed request that nobody took: the ones after it can't be stored
/// without it, and the cause passes. The client hears of it only if that takes too long.
bool outstanding::may_come_again(const entry& e,
                                 const batch_receipt& receipt) const noexcept {
  const auto& source = *e.batch->source;
  return is_streamed(source) && receipt.parts.size() == 1
         && (receipt.parts.front().outcome == ec::stage_away
             || receipt.parts.front().outcome == ec::out_of_turn)
         && !e.owners.front().request->failure()
         && context_.clock.now() < source.deadline;
}

bool outstanding::submit_again(entry& e) {
  if (is_streamed(*e.batch->source))
    e.batch->source->settled.set(e.owners.front().request->durable_records());
  return context_.pipeline.submit(e.batch);
}

/// Refuses batches that wait to be submitted again although their request has failed or their
/// deadline has passed.
void outstanding::refuse_hopeless(std::vector<gathered>& free) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto& waiting = at->second;
    const auto& source = *waiting.batch->source;
    // Only a batch without a copy under way: nothing of it can still be stored.
    const bool hopeless = waiting.undecided && !source.copied.is_set()
                          && is_streamed(source)
                          && (waiting.owners.front().request->failure()
                              || context_.clock.now() >= source.deadline);
    if (!hopeless) {
      ++at;
      continue;
    }
    const auto refused = std::move(at->second);
    at = entries_.erase(at);
    batch_receipt receipt;
    receipt.batch = refused.batch;
    auto& part = receipt.parts.emplace_back();
    part.outcome = ec::stage_away;
    part.detail =
      "a stage is being restarted; nothing of this part of the body was stored";
    settle_part(refused, 0, receipt);
    free.push_back(refused.by);
    close(refused);
  }
}

void outstanding::settle_part(const entry& e, size_t index,
                              const batch_receipt& receipt) {
  const auto& part = e.batch->source->parts[index];
  const auto& owner = e.owners[index];
  part_receipt missing;
  missing.part = static_cast<uint32_t>(index);
  missing.outcome = ec::crashed;
  missing.detail = "the pipeline's receipt has no word of this request";
  const auto* given = receipt_of(receipt, static_cast<uint32_t>(index));
  part_receipt unknown;
  if (given && e.batch->source->copied.is_set() && given->outcome == ec::draining) {
    unknown = *given;
    unknown.outcome = ec::deadline_exceeded;
    unknown.detail = "the node shuts down and the outcome is not known";
    given = &unknown;
  }
  if (given && given->outcome == ec::out_of_turn) {
    unknown = *given; // a code that clients do not know
    const bool doubtful = given->doubtful || e.batch->source->copied.is_set();
    unknown.outcome = doubtful ? ec::deadline_exceeded : ec::stage_away;
    unknown.detail =
      doubtful ? "a copy of a part of the body may be stored; the rest is not"
               : "a part of the body could not be stored after the ones before it";
    given = &unknown;
  }
  if (!given) {
    log_event(log_level::error, "receipt_lacks_part",
              {{"batch", e.batch->source->id}, {"part", index}});
    given = &missing;
  }
  if (given->outcome == ec::key_reused && given->known.records > 0 && owner.chunk == 0
      && part.record_base == 0)
    return recall(e, index, given->known);
  account(part, *given, receipt.batch->rejections);
  owner.request->settle(owner.chunk, part, *given, receipt.batch->rejections);
  if (owner.request->ack() == ack_level::stored && owner.request->all_settled())
    await_sink(owner.request);
}

/// The journal knows the key of this part, the first of its body, and has more of the body, less,
/// or another body. Known records count as duplicates; if the body is the same, the session
/// gets the rest and submits it as another batch.
void outstanding::recall(const entry& e, size_t index, const stored_prefix& known) {
  const auto& part = e.batch->source->parts[index];
  const auto& owner = e.owners[index];
  const auto repeated =
    owner.request->recall(cut_of(*e.batch, index, owner), owner.last, known);
  metrics_.in_flight.fetch_sub(part.records, std::memory_order_relaxed);
  add(metrics_.duplicate, repeated);
  if (repeated == 0)
    add(metrics_.failed, part.records);
  // The rest counts as received when it comes again.
  else
    metrics_.received.fetch_sub(part.records - repeated, std::memory_order_relaxed);
  if (owner.request->ack() == ack_level::stored && owner.request->all_settled())
    await_sink(owner.request);
}

void outstanding::account(const batch_part& part, const part_receipt& receipt,
                          const std::vector<rejection>& rejections) {
  // `left` keeps the balance of outstanding.hpp: what the receipt does not tell has failed.
  uint64_t left = part.records;
  const auto move = [&](counter& to, uint64_t n) {
    n = std::min(n, left);
    add(to, n);
    left -= n;
  };
  if (receipt.outcome == ec::none && receipt.duplicate)
    move(metrics_.duplicate, part.records);
  if (receipt.outcome == ec::none && !receipt.duplicate) {
    move(metrics_.accepted, receipt.accepted);
    move(metrics_.dropped, receipt.dropped);
    for (const auto& r : rejections)
      if (r.part == receipt.part)
        move(*metrics_.rejected[static_cast<size_t>(r.code)], 1);
    if (left > 0)
      log_event(log_level::error, "receipt_lacks_verdicts",
                {{"missing", left}, {"records", part.records}});
  }
  move(metrics_.failed, left);
  metrics_.in_flight.fetch_sub(part.records, std::memory_order_relaxed);
}

void outstanding::await_sink(const std::shared_ptr<ingest_request>& request) {
  if (request->last_sequence() <= stored_)
    request->reached_sink(stored_);
  else if (!request->abandoned()) // else there is nobody to tell
    request->await_sink(awaiting_sink_.wait(request->last_sequence(), request));
}

/// The claim goes back before the owners hear: one of them may want it for its next
/// batch.
void outstanding::close(const entry& e) {
  if (opts_.total)
    opts_.total->fetch_sub(1, std::memory_order_relaxed);
  const auto now = context_.clock.now();
  if (e.excused) // its delay says nothing of the throughput
    gate_.release(e.charged, now);
  else
    gate_.complete(e.charged, e.beside, now - e.begun, now);
  for (const auto& owner : e.owners)
    owner.request->notify();
}

void outstanding::stored(uint64_t sequence) {
  stored_ = std::max(stored_, sequence);
  while (const auto request = awaiting_sink_.next(stored_)) {
    request->reached_sink(stored_);
    request->notify();
  }
}

void outstanding::resubmit() {
  for (auto& [id, e] : entries_) {
    e.batch->source->copied.set();
    e.undecided = false;
    if (!submit_again(e))
      return; // away again: another resubmit() will come
  }
}

std::vector<gathered> outstanding::expire(time_point now) {
  std::vector<gathered> free;
  refuse_hopeless(free);
  for (auto& [id, e] : entries_)
    if (e.undecided && submit_again(e))
      e.undecided = false;
  while (!entries_.empty() && now - entries_.begin()->second.sent >= opts_.abandon_after)
    give_up_oldest(free);
  if (opts_.hold_up_max.count() > 0)
    excuse_slow(now, free);
  return free;
}

void outstanding::give_up_oldest(std::vector<gathered>& free) {
  // Ids grow: the first entry is the oldest.
  const auto lost = std::move(entries_.begin()->second);
  entries_.erase(entries_.begin());
  log_event(
    log_level::error, "batch_abandoned",
    {{"batch", lost.batch->source->id}, {"after_ms", opts_.abandon_after.count()}});
  const auto& parts = lost.batch->source->parts;
  for (size_t i = 0; i < lost.owners.size(); ++i) {
    part_receipt unknown;
    unknown.part = static_cast<uint32_t>(i);
    unknown.outcome = ec::deadline_exceeded;
    account(parts[i], unknown, {});
    lost.owners[i].request->fail_chunk(
      lost.owners[i].chunk, {ec::deadline_exceeded, "no receipt came"}, true, true);
  }
  free.push_back(lost.by);
  close(lost);
}

/// A record that hangs its worker must not hold up everybody's small requests, of which only
/// coalesce_window batches are in flight. The slow batch now takes the credit it was sent
/// without, which bounds how many take its place. Larger requests have credit, and a window
/// with room for several.
void outstanding::excuse_slow(time_point now, std::vector<gathered>& free) {
  for (auto& [id, e] : entries_) {
    if (e.by != gathered::small || now - e.sent < opts_.hold_up_max)
      continue;
    const auto level = e.batch->source->level;
    if (gate_.enter({0, 1}, level, admission_policy::reject, {}).what
        != admission::verdict::granted)
      return;
    ++e.charged.batches;
    e.excused = true;
    free.push_back(std::exchange(e.by, gathered::no));
  }
}

} // namespace weir
