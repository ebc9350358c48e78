#include "base/printable.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace weir {

namespace {

unsigned char byte_of(std::string_view text, size_t i) noexcept {
  return static_cast<unsigned char>(text[i]);
}

/// The code point of a character of at most three bytes; no longer one acts on a terminal.
unsigned code_point(std::string_view character) noexcept {
  if (character.size() == 1)
    return byte_of(character, 0);
  if (character.size() == 2)
    return (byte_of(character, 0) & 0x1fU) << 6 | (byte_of(character, 1) & 0x3fU);
  if (character.size() == 3)
    return (byte_of(character, 0) & 0x0fU) << 12 | (byte_of(character, 1) & 0x3fU) << 6
           | (byte_of(character, 2) & 0x3fU);
  return 0x10000; // four bytes: none of them acts on a terminal
}

void append_unicode_escape(std::string& to, std::string_view character) {
  const auto code = code_point(character);
  to.append("\\u").append({hex_lower[code >> 12 & 15], hex_lower[code >> 8 & 15],
                           hex_lower[code >> 4 & 15], hex_lower[code & 15]});
}

void append_byte_escape(std::string& to, unsigned char byte) {
  to.append("\\x").append({hex_lower[byte >> 4], hex_lower[byte & 15]});
}

} // namespace

size_t character_size(std::string_view text) noexcept {
  const auto first = byte_of(text, 0);
  if (first < 0x80)
    return 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  // 0xc0 and 0xc1 could only begin overlong forms; nothing above 0xf4 is Unicode.
  if (first < 0xc2 || first > 0xf4 || text.size() < size)
    return 0;
  for (size_t i = 1; i < size; ++i)
    if ((byte_of(text, i) & 0xc0) != 0x80)
      return 0;
  // The second byte tells overlong forms, surrogates and code points above U+10FFFF.
  const auto second = byte_of(text, 1);
  const bool overlong =
    (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second > 0x9f;
  const bool beyond = first == 0xf4 && second > 0x8f;
  return overlong || surrogate || beyond ? 0 : size;
}

bool acts_on_terminal(std::string_view character) noexcept {
  struct range {
    unsigned first, last;
  };
  // C0; DEL and C1; the marks of direction (ALM, LRM, RLM); separators, embeddings and
  // overrides; isolates and deprecated format characters; the byte order mark.
  static constexpr std::array<range, 7> acting{{{0x00, 0x1f},
                                                {0x7f, 0x9f},
                                                {0x061c, 0x061c},
                                                {0x200e, 0x200f},
                                                {0x2028, 0x202e},
                                                {0x2066, 0x206f},
                                                {0xfeff, 0xfeff}}};
  const auto code = code_point(character);
  return std::any_of(acting.begin(), acting.end(), [code](const range& r) {
    return code >= r.first && code <= r.last;
  });
}

std::string escaped_in_json(std::string_view character) {
  std::string out;
  append_unicode_escape(out, character);
  return out;
}

std::string printable(std::string_view text, size_t bytes_max) {
  std::string out;
  while (!text.empty()) {
    const size_t size = character_size(text);
    std::string_view character = size == 0 ? "\xEF\xBF\xBD" : text.substr(0, size);
    if (character == "\t" || character == "\r" || character == "\n")
      character = " ";
    else if (acts_on_terminal(character))
      character = "\xEF\xBF\xBD";
    // The result never ends inside a character.
    if (out.size() + character.size() > bytes_max)
      break;
    out.append(character);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

std::string printable_line(std::string_view text, size_t bytes_max) {
  size_t shown = std::min(text.size(), bytes_max);
  while (shown > 0 && shown < text.size() && (byte_of(text, shown) & 0xc0) == 0x80)
    --shown; // do not cut inside a character
  std::string out;
  for (auto rest = text.substr(0, shown); !rest.empty();) {
    const auto size = character_size(rest);
    const auto character = rest.substr(0, std::max<size_t>(size, 1));
    rest.remove_prefix(character.size());
    if (size > 1 && acts_on_terminal(character))
      append_unicode_escape(out, character);
    else if (size == 0 || acts_on_terminal(character))
      append_byte_escape(out, byte_of(character, 0));
    else
      out += character;
  }
  return out += shown < text.size() ? "…" : "";
}

std::string printable_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const auto size = character_size(json);
    const auto character = json.substr(0, std::max<size_t>(size, 1));
    json.remove_prefix(character.size());
    // Inside a string JSON has these escaped, so here they stand between values.
    const bool between = character == "\n" || character == "\r" || character == "\t";
    if (size == 0)
      out += "\xef\xbf\xbd";
    else if (!between && acts_on_terminal(character))
      append_unicode_escape(out, character);
    else
      out += character;
  }
  return out;
}

} // namespace weir
