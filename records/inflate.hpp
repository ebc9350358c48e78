// INFLATER: a gzip (RFC 1952) or zstd (RFC 8878) body, decoded piece by piece into bounded memory.
#pragma once

#include "proto/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace weir {

struct inflate_limits {
  double ratio_max = 100; ///< output : input, checked once 64 KiB have come out
};

class inflater {
public:
  virtual ~inflater() = default;

  /// Decodes from `in`, appends at most `room` bytes to `out` and says how much of `in` was used.
  /// Call again with the rest. Fails with malformed_body (corrupt, or trailing garbage) or
  /// body_too_large (over the ratio).
  virtual result<size_t> decode(std::string_view in, size_t room, std::string& out) = 0;
  /// The compressed stream (all members or frames so far) is complete: the body may end here.
  virtual bool complete() const noexcept = 0;
};

/// By content coding: "gzip", "x-gzip", "zstd"; null for "identity" and empty; anything else is
/// unsupported_media_type. zstd windows over 8 MiB are refused.
result<std::unique_ptr<inflater>> make_inflater(std::string_view coding, inflate_limits limits);

} // namespace weir
