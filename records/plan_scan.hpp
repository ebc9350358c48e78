// A strict reader of JSON text (RFC 8259) that builds nothing: it finds where a value
// ends and refuses what is not JSON. Record texts have passed simdjson before; this keeps
// the promise that steps never write anything but JSON independent of that.
#pragma once

#include "records/plan_arena.hpp"
#include "records/special_bytes.hpp"

#include <string_view>

namespace weir::steps {

/// containers inside each other, the record included
inline constexpr unsigned depth_max = 64;

/// Text being read. At least 16 bytes behind `end` are readable (text_padding).
struct scan_text {
  const char* at = nullptr;
  const char* end = nullptr;
};

constexpr bool is_space(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// Moves behind white space; true if there was any.
inline bool skip_space(scan_text& text) noexcept {
  if (text.at != text.end && static_cast<unsigned char>(*text.at) > ' ')
    return false;
  const char* const start = text.at;
  while (text.at != text.end && is_space(*text.at))
    ++text.at;
  return text.at != start;
}

/// As scan_string, for strings of any length and with escapes.
bool scan_rest_of_string(scan_text& text, bool& escaped) noexcept;

/// `at` is behind the opening quote; moves it onto the closing one. False: not a valid
/// string.
inline bool scan_string(scan_text& text, bool& escaped) noexcept {
  const unsigned mask = text.at < text.end ? special_mask(text.at) : 0;
  const char* const p = text.at + std::countr_zero(mask | 1u << special_block);
  if (mask == 0 || *p != '"' || p >= text.end)
    return scan_rest_of_string(text, escaped);
  text.at = p;
  return true;
}

/// `at` is on the first byte of a value; moves it behind. Sets `spaced` when there was
/// white space outside of strings. False: not JSON, or more than `depth_left` containers
/// inside each other.
bool scan_value(scan_text& text, unsigned depth_left, bool& spaced) noexcept;

/// The whole text is one JSON number; no padding needed behind it.
bool is_json_number(std::string_view text) noexcept;
/// `-?(0|[1-9][0-9]*)` and nothing else.
bool is_json_integer(std::string_view text) noexcept;

/// Valid JSON without the white space between its tokens.
std::string_view minify(std::string_view json, arena& memory);

} // namespace weir::steps
