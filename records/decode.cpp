#include "records/decode.hpp"

#include "records/json_text.hpp"

#include <simdjson.h>

namespace weir {

static_assert(text_padding >= simdjson::SIMDJSON_PADDING);

namespace {

constexpr std::string_view message_begin = "{\"message\":\"";

decode_failure not_utf8() {
  return {reject::invalid_utf8, "the record is not valid UTF-8"};
}

// Length of the UTF-8 sequence at the beginning of `text` (RFC 3629 §4), 0 when it is
// invalid.
size_t sequence_size(std::string_view text) noexcept {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const size_t size = first < 0x80                     ? 1
                      : first >= 0xC2 && first <= 0xDF ? 2
                      : first >= 0xE0 && first <= 0xEF ? 3
                      : first >= 0xF0 && first <= 0xF4 ? 4
                                                       : 0;
  if (size == 0 || size > text.size())
    return 0;
  for (size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xC0) != 0x80)
      return 0;
  const unsigned second = size > 1 ? byte(1) : 0;
  const bool overlong_or_surrogate_or_big =
    (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)
    || (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return overlong_or_surrogate_or_big ? 0 : size;
}

// C0 and C1 control characters, DEL, and the line ends of Unicode (U+2028, U+2029).
bool is_control(std::string_view character) noexcept {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 2)
    return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
  return first < 0x20 || first == 0x7F || character == "\xE2\x80\xA8"
         || character == "\xE2\x80\xA9";
}

} // namespace

bool is_utf8(std::string_view text) noexcept {
  return text.empty() || simdjson::validate_utf8(text.data(), text.size());
}

void append_json_escaped(std::string& out, std::string_view text) {
  json_writer writer{out, text.size()};
  writer.escaped(text);
  writer.finish();
}

std::optional<decode_failure> text_to_json(std::string_view line, std::string& out) {
  if (!is_utf8(line))
    return not_utf8();
  json_writer writer{out, message_begin.size() + line.size() + 2};
  writer.raw(message_begin);
  writer.escaped(line);
  writer.raw("\"}");
  writer.finish();
  return std::nullopt;
}

std::string printable(std::string_view text, size_t bytes_max) {
  std::string out;
  while (!text.empty()) {
    const size_t size = sequence_size(text);
    std::string_view character = size == 0 ? "\xEF\xBF\xBD" : text.substr(0, size);
    if (character == "\t" || character == "\r" || character == "\n")
      character = " ";
    else if (is_control(character))
      character = "\xEF\xBF\xBD";
    if (out.size() + character.size() > bytes_max)
      break;
    out.append(character);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

} // namespace weir
