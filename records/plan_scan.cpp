#include "records/plan_scan.hpp"

#include <cstring>

namespace weir::steps {

namespace {

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

constexpr bool is_hex(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Onto the next special byte; may read up to 15 bytes behind the end.
inline const char* next_special(const char* p, const char* end) noexcept {
  for (; p < end; p += special_block)
    if (const unsigned mask = special_mask(p))
      return p + std::countr_zero(mask);
  return p;
}

// The four hex digits of a \uXXXX at `p`, or -1.
int code_unit(const char* p, const char* end) noexcept {
  if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
    return -1;
  int unit = 0;
  for (int i = 2; i < 6; ++i) {
    if (!is_hex(p[i]))
      return -1;
    unit = unit * 16 + (is_digit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
  }
  return unit;
}

// `p` is on a backslash; the byte behind the escape, or null. A surrogate without its
// partner is refused: there is no UTF-8 for it, and strict readers of what we store would
// choke on it.
const char* skip_escape(const char* p, const char* end) noexcept {
  if (end - p < 2)
    return nullptr;
  if (p[1] != 'u')
    return p[1] && std::strchr("\"\\/bfnrt", p[1]) ? p + 2 : nullptr;
  const int unit = code_unit(p, end);
  if (unit < 0xd800 || unit > 0xdfff)
    return unit < 0 ? nullptr : p + 6;
  const int partner = unit < 0xdc00 ? code_unit(p + 6, end) : -1;
  return partner >= 0xdc00 && partner <= 0xdfff ? p + 12 : nullptr;
}

bool skip_digits(scan_text& text) noexcept {
  const char* const start = text.at;
  while (text.at != text.end && is_digit(*text.at))
    ++text.at;
  return text.at != start;
}

bool scan_integer(scan_text& text) noexcept {
  if (text.at != text.end && *text.at == '-')
    ++text.at;
  if (text.at != text.end && *text.at == '0') {
    ++text.at;
    return true;
  }
  return skip_digits(text);
}

bool scan_number(scan_text& text) noexcept {
  if (!scan_integer(text))
    return false;
  if (text.at != text.end && *text.at == '.') {
    ++text.at;
    if (!skip_digits(text))
      return false;
  }
  if (text.at != text.end && (*text.at | 0x20) == 'e') {
    ++text.at;
    if (text.at != text.end && (*text.at == '+' || *text.at == '-'))
      ++text.at;
    return skip_digits(text);
  }
  return true;
}

bool scan_word(scan_text& text, std::string_view word) noexcept {
  if (static_cast<size_t>(text.end - text.at) < word.size()
      || std::memcmp(text.at, word.data(), word.size()) != 0)
    return false;
  text.at += word.size();
  return true;
}

bool take(scan_text& text, char c) noexcept {
  if (text.at == text.end || *text.at != c)
    return false;
  ++text.at;
  return true;
}

bool scan_key(scan_text& text, bool& spaced) noexcept {
  bool escaped = false;
  if (!take(text, '"') || !scan_string(text, escaped))
    return false;
  ++text.at;
  spaced |= skip_space(text);
  if (!take(text, ':'))
    return false;
  spaced |= skip_space(text);
  return true;
}

// `at` is behind the opening bracket.
bool scan_members(scan_text& text, char close, unsigned depth_left,
                  bool& spaced) noexcept {
  spaced |= skip_space(text);
  if (take(text, close))
    return true;
  for (;;) {
    if (close == '}' && !scan_key(text, spaced))
      return false;
    if (!scan_value(text, depth_left, spaced))
      return false;
    spaced |= skip_space(text);
    if (take(text, close))
      return true;
    if (!take(text, ','))
      return false;
    spaced |= skip_space(text);
  }
}

} // namespace

bool scan_rest_of_string(scan_text& text, bool& escaped) noexcept {
  const char* p = text.at;
  for (;;) {
    p = next_special(p, text.end);
    if (p >= text.end)
      return false;
    if (*p == '"') {
      text.at = p;
      return true;
    }
    if (*p != '\\')
      return false;
    escaped = true;
    p = skip_escape(p, text.end);
    if (!p)
      return false;
  }
}

// Recursion is bounded by depth_left.
bool scan_value(scan_text& text, unsigned depth_left, bool& spaced) noexcept {
  if (text.at == text.end)
    return false;
  bool escaped = false;
  switch (*text.at) {
  case '"':
    ++text.at;
    if (!scan_string(text, escaped))
      return false;
    ++text.at;
    return true;
  case '{':
  case '[': {
    const char close = *text.at == '{' ? '}' : ']';
    ++text.at;
    return depth_left > 0 && scan_members(text, close, depth_left - 1, spaced);
  }
  case 't':
    return scan_word(text, "true");
  case 'f':
    return scan_word(text, "false");
  case 'n':
    return scan_word(text, "null");
  default:
    return scan_number(text);
  }
}

bool is_json_number(std::string_view text) noexcept {
  scan_text t{text.data(), text.data() + text.size()};
  return scan_number(t) && t.at == t.end;
}

bool is_json_integer(std::string_view text) noexcept {
  scan_text t{text.data(), text.data() + text.size()};
  return scan_integer(t) && t.at == t.end;
}

std::string_view minify(std::string_view json, arena& memory) {
  char* const start = memory.allocate(json.size());
  char* out = start;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (!in_string && is_space(c))
      continue;
    *out++ = c;
    if (c == '"')
      in_string = !in_string;
    else if (c == '\\')
      *out++ = json[++i];
  }
  const auto size = static_cast<size_t>(out - start);
  memory.shrink(start, size);
  return {start, size};
}

} // namespace weir::steps
