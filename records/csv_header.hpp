// The first row of a CSV body: the names of its columns.
#pragma once

#include "proto/batch.hpp"
#include "proto/result.hpp"

#include <cstdint>
#include <string_view>

namespace weir {

/// Names the columns of `row` (one CSV row without its line end; RFC 4180 §2, quotes
/// resolved). Fails with malformed_body, naming line (`line` counts from 0) and column,
/// when a name is empty, twice there or not UTF-8, when there are more than
/// `columns_max`, or the quoting is wrong.
result<csv_header> parse_csv_header(std::string_view row, uint64_t line,
                                    uint32_t columns_max);

} // namespace weir
