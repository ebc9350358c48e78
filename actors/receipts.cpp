#include "actors/receipts.hpp"

#include "proto/ports.hpp"

#include <algorithm>

namespace weir {

void answer_failed(const batch_ptr& batch, ec outcome, std::string_view detail) {
  const auto origin = batch->source->origin.lock();
  if (!origin)
    return;
  auto receipt = std::make_shared<batch_receipt>();
  receipt->batch = batch;
  const auto& parts = batch->source->parts;
  // One batch may have parts of several requests: each part is answered.
  receipt->parts.resize(parts.size());
  for (uint32_t i = 0; i < parts.size(); ++i) {
    auto& part = receipt->parts[i];
    part.request = parts[i].request;
    part.part = i;
    part.key = parts[i].key;
    part.outcome = outcome;
    part.detail = detail;
  }
  origin->deliver(std::move(receipt));
}

receipt_ptr without_doubtful_refusals(const receipt_ptr& receipt) {
  const auto refused = [](const part_receipt& part) {
    return is_refusal(part.outcome) || part.outcome == ec::out_of_turn;
  };
  const auto& parts = receipt->parts;
  if (!receipt->batch->source->copied.is_set()
      || std::none_of(parts.begin(), parts.end(), refused))
    return receipt;
  auto doubtful = std::make_shared<batch_receipt>(*receipt);
  for (auto& part : doubtful->parts) {
    if (!refused(part))
      continue;
    if (part.outcome == ec::out_of_turn) {
      part.doubtful = true; // its owner sends it again all the same
      continue;
    }
    part.detail.insert(0, "an earlier copy may be stored; of this one: ");
    part.outcome = ec::deadline_exceeded;
  }
  return doubtful;
}

} // namespace weir
