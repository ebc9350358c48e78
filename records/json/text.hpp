// The inside of JSON strings (RFC 8259 §7), and short quotations of data for error texts.
#pragma once

#include "records/json/arena.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::steps {

/// Index of the first byte that must be escaped in a JSON string (`"`, `\`, below 0x20),
/// or text.size(). Reads no byte behind `text`.
size_t find_special(std::string_view text) noexcept;

/// `text` as the inside of a JSON string: `text` itself when nothing needs an escape,
/// else a copy in `memory`.
std::string_view escape(std::string_view text, arena& memory);
std::string escape(std::string_view text); ///< the same on the heap, for compile time

/// What the inside of a valid JSON string means. A surrogate without its partner becomes
/// U+FFFD, so the result is valid UTF-8.
std::string_view unescape(std::string_view text, arena& memory);

/// Writes at `out`, and moves it behind, the character that a `\uXXXX` at the front of `text`
/// stands for, together with its partner if it is a surrogate. Returns how many bytes of
/// `text` that were; 0, and nothing written, when there is no such escape.
size_t take_unicode_escape(std::string_view text, char*& out) noexcept;

/// The longest prefix of at most `bytes_max` bytes that does not cut a UTF-8 character.
std::string_view clip(std::string_view text, size_t bytes_max) noexcept;

inline constexpr size_t echo_bytes_max = 64;    ///< of data in an error text
inline constexpr size_t detail_bytes_max = 256; ///< of a whole error text

/// `text` in double quotes for an error: at most echo_bytes_max bytes of it, control
/// bytes and quotes escaped, `…` where it was cut. `text` must be valid UTF-8.
std::string echo(std::string_view text);

} // namespace weir::steps
