// INFLATER: decodes a gzip (RFC 1952) or zstd (RFC 8878) body piece by piece into bounded
// memory.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace weir {

struct inflate_limits {
  /// The most bytes of output per byte of input, checked once 64 KiB have come out; 0: no
  /// limit. It only ends hopeless bodies early: the room of a call bounds the memory, and the
  /// caller bounds the output.
  double ratio_max = 0;
  /// A zstd frame that needs a larger window (bytes) is refused: the window is our memory.
  uint64_t window_max = uint64_t{8} << 20;
  /// The bytes that the decoder may hold without asking, see inflater::wants().
  size_t memory_free = SIZE_MAX;
};

class inflater {
 public:
  virtual ~inflater() = default;

  /// Decodes from `in`, appends at most `room` bytes to `out` and says how many bytes of `in`
  /// it used. Call again with the rest. When `out` grew by all of `room`, more may be waiting
  /// inside even if all of `in` was used: call again, with an empty `in` at the body's end.
  /// It fails with malformed_body (corrupt, trailing garbage, or a zstd window over the
  /// limit), body_too_large (over the ratio) or saturated (no memory for the decoder); every
  /// later call fails alike. `out` is never more than 64 KiB longer than what was decoded.
  virtual result<size_t> decode(std::string_view in, size_t room, std::string& out) = 0;
  /// True if all members or frames so far are complete: the body may end here. A body that
  /// ends while this is false was cut off. Zeros up to the end may follow a gzip member:
  /// tapes and block devices pad like that.
  virtual bool complete() const noexcept = 0;

  /// If not 0, decode() has stopped before a frame for whose window it needs this many bytes
  /// in all. It goes on once they are allowed.
  virtual size_t wants() const noexcept { return 0; }
  virtual void allow(size_t) noexcept {}
};

/// The bytes that a decoder of this coding holds from its making on; 0 for no coding.
size_t inflater_bytes(std::string_view coding) noexcept;
/// The bytes that a decoder may hold at most, with windows up to `window_max` bytes.
size_t inflater_bytes_max(uint64_t window_max) noexcept;

/// Makes the decoder of a content coding, in any case: "gzip", "x-gzip" or "zstd"; null for
/// "identity" and empty. Anything else fails with unsupported_media_type.
result<std::unique_ptr<inflater>> make_inflater(std::string_view coding,
                                                inflate_limits limits);

} // namespace weir
