#include "http/ingest/ingest_request.hpp"

#include "http/ingest/keyed_body.hpp"

#include <algorithm>
#include <utility>

namespace weir {

uint32_t ingest_request::add_chunk(uint32_t records, const batch_key& key) {
  ++unsent_;
  if (std::exchange(has_chunks_, true)) {
    later_.push_back({records, false});
    return static_cast<uint32_t>(later_.size());
  }
  key_ = key;
  first_.records = records;
  return 0;
}

uint32_t ingest_request::recall(body_cut cut, bool last, const stored_prefix& known) {
  --in_flight_;
  auto found = what_is_new(std::move(cut), last, known);
  if (!found) {
    another_body_ = true;
    if (!failure_)
      failure_ = std::move(found.error());
    return 0;
  }
  known_ = known;
  // What an earlier request has stored is durable, whatever becomes of the rest.
  first_ = {found->known, true};
  if (found->rest)
    rest_.emplace(first_rest{std::move(*found->rest), last});
  if (known.records <= found->known)
    all_known_is_read();
  return found->known;
}

result<std::optional<body_cut>> ingest_request::skip(body_cut cut, bool last) {
  const auto base = cut.record_base;
  auto found = what_is_new(std::move(cut), last, *known_);
  if (!found) {
    another_body_ = true;
    return tl::unexpected(std::move(found.error()));
  }
  later_.push_back({found->known, true});
  if (known_->records <= base + found->known)
    all_known_is_read();
  return std::move(found->rest);
}

/// Everything that was stored has come again, and the body is the same: the request now goes on
/// as after a break.
void ingest_request::all_known_is_read() {
  all_known_is_read_ = true;
  last_sequence_ = std::max(last_sequence_, known_->last_sequence);
  verdicts_.add(*known_);
}

void ingest_request::sent() noexcept {
  --unsent_;
  ++in_flight_;
}

void ingest_request::settle(uint32_t number, const batch_part& part,
                            const part_receipt& receipt,
                            std::span<const rejection> rejections) {
  if (receipt.outcome != ec::none)
    return fail_chunk(number, {receipt.outcome, receipt.detail}, true,
                      receipt.doubtful || receipt.outcome == ec::deadline_exceeded);
  --in_flight_;
  chunk(number).durable = true;
  last_sequence_ = std::max(last_sequence_, receipt.last_sequence);
  if (!abandoned()) // else nobody reads them
    verdicts_.add(part, receipt, rejections);
}

void ingest_request::fail_chunk(uint32_t, fault why, bool was_sent, bool doubtful) {
  --(was_sent ? in_flight_ : unsent_);
  if (!failure_ || (doubtful && !doubtful_))
    failure_ = std::move(why);
  doubtful_ = doubtful_ || doubtful;
}

bool ingest_request::answer_is_due(bool body_failed) const noexcept {
  // A failure tells how many records are durable, so the batches on their way are waited for.
  if (body_failed || failure_)
    return all_settled();
  switch (ack_) {
  case ack_level::accepted:
    return all_sent();
  case ack_level::durable:
    return all_settled();
  case ack_level::stored:
    return all_settled() && in_sink();
  }
  return true;
}

uint64_t ingest_request::durable_records() const noexcept {
  // What is stored under the key counts only once it is known to be of this body.
  const bool compared = !known_ || all_known_is_read_;
  if (another_body_ || !compared || !first_.durable)
    return 0;
  uint64_t records = first_.records;
  for (const auto& chunk : later_) {
    if (!chunk.durable)
      break;
    records += chunk.records;
  }
  return records;
}

} // namespace weir
