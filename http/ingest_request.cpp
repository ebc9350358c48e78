#include "http/ingest_request.hpp"

#include <algorithm>
#include <utility>

namespace weir {

void ingest_request::add_chunk(uint32_t records, const batch_key& key) {
  ++unsent_;
  if (std::exchange(has_chunks_, true))
    return later_.push_back({records, false});
  key_ = key;
  first_.records = records;
}

void ingest_request::sent() noexcept {
  --unsent_;
  ++in_flight_;
}

void ingest_request::settle(uint32_t number, const batch_part& part,
                            const part_receipt& receipt,
                            std::span<const rejection> rejections) {
  if (receipt.outcome != ec::none)
    return fail_chunk(number, {receipt.outcome, receipt.detail}, true);
  --in_flight_;
  chunk(number).durable = true;
  last_sequence_ = std::max(last_sequence_, receipt.last_sequence);
  if (!abandoned()) // else nobody reads them
    verdicts_.add(part, receipt, rejections);
}

void ingest_request::fail_chunk(uint32_t, fault why, bool was_sent) {
  --(was_sent ? in_flight_ : unsent_);
  if (!failure_)
    failure_ = std::move(why);
}

uint64_t ingest_request::durable_records() const noexcept {
  if (!first_.durable)
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
