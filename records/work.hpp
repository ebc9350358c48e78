// WORK: what the two kinds of worker do to a batch, as plain functions. The actors around them
// add only mail, supervision and the mark that says which record is being worked on.
#pragma once

#include "proto/batch.hpp"
#include "records/catalog.hpp"
#include "records/fused_batch.hpp"
#include "records/json/outline.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <simdjson.h>

namespace weir {

class clock_source;

/// What a worker keeps between batches. It belongs to one thread.
struct work_scratch {
  explicit work_scratch(uint64_t seed) : transform(make_plan_scratch(seed)) {}

  simdjson::dom::parser parser;
  member_order order{}; ///< the members' order in the records checked last
  plan_scratch_ptr transform;

  /// A record that was validated and is transformed next.
  struct standing {
    record_ref ref;
    uint32_t index = 0; ///< its place in the batch's records
  };
  std::vector<standing> block;
  record_outline outline; ///< the tokens of the records in `block`
  std::string decoded;    ///< their texts, if these are not in the batch's text
};

/// Decodes every record to a JSON object and checks it against the stream's schema. Before each
/// record it stores the record's index in `batch.records` in `mark`.
batch_ptr validate(const record_batch& batch, const catalog& streams,
                   work_scratch& scratch, std::atomic<uint32_t>& mark);

/// Runs the stream's steps on every record; needs a validated batch.
batch_ptr transform(const record_batch& batch, const catalog& streams,
                    work_scratch& scratch, std::atomic<uint32_t>& mark);

/// Gives the same result as one after the other, but takes a few records at a time, while their
/// texts and what the parser knows about them are in the core's cache.
fused_batch validate_and_transform(const record_batch& batch, const catalog& streams,
                                   work_scratch& scratch, std::atomic<uint32_t>& mark,
                                   const clock_source& clock);

} // namespace weir
