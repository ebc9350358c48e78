// A strict reader of JSON text (RFC 8259) that builds nothing: it finds where a value
// ends and refuses what is not JSON. Record texts have passed simdjson before; this keeps
// the promise that steps never write anything but JSON independent of that.
#pragma once

#include "records/json/arena.hpp"
#include "records/json/special_bytes.hpp"

#include <string_view>

namespace weir::steps {

/// containers inside each other, the record included
inline constexpr unsigned depth_max = 64;

// A reader goes from token to token: each function takes where it is and the text's end, and
// returns where it went on to, or null. By value, so that the place stays in a register from
// one token to the next; in a struct behind a reference it was stored and loaded for each.
// At least 16 bytes behind `end` are readable (text_padding).

constexpr bool is_space(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// Behind white space.
inline const char* skip_space(const char* at, const char* end) noexcept {
  if (at != end && static_cast<unsigned char>(*at) > ' ')
    return at;
  while (at != end && is_space(*at))
    ++at;
  return at;
}

/// The next special byte; at or behind `end` when there is none.
inline const char* next_special(const char* at, const char* end) noexcept {
  for (; at < end; at += special_block)
    if (const unsigned mask = special_mask(at))
      return at + std::countr_zero(mask);
  return at;
}

/// scan_string from a special byte on that is not the closing quote.
const char* scan_rest_of_string(const char* at, const char* end, bool& escaped) noexcept;

/// From behind the opening quote to the closing one. Null: not a valid string.
inline const char* scan_string(const char* at, const char* end, bool& escaped) noexcept {
  at = next_special(at, end);
  return at < end && *at == '"' ? at : scan_rest_of_string(at, end, escaped);
}

/// From the first byte of a value to behind it. Sets `spaced` when there was white space
/// outside of strings. Null: not JSON, or more than `depth_left` containers inside each
/// other.
const char* scan_value(const char* at, const char* end, unsigned depth_left,
                       bool& spaced) noexcept;

/// The whole text is one JSON number; no padding needed behind it.
bool is_json_number(std::string_view text) noexcept;
/// `-?(0|[1-9][0-9]*)` and nothing else.
bool is_json_integer(std::string_view text) noexcept;

/// Valid JSON without the white space between its tokens.
std::string_view minify(std::string_view json, arena& memory);

} // namespace weir::steps
