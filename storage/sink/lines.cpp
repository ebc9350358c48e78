#include "storage/sink/lines.hpp"

#include "base/text.hpp"

#include <charconv>

namespace weir {

namespace {

template <class Integer>
void append_number(std::string& to, Integer value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  to.append(digits, end);
}

/// Names of streams need no escape; one that came from elsewhere must not stop the sink.
void append_name(std::string& to, std::string_view stream) {
  for (const char c : stream)
    if (const auto byte = static_cast<unsigned char>(c);
        byte < 0x20 || c == '"' || c == '\\')
      to.append("\\u00").append({hex_lower[byte >> 4], hex_lower[byte & 15]});
    else
      to += c;
}

} // namespace

void append_lines(std::string& to, const frame_view& frame) {
  std::string between{R"(,"stream":")"}; // the same in every line
  append_name(between, frame.stream);
  between.append(R"(","received_at":)");
  append_number(between, frame.received_at_us);
  between.append(R"(,"body":)");
  auto id = frame.first_sequence;
  for (const auto body : frame.records) {
    to.append(R"({"id":)");
    append_number(to, id++);
    to.append(between).append(body).append("}\n");
  }
}

} // namespace weir
