// How an event becomes a line. Pure: no clock, no stream.
#include "app/config/units.hpp"
#include "app/logging/logging.hpp"
#include "base/printable.hpp"

#include <cmath>

#include <fmt/format.h>

namespace weir {
namespace {

/// Appends the inside of a quoted string that is valid in JSON and harmless on a
/// terminal.
void append_escaped(std::string& out, std::string_view text) {
  const auto limit = out.size() + log_value_bytes_max;
  while (!text.empty()) {
    const size_t size = character_size(text);
    const auto first = static_cast<unsigned char>(text.front());
    // An escape is the longest that is appended at once: six bytes.
    if (out.size() + 6 > limit) {
      out += "…";
      return;
    }
    if (size == 0)
      out += "\xef\xbf\xbd";
    else if (first == '"' || first == '\\')
      (out += '\\') += text.front();
    else if (acts_on_terminal(text.substr(0, size)))
      out += escaped_in_json(text.substr(0, size));
    else
      out += text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
}

/// True for a value that needs no quotes in a text line.
bool bare(std::string_view text) noexcept {
  for (const char c : text)
    if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
      return false;
  return !text.empty() && text.size() <= 64;
}

void append_value(std::string& out, const log_field& field, bool always_quoted) {
  const auto append = [&](auto value) {
    using value_type = decltype(value);
    if constexpr (std::is_same_v<value_type, std::string_view>) {
      if (!always_quoted && bare(value)) {
        out += value;
        return;
      }
      out += '"';
      append_escaped(out, value);
      out += '"';
    } else if constexpr (std::is_same_v<value_type, double>) {
      // JSON has neither infinity nor NaN.
      out += std::isfinite(value) ? format_real(value) : std::string{"null"};
    } else {
      out += fmt::format("{}", value);
    }
  };
  std::visit(append, field.value);
}

/// Appends fields until the line is full; says how many were left out.
template <class Append>
void append_fields(std::string& out, std::initializer_list<log_field> fields,
                   Append append) {
  size_t left_out = 0;
  std::string rendered;
  for (const auto& field : fields) {
    rendered.clear();
    append(rendered, field);
    // 64 bytes are kept for the count of what is left out.
    if (out.size() + rendered.size() > log_line_bytes_max - 64)
      ++left_out;
    else
      out += rendered;
  }
  if (left_out > 0)
    append(out, log_field{"fields_left_out", left_out});
}

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

} // namespace

std::string render_text(int64_t unix_us, log_level level, std::string_view event,
                        std::initializer_list<log_field> fields) {
  auto out = fmt::format("{} {:<7} {}", format_rfc3339_us(unix_us), to_string(level),
                         escaped(event));
  append_fields(out, fields, [](std::string& to, const log_field& field) {
    ((to += ' ') += escaped(field.key)) += '=';
    append_value(to, field, false);
  });
  return out;
}

std::string render_json(int64_t unix_us, log_level level, std::string_view event,
                        std::initializer_list<log_field> fields) {
  auto out = fmt::format(R"({{"time":"{}","level":"{}","event":"{}")",
                         format_rfc3339_us(unix_us), to_string(level), escaped(event));
  append_fields(out, fields, [](std::string& to, const log_field& field) {
    ((to += ",\"") += escaped(field.key)) += "\":";
    append_value(to, field, true);
  });
  return out += '}';
}

} // namespace weir
