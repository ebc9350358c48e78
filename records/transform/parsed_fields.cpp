#include "records/transform/parsed_fields.hpp"

#include <algorithm>
#include <array>

#include <simdjson.h>

namespace weir::steps {

namespace {

constexpr int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

// The byte that `\xhh` at the front of `text` stands for, or -1.
int escaped_byte(std::string_view text) noexcept {
  if (text.size() < 4 || text[0] != '\\' || text[1] != 'x')
    return -1;
  const int high = hex_digit(text[2]);
  const int low = hex_digit(text[3]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Writes the character that one or more `\xhh` at the front of `text` stand for, and returns how
// many bytes of `text` it took. 0: they stand for a control character, or for no UTF-8.
size_t take_character(std::string_view text, char*& out) noexcept {
  const int first = escaped_byte(text);
  if (first >= 0x20 && first < 0x7f) {
    *out++ = static_cast<char>(first);
    return 4;
  }
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  // The first byte says how many `\xhh` must follow; validate_utf8() judges the rest.
  std::array<char, 4> bytes{};
  for (size_t i = 0; i < size; ++i) {
    const int byte = text.size() < 4 * i ? -1 : escaped_byte(text.substr(4 * i));
    if (byte < 0)
      return 0;
    bytes[i] = static_cast<char>(byte);
  }
  const bool control = size == 2 && bytes[0] == '\xc2' && bytes[1] < '\xa0';
  if (size == 0 || control || !simdjson::validate_utf8(bytes.data(), size))
    return 0;
  out = std::copy_n(bytes.data(), size, out);
  return 4 * size;
}

// Resolves the log's own escapes: \" and \\ (Apache), and `\xhh` (Apache, nginx). Escapes of
// control characters, and of bytes that are no UTF-8, stay as they are.
std::string_view unquoted(std::string_view text, arena& memory) {
  if (text.find('\\') == std::string_view::npos)
    return text;
  char* const start = memory.allocate(text.size());
  char* out = start;
  // No escape stands for more bytes than it has, so text.size() bytes are enough.
  for (size_t i = 0; i < text.size();) {
    if (const size_t taken = text[i] == '\\' ? take_character(text.substr(i), out) : 0) {
      i += taken;
      continue;
    }
    const bool escape = text[i] == '\\' && i + 1 < text.size()
                        && (text[i + 1] == '"' || text[i + 1] == '\\');
    i += escape ? 1 : 0;
    *out++ = text[i++];
  }
  const auto size = static_cast<size_t>(out - start);
  memory.shrink(start, size);
  return {start, size};
}

struct log_fields {
  parsed_fields fields;
  step_run& run;

  void text_or_null(std::string_view name, std::string_view text) {
    if (text == "-")
      fields.add(name, value{});
    else
      fields.add_text(name, unquoted(text, run.memory));
  }
  // Apache writes an empty user as two quotes.
  void name_or_null(std::string_view name, std::string_view text) {
    text_or_null(name, text == R"("")" ? text.substr(0, 0) : text);
  }
  void number_or_null(std::string_view name, std::string_view digits) {
    fields.add(name, digits == "-" ? value{} : value::json(digits));
  }
  void request(const access_line& line) {
    if (line.method.empty()) {
      fields.add_text("request", unquoted(line.request, run.memory));
      for (const std::string_view name : {"method", "path", "protocol"})
        fields.add(name, value{});
      return;
    }
    fields.add_text("method", line.method);
    fields.add_text("path", unquoted(line.path, run.memory));
    fields.add_text("protocol", line.protocol);
  }
};

} // namespace

parsed_text read_access_log(std::string_view line, log_layout layout, step_run& run) {
  access_line parsed;
  if (const char* const why = parse_access_line(line, layout, parsed))
    return {nullptr, why};
  log_fields log{parsed_fields{run}, run};
  rfc3339_buffer buffer;
  if (layout.vhost) {
    log.text_or_null("vhost", parsed.vhost);
    log.number_or_null("port", parsed.port.empty() ? "-" : parsed.port);
  }
  log.text_or_null("host", parsed.host);
  log.name_or_null("ident", parsed.ident);
  log.name_or_null("user", parsed.user);
  log.fields.add_text("time", run.memory.copy(to_rfc3339(parsed.time, buffer)));
  log.request(parsed);
  // JSON has no 000 and no 099, so leading zeros go.
  const auto zeros = std::min(parsed.status.find_first_not_of('0'), size_t{2});
  log.number_or_null("status", parsed.status.substr(zeros));
  log.number_or_null("bytes", parsed.bytes);
  if (layout.agent) {
    log.text_or_null("referrer", parsed.referrer);
    log.text_or_null("user_agent", parsed.agent);
  }
  if (layout.forwarded)
    log.text_or_null("forwarded_for", parsed.forwarded);
  return {log.fields.node(), nullptr};
}

} // namespace weir::steps
