// Reads the first row of a CSV body: the names of its columns.
#pragma once

#include "base/result.hpp"
#include "proto/batch.hpp"

#include <cstdint>
#include <string_view>

namespace weir {

/// Takes the columns' names from `row` (one CSV row without its line end; RFC 4180 §2, quotes
/// resolved). It fails with malformed_body, naming line (`line` counts from 0) and column,
/// when a name is empty or there twice (unless `dialect` mends that) or not UTF-8, when there
/// are more than `columns_max`, when the quoting is wrong, or when the row is one unquoted name
/// with another delimiter in it: the body has many columns then, divided by something else.
result<csv_header> parse_csv_header(std::string_view row, uint64_t line,
                                    uint32_t columns_max, csv_dialect dialect);

/// Names the columns column_1, column_2, …, as many as `row` has fields.
result<csv_header> number_csv_columns(std::string_view row, uint64_t line,
                                      uint32_t columns_max, csv_dialect dialect);

} // namespace weir
