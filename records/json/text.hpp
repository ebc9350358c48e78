// Writes and reads the inside of JSON strings (RFC 8259 §7), and quotes data for error texts.
#pragma once

#include "records/json/arena.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::steps {

/// The index of the first byte that must be escaped in a JSON string (`"`, `\`, below 0x20),
/// or text.size(). It reads no byte after `text`.
size_t find_special(std::string_view text) noexcept;

/// `text` as the inside of a JSON string: `text` itself when nothing needs an escape,
/// else a copy in `memory`.
std::string_view escape(std::string_view text, arena& memory);
/// Does the same on the heap: for the time when steps are compiled.
std::string escape(std::string_view text);

/// The text that the inside of a valid JSON string stands for. A surrogate without its partner
/// becomes U+FFFD, so the result is valid UTF-8.
std::string_view unescape(std::string_view text, arena& memory);

/// Writes at `out` the character that a `\uXXXX` at the front of `text` stands for, together
/// with its partner if it is a surrogate, and moves `out` past it. Returns how many bytes of
/// `text` it took; without such an escape it takes and writes nothing.
size_t take_unicode_escape(std::string_view text, char*& out) noexcept;

/// The longest prefix of at most `bytes_max` bytes that does not cut a UTF-8 character.
std::string_view clip(std::string_view text, size_t bytes_max) noexcept;

inline constexpr size_t echo_bytes_max = 64;    ///< data in an error text
inline constexpr size_t detail_bytes_max = 256; ///< a whole error text

/// Puts `text` in double quotes for an error text: at most echo_bytes_max bytes of it, control
/// bytes and quotes escaped, `…` where it was cut. `text` must be valid UTF-8.
std::string echo(std::string_view text);

} // namespace weir::steps
