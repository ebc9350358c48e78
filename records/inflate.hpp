// INFLATER: a gzip (RFC 1952) or zstd (RFC 8878) body, decoded piece by piece into
// bounded memory.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace weir {

struct inflate_limits {
  /// Output : input, checked once 64 KiB have come out; 0: any. What counts is bounded by
  /// others: memory by the room of a call, output by who calls.
  double ratio_max = 0;
  /// A zstd frame that needs a larger window is refused: it is memory of ours.
  uint64_t window_max = uint64_t{8} << 20;
  /// What the decoder may hold without asking, see inflater::wants().
  size_t memory_free = SIZE_MAX;
};

class inflater {
 public:
  virtual ~inflater() = default;

  /// Decodes from `in`, appends at most `room` bytes to `out` and says how much of `in`
  /// was used. Call again with the rest. When `out` grew by all of `room`, more may be
  /// waiting inside even if all of `in` was used: call again, with an empty `in` at the
  /// body's end. Fails with malformed_body (corrupt, trailing garbage, or a zstd window
  /// over the limit), body_too_large (over the ratio) or saturated (no memory for the
  /// decoder); every later call fails alike. `out` never grows by more than 64 KiB ahead
  /// of what was decoded.
  virtual result<size_t> decode(std::string_view in, size_t room, std::string& out) = 0;
  /// The compressed stream (all members or frames so far) is complete: the body may end
  /// here. Zeros up to the end may follow a gzip member: tapes and block devices pad so. A
  /// body that ends while this is false was cut off.
  virtual bool complete() const noexcept = 0;

  /// Not 0: decode() has stopped before a frame for whose window it needs so many bytes in
  /// all. It goes on once they are allowed.
  virtual size_t wants() const noexcept { return 0; }
  virtual void allow(size_t) noexcept {}
};

/// What a decoder of this coding holds from its making on; 0 for no coding.
size_t inflater_bytes(std::string_view coding) noexcept;
/// And at most, with windows up to `window_max`.
size_t inflater_bytes_max(uint64_t window_max) noexcept;

/// By content coding, in any case: "gzip", "x-gzip", "zstd"; null for "identity" and
/// empty; anything else is unsupported_media_type. zstd windows over `window_max` are refused.
result<std::unique_ptr<inflater>> make_inflater(std::string_view coding,
                                                inflate_limits limits);

} // namespace weir
