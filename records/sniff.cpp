// Which format a body has: from its Content-Type, or from its first bytes.
#include "records/framer.hpp"

#include "records/csv_guess.hpp"
#include "records/decode.hpp"

#include <array>
#include <optional>
#include <utility>

namespace weir {

namespace {

constexpr std::string_view json_space = " \t\r\n";

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

std::string_view trim(std::string_view text) noexcept {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Offset behind the object that `text` begins with; npos when it does not end in `text`.
size_t end_of_object(std::string_view text) noexcept {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

// `text` begins with a brace.
body_format sniff_object(std::string_view text) noexcept {
  const size_t end = end_of_object(text);
  if (text.substr(0, end).find('\n') != std::string_view::npos)
    return body_format::json; // spans lines
  const bool ends = end != std::string_view::npos
                    && text.find_first_not_of(" \t\r", end) == std::string_view::npos;
  return ends ? body_format::json : body_format::ndjson;
}

std::string_view without_space(std::string_view text) noexcept {
  const size_t first = text.find_first_not_of(json_space);
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

// Length of the JSON number at the front (RFC 8259 §6), 0 when there is none.
size_t number_size(std::string_view text) noexcept {
  const auto digits = [&](size_t from) {
    return std::min(text.find_first_not_of("0123456789", from), text.size());
  };
  const size_t first = text.starts_with('-') ? 1 : 0;
  size_t end = digits(first);
  if (end == first || (text[first] == '0' && end > first + 1))
    return 0;
  if (end < text.size() && text[end] == '.')
    end = digits(end + 1);
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    const bool is_signed =
      end + 1 < text.size() && (text[end + 1] == '+' || text[end + 1] == '-');
    end = digits(end + (is_signed ? 2 : 1));
  }
  return end;
}

// Length of the JSON string at the front; 0 when it has a line end, which no string has,
// npos when it does not end in `text`.
size_t string_size(std::string_view text) noexcept {
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\n')
      return 0;
    if (text[i] == '"')
      return i + 1;
    i += text[i] == '\\' ? 1 : 0;
  }
  return std::string_view::npos;
}

// Length of the JSON value at the front, as far as it goes; 0 when there is none, npos
// when it does not end in `text`.
size_t value_size(std::string_view text) noexcept {
  if (text.front() == '{' || text.front() == '[')
    return end_of_object(text);
  if (text.front() == '"')
    return string_size(text);
  for (const std::string_view word : {"true", "false", "null"})
    if (text.starts_with(word.substr(0, text.size())))
      return std::min(word.size(), text.size());
  return number_size(text);
}

// Log lines open with brackets, too: `text` is what is behind the bracket, and has to go
// on as an array does.
bool goes_on_as_array(std::string_view text) noexcept {
  text = without_space(text);
  if (text.empty())
    return true;
  if (text.front() == ']')
    return without_space(text.substr(1)).empty();
  const size_t size = value_size(text);
  if (size == 0 || size == std::string_view::npos)
    return size != 0;
  text = without_space(text.substr(size));
  if (text.empty())
    return true;
  const auto rest = without_space(text.substr(1));
  return text.front() == ',' ? rest.empty() || value_size(rest) > 0
                             : text.front() == ']' && rest.empty();
}

using named_format = std::pair<std::string_view, body_format>;
constexpr std::array<named_format, 9> media_types{{
  {"application/json", body_format::json},
  {"text/json", body_format::json},
  {"application/x-ndjson", body_format::ndjson},
  {"application/ndjson", body_format::ndjson},
  {"application/jsonl", body_format::ndjson},
  {"application/x-jsonlines", body_format::ndjson},
  {"text/csv", body_format::csv},
  {"application/csv", body_format::csv},
  {"text/plain", body_format::text},
}};

// Takes one `;name=value` off `rest`; the value unquoted (RFC 9110 §5.6.6). Nothing:
// malformed.
std::optional<std::pair<std::string, std::string>>
take_parameter(std::string_view& rest) {
  rest = trim(rest.substr(1));
  if (rest.empty() || rest.front() == ';')
    return std::pair{std::string{}, std::string{}}; // empty ones are allowed
  const size_t equals = rest.find_first_of("=;");
  if (equals == 0 || equals == std::string_view::npos || rest[equals] == ';')
    return std::nullopt;
  std::string name = lower(rest.substr(0, equals));
  rest.remove_prefix(equals + 1);
  std::string value;
  if (!rest.empty() && rest.front() == '"') {
    size_t i = 1;
    for (; i < rest.size() && rest[i] != '"'; ++i) {
      i += rest[i] == '\\' && i + 1 < rest.size() ? 1 : 0;
      value.push_back(rest[i]);
    }
    if (i == rest.size())
      return std::nullopt;
    rest = trim(rest.substr(i + 1));
    if (!rest.empty() && rest.front() != ';')
      return std::nullopt;
  } else {
    const size_t end = std::min(rest.find(';'), rest.size());
    value = trim(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  return std::pair{std::move(name), lower(value)};
}

// Null, or why a body with this parameter can't be read.
const char* refuse(const std::string& name, const std::string& value) noexcept {
  if (name == "charset" && value != "utf-8" && value != "utf8" && value != "us-ascii")
    return "only charset=utf-8 is understood";
  if (name == "header" && value == "absent")
    return "a csv body needs a header row";
  return nullptr;
}

tl::unexpected<fault> unsupported(std::string_view content_type, std::string_view why) {
  return fail(ec::unsupported_media_type, "Content-Type \"" + printable(content_type, 128)
                                            + "\": " + std::string{why});
}

} // namespace

body_format sniff(std::string_view head) {
  const bool cut = head.size() >= sniff_bytes_min;
  if (head.substr(0, 3) == "\xEF\xBB\xBF")
    head.remove_prefix(3);
  const size_t first = head.find_first_not_of(json_space);
  if (first == std::string_view::npos)
    return body_format::ndjson;
  head.remove_prefix(first);
  if (head.front() == '{')
    return sniff_object(head);
  if (head.front() == '[' && goes_on_as_array(head.substr(1)))
    return body_format::json;
  return looks_like_csv(head, cut) ? body_format::csv : body_format::text;
}

result<body_format> format_of(std::string_view content_type) {
  for (const auto& [name, format] : media_types)
    if (name == content_type) // as nearly all clients write it
      return format;
  std::string_view rest = content_type;
  const std::string type = lower(trim(rest.substr(0, rest.find(';'))));
  rest.remove_prefix(std::min(rest.find(';'), rest.size()));
  while (!rest.empty()) {
    const auto parameter = take_parameter(rest);
    if (!parameter)
      return unsupported(content_type, "its parameters can't be read");
    if (const char* why = refuse(parameter->first, parameter->second))
      return unsupported(content_type, why);
  }
  for (const auto& [name, format] : media_types)
    if (name == type)
      return format;
  return unsupported(content_type,
                     "send application/json, application/x-ndjson, text/csv or "
                     "text/plain");
}

} // namespace weir
