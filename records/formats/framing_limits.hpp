// What a body may demand of whoever looks for its records.
#pragma once

#include "proto/batch.hpp"

#include <cstddef>
#include <cstdint>

namespace weir {

struct framing_limits {
  size_t record_bytes_max = size_t{1} << 20; ///< a longer record ends the request: 413
  uint32_t csv_columns_max = 1024;
  csv_dialect csv{};
};

} // namespace weir
