// Shared by the parts of the checker: how a violation is noted.
#pragma once

#include "records/schema/check.hpp"
#include "records/schema/text.hpp"

namespace weir::schema_detail {

template <std::invocable Make>
bool checker::fail(Make make) {
  if (!trying_)
    found_ = {"", clipped(make(), detail_bytes_max)};
  return false;
}

/// Lists the values of an enum or const for a detail: `"a" or "b" or 2 others`.
std::string listed(const value_set& set);

} // namespace weir::schema_detail
