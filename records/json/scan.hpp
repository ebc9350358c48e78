// A strict reader of JSON text (RFC 8259) that builds nothing: it finds where a value ends and
// refuses what is not JSON. Record texts have passed simdjson before. Steps promise to write
// nothing but JSON, and with this reader the promise does not depend on simdjson.
#pragma once

#include "records/json/arena.hpp"
#include "records/json/special_bytes.hpp"

#include <string_view>

namespace weir::steps {

/// The most containers that may be open inside each other, the record included.
inline constexpr unsigned depth_max = 64;

// A reader goes from token to token: each function takes its place and the text's end, and
// returns the place it went on to, or null. The place is passed by value, so it stays in a
// register from one token to the next; in a struct passed by reference it was stored and
// loaded for each. At least 16 bytes after `end` are readable (text_padding).

constexpr bool is_space(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// The first byte from `at` on that is no white space, or `end`.
inline const char* skip_space(const char* at, const char* end) noexcept {
  if (at != end && static_cast<unsigned char>(*at) > ' ')
    return at;
  while (at != end && is_space(*at))
    ++at;
  return at;
}

/// The next special byte; `end` or a byte after it when there is none.
inline const char* next_special(const char* at, const char* end) noexcept {
  for (; at < end; at += special_block)
    if (const unsigned mask = special_mask(at))
      return at + std::countr_zero(mask);
  return at;
}

/// Goes on for scan_string() from a special byte that is not the closing quote.
const char* scan_rest_of_string(const char* at, const char* end, bool& escaped) noexcept;

/// Goes from the byte after the opening quote to the closing one. Null: no valid string.
inline const char* scan_string(const char* at, const char* end, bool& escaped) noexcept {
  at = next_special(at, end);
  return at < end && *at == '"' ? at : scan_rest_of_string(at, end, escaped);
}

/// Goes from the first byte of a value to the byte after it. Sets `spaced` when white space
/// was outside strings. Null: no JSON, or more than `depth_left` containers are inside each
/// other.
const char* scan_value(const char* at, const char* end, unsigned depth_left,
                       bool& spaced) noexcept;

/// True if the whole text is one JSON number; it needs no padding.
bool is_json_number(std::string_view text) noexcept;
/// True if the whole text is `-?(0|[1-9][0-9]*)`; it needs no padding.
bool is_json_integer(std::string_view text) noexcept;

/// Copies valid JSON without the white space between its tokens.
std::string_view minify(std::string_view json, arena& memory);

} // namespace weir::steps
