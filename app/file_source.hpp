// FILE SOURCE: a file or standard input as a stream of bytes. One that is gzip or zstd, by its
// first bytes, is decoded on the way.
#pragma once

#include "app/send_cut.hpp"
#include "proto/result.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace weir {

struct opened_source {
  byte_source read;                    ///< keeps the file open
  std::optional<uint64_t> bytes_total; ///< of a regular file that is not compressed
};

/// The same bytes, or what they decode to. `path` is for errors. Failure: malformed_body when
/// they are corrupt or end too early.
result<opened_source> decoded(opened_source source, const std::string& path);

/// `-` is standard input. Failure: io_failed with the path and the reason.
result<opened_source> open_source(const std::string& path);

} // namespace weir
