// EQUAL: says when two JSON values are the same (JSON Schema 2020-12 core §4.2.2): numbers by
// their mathematical value, strings by code points, objects whatever their order.
#pragma once

#include <cstdint>
#include <string_view>

#include <simdjson.h>

namespace weir::schema_detail {

/// Counts the work that one check may still do. It keeps a record from costing more than the
/// operator agreed to: branches of anyOf inside a recursive schema multiply with every level
/// of data.
struct work_budget {
  uint64_t left = 0;

  bool spend(uint64_t steps) noexcept {
    if (left < steps) {
      left = 0;
      return false;
    }
    left -= steps;
    return true;
  }
  /// Spends one step and one more per 64 bytes.
  bool spend_bytes(size_t bytes) noexcept { return spend(1 + bytes / 64); }
  bool exhausted() const noexcept { return left == 0; }
};

/// False also when the budget runs out: ask it. Objects are equal if they have as many members
/// and each member of either has an equal one in the other.
bool equal(simdjson::dom::element left, simdjson::dom::element right,
           work_budget& work) noexcept;

/// Equal values hash the same. A sender can make collisions; the budget bounds what they cost.
uint64_t hash_of(simdjson::dom::element value, work_budget& work) noexcept;

/// True if no two items are equal; false also when the budget runs out. It allocates only for
/// more than 256 items.
bool all_unique(simdjson::dom::array items, work_budget& work);

} // namespace weir::schema_detail
