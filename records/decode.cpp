#include "records/decode.hpp"

#include "proto/printable.hpp"

#include "records/json_text.hpp"

#include <simdjson.h>

namespace weir {

static_assert(text_padding >= simdjson::SIMDJSON_PADDING);

namespace {

constexpr std::string_view message_begin = "{\"message\":\"";

decode_failure not_utf8() {
  return {reject::invalid_utf8, "the record is not valid UTF-8"};
}

// C0 and C1 control characters, DEL, and the line ends of Unicode (U+2028, U+2029).
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
    const size_t size = character_size(text);
    std::string_view character = size == 0 ? "\xEF\xBF\xBD" : text.substr(0, size);
    if (character == "\t" || character == "\r" || character == "\n")
      character = " ";
    else if (acts_on_terminal(character))
      character = "\xEF\xBF\xBD";
    if (out.size() + character.size() > bytes_max)
      break;
    out.append(character);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

} // namespace weir
