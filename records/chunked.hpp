// CHUNKED DECODER: the body of a request with `Transfer-Encoding: chunked` (RFC 9112
// §7.1), decoded piece by piece as it comes off a socket. It does no I/O and allocates
// nothing but what `out` needs.
//
//   chunked_decoder chunks;              // one per request body; one thread
//   while (true) {
//     auto step = chunks.decode(unread, room, body);
//     if (!step) -> answer step.error() (400) and close: the framing is lost for good
//     unread.remove_prefix(step->used);  // body grew by at most `room` bytes
//     if (step->done) break;             // `unread` is the next, pipelined request
//     // body full -> make room; unread empty -> read more from the socket
//   }
//
// It is strict, because requests are smuggled where two readers disagree about the end of
// a body:
//   - a chunk size is 1 to 16 hex digits and nothing else: no sign, no `0x`, no blank
//     before it;
//   - every line ends in CR LF; a lone CR or LF is refused, after a chunk's data too;
//   - chunk extensions are read over (visible characters, blank, tab, obs-text; at most
//     `extension_bytes_max` per chunk);
//   - trailer fields are read over and discarded: each needs a token, a colon and no
//     folding; at most `trailer_bytes_max` bytes and `trailer_fields_max` fields;
//   - chunk extensions of a whole body may take `extension_bytes_total_max` bytes. The
//     other framing bytes need no limit of their own: each chunk carries at least one
//     byte of data and at most 20 bytes of size line and line end, counted by whoever
//     limits the body.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

class chunked_decoder {
 public:
  static constexpr size_t extension_bytes_max = 256;
  static constexpr size_t extension_bytes_total_max = size_t{16} << 10;
  static constexpr size_t trailer_bytes_max = size_t{8} << 10;
  static constexpr size_t trailer_fields_max = 64;

  struct progress {
    size_t used = 0; ///< bytes of `in` that belong to this body and were taken; drop them
    /// The last chunk and the trailers were read: the body is complete.
    bool done = false;
  };

  /// Takes body bytes from `in` and appends at most `room` bytes of their data to `out`.
  /// It stops when `in` is used up, when `room` is full, or after the body's last byte; it
  /// reads framing even without room. If `used` < in.size() and it is not done, give it more
  /// room. Once done, a further call uses nothing. It fails with malformed_request, for
  /// good: every further call fails alike, and the connection can't be used again.
  result<progress> decode(std::string_view in, size_t room, std::string& out);

  /// Bytes of data decoded so far.
  uint64_t data_bytes() const noexcept { return data_bytes_; }

 private:
  enum class state : uint8_t {
    size_first, ///< at least one hex digit must come
    size_more,
    extension,
    size_lf, ///< after the CR of a size line
    data,
    data_cr,
    data_lf,
    trailer_first, ///< at the beginning of a trailer line, or of the empty line
    trailer_name,
    trailer_value,
    trailer_lf,
    last_lf, ///< after the CR of the empty line
    done,
    broken,
  };

  /// Moves on by one byte of framing. Returns null, or what is wrong with the byte.
  const char* step(unsigned char c) noexcept;
  const char* size_line(unsigned char c) noexcept;
  const char* trailer(unsigned char c) noexcept;

  state state_ = state::size_first;
  uint8_t size_digits_ = 0;
  uint32_t extension_bytes_ = 0;       ///< in this chunk
  uint32_t extension_bytes_total_ = 0; ///< in the body so far
  uint32_t trailer_bytes_ = 0;
  uint32_t trailer_fields_ = 0;
  uint64_t left_ = 0; ///< data bytes of this chunk still to come
  uint64_t data_bytes_ = 0;
  const char* problem_ = nullptr;
};

} // namespace weir
