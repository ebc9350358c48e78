// EQUAL: when two JSON values are the same (JSON Schema 2020-12 core §4.2.2): numbers by
// mathematical value, strings by code points, objects whatever their order.
#pragma once

#include <cstdint>
#include <string_view>

#include <simdjson.h>

namespace weir::schema_detail {

/// Work one check may still do. Keeps a record from costing more than its operator agreed
/// to: branches of anyOf inside a recursive schema multiply with every level of data.
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
  /// A step per 64 bytes looked at.
  bool spend_bytes(size_t bytes) noexcept { return spend(1 + bytes / 64); }
  bool exhausted() const noexcept { return left == 0; }
};

/// False also when the budget runs out: ask it. An object with a key twice equals only an
/// object with as many members whose first value under each key is equal.
bool equal(simdjson::dom::element left, simdjson::dom::element right,
           work_budget& work) noexcept;

/// Equal values hash the same. Collisions can be made by a sender; the budget bounds what
/// they cost.
uint64_t hash_of(simdjson::dom::element value, work_budget& work) noexcept;

/// No two items are equal. Up to 256 items without allocation; false also when the budget
/// runs out.
bool all_unique(simdjson::dom::array items, work_budget& work);

} // namespace weir::schema_detail
