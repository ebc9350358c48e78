#include "records/schema/text.hpp"

#include "base/text.hpp"

namespace weir::schema_detail {

using simdjson::dom::element;
using simdjson::dom::element_type;

namespace {

constexpr std::string_view ellipsis = "…";

bool continues(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// How many bytes the character at the front of valid UTF-8 has.
size_t character_bytes(std::string_view text) noexcept {
  size_t size = 1;
  while (size < text.size() && continues(text[size]))
    ++size;
  return size;
}

/// The code of a control character: C0, DEL, or C1 (U+0080 to U+009F, C2 80 to C2 9F), which
/// terminals obey as well. -1 for any other.
int control_code(std::string_view character) noexcept {
  const auto first = static_cast<unsigned char>(character[0]);
  if (first < 0x20 || first == 0x7f)
    return first;
  const auto second =
    static_cast<unsigned char>(character.size() == 2 ? character[1] : 0);
  return first == 0xc2 && second < 0xa0 ? second : -1;
}

std::string printable_character(std::string_view character) {
  if (const int code = control_code(character); code >= 0)
    return {'\\', 'u', '0', '0', hex_lower[code >> 4], hex_lower[code & 15]};
  if (character == "\"" || character == "\\")
    return "\\" + std::string(character);
  return std::string(character);
}

} // namespace

std::string quote(std::string_view text, size_t bytes_max) {
  std::string out = "\"";
  const size_t end = out.size() + bytes_max;
  while (!text.empty()) {
    const auto character = text.substr(0, character_bytes(text));
    const std::string shown = printable_character(character);
    // There must be room for the ellipsis as long as the text goes on after this character.
    const size_t left = text.size() == character.size() ? 0 : ellipsis.size();
    if (out.size() + shown.size() + left > end) {
      out += ellipsis;
      break;
    }
    out += shown;
    text.remove_prefix(character.size());
  }
  return out + '"';
}

std::string clipped(std::string text, size_t bytes_max) {
  if (text.size() <= bytes_max)
    return text;
  size_t size = bytes_max - ellipsis.size();
  while (size > 0 && continues(text[size]))
    --size;
  text.resize(size);
  return text += ellipsis;
}

std::string_view type_name(element value) {
  switch (value.type()) {
  case element_type::ARRAY:
    return "array";
  case element_type::OBJECT:
    return "object";
  case element_type::INT64:
  case element_type::UINT64:
    return "integer";
  case element_type::DOUBLE:
    return "number";
  case element_type::STRING:
    return "string";
  case element_type::BOOL:
    return "boolean";
  case element_type::NULL_VALUE:
    return "null";
  }
  return "unknown";
}

std::string type_names(uint8_t types) {
  static constexpr struct {
    uint8_t bit;
    std::string_view name;
  } all[] = {{type_object, "object"},   {type_array, "array"},
             {type_string, "string"},   {type_number, "number"},
             {type_integer, "integer"}, {type_boolean, "boolean"},
             {type_null, "null"}};
  std::string out;
  for (const auto& [bit, name] : all) {
    // Whatever admits numbers is not said to admit integers as well.
    if (!(types & bit) || (bit == type_integer && types & type_number))
      continue;
    out.append(out.empty() ? "" : " or ").append(name);
  }
  return out;
}

std::string show(element value) {
  switch (value.type()) {
  case element_type::ARRAY:
    return "an array";
  case element_type::OBJECT:
    return "an object";
  case element_type::STRING:
    return quote(text_of(value));
  case element_type::BOOL:
    return truth_of(value) ? "true" : "false";
  case element_type::NULL_VALUE:
    return "null";
  default:
    return to_text(number::of(value));
  }
}

std::string counted(uint64_t count, std::string_view noun) {
  return std::to_string(count).append(" ").append(noun).append(count == 1 ? "" : "s");
}

std::string escape_token(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

void prepend_token(std::string& pointer, std::string_view key) {
  if (key.size() > pointer_bytes_max) {
    pointer.clear();
    return;
  }
  std::string token = "/" + escape_token(key);
  if (token.size() > pointer_bytes_max) {
    pointer.clear();
    return;
  }
  if (token.size() + pointer.size() <= pointer_bytes_max)
    token += pointer;
  pointer = std::move(token);
}

} // namespace weir::schema_detail
