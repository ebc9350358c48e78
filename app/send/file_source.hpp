// FILE SOURCE: a file or standard input as a stream of bytes. If its first bytes say gzip
// or zstd, it is decoded on the way, and must be whole.
#pragma once

#include "app/send/cut.hpp"
#include "app/send/interruption.hpp"
#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace weir {

struct opened_source {
  byte_source read; ///< keeps the file open
  /// The size of a regular file that is not compressed.
  std::optional<uint64_t> bytes_total;
  /// Waits until read() has something to give at once, for `silence_max` at most. Empty for a
  /// regular file, which always has.
  ready_function ready = {};
  /// Says what the file is and when it was last changed; empty when it is not a regular one.
  std::string identity = {};
};

/// A pipe that gives nothing for so long is silent: what has come is sent.
inline constexpr std::chrono::milliseconds silence_max{1'000};

/// The same bytes, or what they decode to. `path` is for errors. Failure: malformed_body
/// if they are corrupt or end too early.
result<opened_source> decoded(opened_source source, const std::string& path);

/// `-` is standard input. Failure: io_failed with the path and the reason. `stop`, which
/// outlives the source, ends a read that waits: it fails then.
result<opened_source> open_source(const std::string& path,
                                  const interruption* stop = nullptr);

} // namespace weir
