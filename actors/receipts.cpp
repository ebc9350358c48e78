#include "actors/receipts.hpp"

#include "proto/ports.hpp"

namespace weir {

void answer_failed(const batch_ptr& batch, ec outcome, std::string_view detail) {
  const auto origin = batch->source->origin.lock();
  if (!origin)
    return;
  auto receipt = std::make_shared<batch_receipt>();
  receipt->batch = batch;
  const auto& parts = batch->source->parts;
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

} // namespace weir
