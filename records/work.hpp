// WORK: what the two kinds of worker do to a batch, as plain functions. The actors around
// them add only mail, supervision and the mark that says which record is in hand.
#pragma once

#include "proto/batch.hpp"
#include "records/catalog.hpp"
#include "records/outline.hpp"

#include <atomic>
#include <cstdint>
#include <memory>

#include <simdjson.h>

namespace weir {

/// What a worker keeps between batches. One thread.
struct work_scratch {
  explicit work_scratch(uint64_t seed) : transform(make_plan_scratch(seed)) {}
  simdjson::dom::parser parser;
  batch_outline outline; ///< of the batch that validate made last
  member_order order{};  ///< of the records that validate checked last
  plan_scratch_ptr transform;
};

/// Decodes every record to a JSON object and checks it against the stream's schema.
/// Before each record its index in `batch.records` is stored in `mark`.
batch_ptr validate(const record_batch& batch, const catalog& streams,
                   work_scratch& scratch, std::atomic<uint32_t>& mark);

/// Runs the stream's steps on every record; needs a validated batch. What the scratch
/// knows of its records from validating them is not read again.
batch_ptr transform(const record_batch& batch, const catalog& streams,
                    work_scratch& scratch, std::atomic<uint32_t>& mark);

} // namespace weir
