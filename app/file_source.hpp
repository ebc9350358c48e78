// FILE SOURCE: a file or standard input as a stream of bytes.
#pragma once

#include "app/send_cut.hpp"
#include "proto/result.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace weir {

struct opened_source {
  byte_source read;                    ///< keeps the file open
  std::optional<uint64_t> bytes_total; ///< of a regular file
};

/// `-` is standard input. Failure: io_failed with the path and the reason.
result<opened_source> open_source(const std::string& path);

} // namespace weir
