// SCRATCH: what a worker keeps between batches, so that its work allocates nothing once it is warm.
#pragma once

#include "proto/batch.hpp"
#include "records/json/outline.hpp"
#include "records/schema/schema.hpp"
#include "records/transform/plan.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <simdjson.h>

namespace weir {

/// It belongs to one thread.
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

} // namespace weir
