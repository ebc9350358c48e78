#include "records/json/scan.hpp"

#include "base/text.hpp"

#include <cstring>

namespace weir::steps {

namespace {

// The value of the \uXXXX at `p`, or -1 if none is there.
int code_unit(const char* p, const char* end) noexcept {
  if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
    return -1;
  int unit = 0;
  for (int i = 2; i < 6; ++i) {
    if (!is_hex_digit(p[i]))
      return -1;
    unit = unit * 16 + (is_digit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
  }
  return unit;
}

// `p` is on a backslash. Returns the byte after the escape, or null. A surrogate without its
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

const char* skip_digits(const char* at, const char* end) noexcept {
  const char* const start = at;
  while (at != end && is_digit(*at))
    ++at;
  return at != start ? at : nullptr;
}

const char* scan_integer(const char* at, const char* end) noexcept {
  if (at != end && *at == '-')
    ++at;
  if (at != end && *at == '0')
    return at + 1;
  return skip_digits(at, end);
}

const char* scan_number(const char* at, const char* end) noexcept {
  at = scan_integer(at, end);
  if (at && at != end && *at == '.')
    at = skip_digits(at + 1, end);
  if (at && at != end && (*at | 0x20) == 'e') {
    ++at;
    if (at != end && (*at == '+' || *at == '-'))
      ++at;
    return skip_digits(at, end);
  }
  return at;
}

const char* scan_word(const char* at, const char* end, std::string_view word) noexcept {
  return static_cast<size_t>(end - at) >= word.size()
             && std::memcmp(at, word.data(), word.size()) == 0
           ? at + word.size()
           : nullptr;
}

const char* pass_space(const char* at, const char* end, bool& spaced) noexcept {
  const char* const behind = skip_space(at, end);
  spaced |= behind != at;
  return behind;
}

const char* scan_key(const char* at, const char* end, bool& spaced) noexcept {
  bool escaped = false;
  if (at == end || *at != '"' || !(at = scan_string(at + 1, end, escaped)))
    return nullptr;
  at = pass_space(at + 1, end, spaced);
  return at != end && *at == ':' ? pass_space(at + 1, end, spaced) : nullptr;
}

// Goes from the byte after the opening bracket to the byte after the closing one.
const char* scan_members(const char* at, const char* end, char close, unsigned depth_left,
                         bool& spaced) noexcept {
  at = pass_space(at, end, spaced);
  if (at != end && *at == close)
    return at + 1;
  for (;;) {
    if (close == '}' && !(at = scan_key(at, end, spaced)))
      return nullptr;
    // The caller has counted this container: members have the levels left below it.
    if (!(at = scan_value(at, end, depth_left, spaced)))
      return nullptr;
    at = pass_space(at, end, spaced);
    if (at == end || (*at != close && *at != ','))
      return nullptr;
    if (*at++ == close)
      return at;
    at = pass_space(at, end, spaced);
  }
}

} // namespace

const char* scan_rest_of_string(const char* at, const char* end, bool& escaped) noexcept {
  while (at < end && *at != '"') {
    if (*at != '\\')
      return nullptr;
    escaped = true;
    at = skip_escape(at, end);
    if (!at)
      return nullptr;
    at = next_special(at, end);
  }
  return at < end ? at : nullptr;
}

// `depth_left` bounds the recursion.
const char* scan_value(const char* at, const char* end, unsigned depth_left,
                       bool& spaced) noexcept {
  if (at == end)
    return nullptr;
  bool escaped = false;
  switch (*at) {
  // Each case sees at least one byte; the callees check for the rest.
  case '"':
    at = scan_string(at + 1, end, escaped);
    return at ? at + 1 : nullptr;
  case '{':
  case '[':
    return depth_left == 0
             ? nullptr
             : scan_members(at + 1, end, *at == '{' ? '}' : ']', depth_left - 1, spaced);
  case 't':
    return scan_word(at, end, "true");
  case 'f':
    return scan_word(at, end, "false");
  case 'n':
    return scan_word(at, end, "null");
  default:
    return scan_number(at, end);
  }
}

bool is_json_number(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  return scan_number(text.data(), end) == end && !text.empty();
}

bool is_json_integer(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  return scan_integer(text.data(), end) == end && !text.empty();
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
      // The input is valid: a byte follows every backslash, and it can't end the string.
      *out++ = json[++i];
  }
  const auto size = static_cast<size_t>(out - start);
  memory.shrink(start, size);
  return {start, size};
}

} // namespace weir::steps
