#include "records/json/text.hpp"

#include "base/text.hpp"
#include "records/json/special_bytes.hpp"

namespace weir::steps {

namespace {

// The byte that follows the backslash, or 0 when \u00XX is needed.
constexpr char short_escape(char c) noexcept {
  switch (c) {
  case '"':
    return '"';
  case '\\':
    return '\\';
  case '\b':
    return 'b';
  case '\f':
    return 'f';
  case '\n':
    return 'n';
  case '\r':
    return 'r';
  case '\t':
    return 't';
  default:
    return 0;
  }
}

char* put_escaped(char* out, char c) noexcept {
  *out++ = '\\';
  if (const char letter = short_escape(c)) {
    *out++ = letter;
    return out;
  }
  const auto byte = static_cast<unsigned char>(c);
  for (const char u : {'u', '0', '0', hex_lower[byte >> 4], hex_lower[byte & 15]})
    *out++ = u;
  return out;
}

// `out` needs room for 6 bytes per byte of `text`.
char* put_text_escaped(char* out, std::string_view text) noexcept {
  while (!text.empty()) {
    const size_t clean = find_special(text);
    if (clean)
      std::memcpy(out, text.data(), clean);
    out += clean;
    text.remove_prefix(clean);
    while (!text.empty() && is_special(text.front())) {
      out = put_escaped(out, text.front());
      text.remove_prefix(1);
    }
  }
  return out;
}

unsigned hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9')
    return static_cast<unsigned>(c - '0');
  return static_cast<unsigned>((c | 0x20) - 'a') + 10;
}

unsigned hex4(const char* p) noexcept {
  return hex_digit(p[0]) << 12 | hex_digit(p[1]) << 8 | hex_digit(p[2]) << 4
         | hex_digit(p[3]);
}

char* put_utf8(char* out, unsigned code) noexcept {
  const auto put = [&out](unsigned byte) { *out++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 63));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 63));
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  }
  return out;
}

// `p` is just after "\u". Moves it past the code point, which may take a second \uXXXX.
unsigned take_code_point(const char*& p, const char* end) noexcept {
  const unsigned first = hex4(p);
  p += 4;
  if (first < 0xd800 || first > 0xdfff)
    return first;
  if (first < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
    const unsigned second = hex4(p + 2);
    if (second >= 0xdc00 && second <= 0xdfff) {
      p += 6;
      return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    }
  }
  return 0xfffd;
}

char meant_by(char letter) noexcept {
  switch (letter) {
  case 'b':
    return '\b';
  case 'f':
    return '\f';
  case 'n':
    return '\n';
  case 'r':
    return '\r';
  case 't':
    return '\t';
  default:
    return letter;
  }
}

} // namespace

size_t find_special(std::string_view text) noexcept {
  const char* p = text.data();
  const char* const end = p + text.size();
  for (; end - p >= special_block; p += special_block)
    if (const unsigned mask = special_mask(p))
      return static_cast<size_t>(p - text.data())
             + static_cast<size_t>(std::countr_zero(mask));
  while (p != end && !is_special(*p))
    ++p;
  return static_cast<size_t>(p - text.data());
}

std::string_view escape(std::string_view text, arena& memory) {
  if (find_special(text) == text.size())
    return text;
  char* const start = memory.allocate(text.size() * 6);
  const auto size = static_cast<size_t>(put_text_escaped(start, text) - start);
  memory.shrink(start, size);
  return {start, size};
}

std::string escape(std::string_view text) {
  std::string out(text.size() * 6, '\0');
  out.resize(static_cast<size_t>(put_text_escaped(out.data(), text) - out.data()));
  return out;
}

std::string_view unescape(std::string_view text, arena& memory) {
  char* const start = memory.allocate(text.size());
  char* out = start;
  const char* p = text.data();
  // An escape is never shorter than the UTF-8 it stands for: text.size() bytes are enough.
  const char* const end = p + text.size();
  while (p != end) {
    const size_t clean = find_special({p, static_cast<size_t>(end - p)});
    std::memcpy(out, p, clean);
    out += clean;
    p += clean;
    while (p != end && *p == '\\') {
      const char letter = p[1];
      p += 2;
      if (letter == 'u')
        out = put_utf8(out, take_code_point(p, end));
      else
        *out++ = meant_by(letter);
    }
  }
  const auto size = static_cast<size_t>(out - start);
  memory.shrink(start, size);
  return {start, size};
}

size_t take_unicode_escape(std::string_view text, char*& out) noexcept {
  const auto unit_at = [text](size_t at) {
    return text.size() >= at + 6 && text[at] == '\\' && text[at + 1] == 'u'
           && text.find_first_not_of("0123456789abcdefABCDEF", at + 2) >= at + 6;
  };
  if (!unit_at(0))
    return 0;
  unsigned code = hex4(text.data() + 2);
  size_t taken = 6;
  // UTF-8 has no surrogates: half of a pair is no character.
  if (code >= 0xd800 && code <= 0xdfff) {
    const unsigned second = unit_at(6) ? hex4(text.data() + 8) : 0;
    if (code >= 0xdc00 || second < 0xdc00 || second > 0xdfff)
      return 0;
    code = 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00);
    taken = 12;
  }
  out = put_utf8(out, code);
  return taken;
}

std::string_view clip(std::string_view text, size_t bytes_max) noexcept {
  if (text.size() <= bytes_max)
    return text;
  size_t cut = bytes_max;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80)
    --cut;
  return text.substr(0, cut);
}

std::string echo(std::string_view text) {
  const auto head = clip(text, echo_bytes_max);
  std::string quoted = '"' + escape(head);
  for (auto at = quoted.find('\x7f'); at != std::string::npos; at = quoted.find('\x7f'))
    quoted.replace(at, 1, "\\u007f");
  return quoted + (head.size() < text.size() ? "…\"" : "\"");
}

} // namespace weir::steps
