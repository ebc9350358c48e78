// Finds out which format a body has: from its Content-Type, or from its first bytes.
#include "base/printable.hpp"
#include "base/text.hpp"
#include "records/formats/csv_guess.hpp"
#include "records/formats/framer.hpp"

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

// The offset after the object that `text` begins with; npos when it does not end in `text`.
size_t end_of_object(std::string_view text) noexcept {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      // The character after a backslash is skipped: it can't end the string.
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

std::string_view without_space(std::string_view text) noexcept {
  const size_t first = text.find_first_not_of(json_space);
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

// True if a line ends inside a string. No JSON string has a line end: the line was cut off.
bool ends_in_string(std::string_view line) noexcept {
  bool in_string = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"')
      in_string = !in_string;
    else if (in_string && line[i] == '\\')
      ++i;
  }
  return in_string;
}

// True if `text` may follow the brace of an object, or of what was meant to be one: a key in
// quotes of either kind or in none (`{a: 1}`), a comment, or the end. A log line like
// `{pid 12} started` goes on otherwise.
bool goes_on_as_object(std::string_view text) noexcept {
  text = without_space(text);
  if (text.empty() || text.starts_with("//") || text.starts_with("/*"))
    return true;
  if (text.front() != '"' && text.front() != '\'' && text.front() != '}') {
    const size_t name = text.find_first_not_of(
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$");
    const auto rest = without_space(text.substr(std::min(name, text.size())));
    return name != 0 && (rest.empty() || rest.front() == ':');
  }
  return true;
}

// True if nothing follows an object on its line, or what shows that JSON goes on, if wrongly.
bool goes_on_behind_object(std::string_view text) noexcept {
  const auto rest = without_space(text.substr(0, text.find('\n')));
  return rest.empty() || std::string_view{"{}[],\"/#"}.find(rest.front()) != rest.npos;
}

// True if most lines are objects or were meant to be, counting the one before `lines`: a stray
// line among lines of JSON gets its own verdict, a log in which one line is JSON is text.
bool are_mostly_objects(std::string_view lines, bool cut) noexcept {
  std::ptrdiff_t more = 1;
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    const auto line = without_space(lines.substr(0, end));
    if (end == lines.npos && cut)
      break; // nobody knows how this line goes on
    more += line.empty() ? 0 : line.front() == '{' ? 1 : -1;
    lines.remove_prefix(end == lines.npos ? lines.size() : end + 1);
  }
  return more > 0;
}

// Tells json, ndjson and text apart; `text` begins with a brace.
body_format sniff_object(std::string_view text, bool cut) noexcept {
  if (!goes_on_as_object(text.substr(1)))
    return body_format::text;
  const auto line = text.substr(0, text.find('\n'));
  const auto lines = text.substr(line.size());
  const size_t end = end_of_object(text);
  if (end == std::string_view::npos && (lines.empty() || ends_in_string(line)))
    return are_mostly_objects(lines, cut) ? body_format::ndjson : body_format::text;
  if (end > line.size()) { // the object spans lines
    const auto rest = end < text.size() ? without_space(text.substr(end)) : "";
    return goes_on_behind_object(rest) ? body_format::json : body_format::text;
  }
  if (!goes_on_behind_object(text.substr(end)) || !are_mostly_objects(lines, cut))
    return body_format::text;
  const bool is_all = text.find_first_not_of(" \t\r", end) == std::string_view::npos;
  return is_all && !cut ? body_format::json : body_format::ndjson;
}

// The length of the JSON number at the front (RFC 8259 §6), 0 when there is none.
size_t number_size(std::string_view text) noexcept {
  const auto digits = [&](size_t from) {
    return std::min(text.find_first_not_of("0123456789", from), text.size());
  };
  const size_t first = text.starts_with('-') ? 1 : 0;
  size_t end = digits(first);
  // A zero stands alone: `007` or a date is no JSON number.
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

// The length of the JSON string at the front; 0 when a line end is in it, which no string
// has, npos when it does not end in `text`.
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

// The length of the JSON value at the front, as far as it goes; 0 when there is none, npos
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

// Log lines open with brackets too. `text` is what follows the bracket; it has to go on as an
// array does, to the array's end or to that of `text`.
bool goes_on_as_array(std::string_view text) noexcept {
  text = without_space(text);
  if (text.starts_with(']'))
    return without_space(text.substr(1)).empty();
  while (!text.empty()) {
    const size_t size = value_size(text);
    if (size == 0 || size == std::string_view::npos)
      return size != 0;
    text = without_space(text.substr(size));
    if (text.empty() || text.front() != ',')
      return text.empty()
             || (text.front() == ']' && without_space(text.substr(1)).empty());
    text = without_space(text.substr(1));
    if (text.starts_with(']'))
      return without_space(text.substr(1)).empty(); // [1,] is meant to be an array
  }
  return true;
}

using named_format = std::pair<std::string_view, body_format>;
constexpr std::array<named_format, 24> media_types{{
  {"application/json", body_format::json},
  {"text/json", body_format::json},
  {"text/x-json", body_format::json},
  {"application/x-json", body_format::json},
  {"application/x-ndjson", body_format::ndjson},
  {"application/ndjson", body_format::ndjson},
  {"application/jsonl", body_format::ndjson},
  {"application/x-jsonl", body_format::ndjson},
  {"application/jsonlines", body_format::ndjson},
  {"application/x-jsonlines", body_format::ndjson},
  {"application/json-lines", body_format::ndjson},
  {"application/x-json-lines", body_format::ndjson},
  {"application/x-ldjson", body_format::ndjson},
  {"application/x-json-stream", body_format::ndjson},
  {"application/stream+json", body_format::ndjson},
  {"text/x-ndjson", body_format::ndjson},
  {"text/ndjson", body_format::ndjson},
  {"text/jsonl", body_format::ndjson},
  {"text/x-jsonl", body_format::ndjson},
  {"application/json-seq", body_format::json_seq},
  {"text/tab-separated-values", body_format::csv},
  {"text/csv", body_format::csv},
  {"application/csv", body_format::csv},
  {"text/plain", body_format::text},
}};

std::optional<body_format> format_named(std::string_view type) noexcept {
  for (const auto& [name, format] : media_types)
    if (name == type)
      return format;
  if (type.find('/') == type.npos)
    return std::nullopt;
  if (type.ends_with("+json-seq")) // RFC 8091
    return body_format::json_seq;
  return type.ends_with("+json") ? std::optional{body_format::json} // RFC 6839 §3.1
                                 : std::nullopt;
}

// Takes one `;name=value` off `rest` and unquotes the value (RFC 9110 §5.6.6). Nothing when
// it is malformed.
std::optional<std::pair<std::string, std::string>>
take_parameter(std::string_view& rest) {
  rest = trim(rest.substr(1));
  if (rest.empty() || rest.front() == ';')
    return std::pair{std::string{}, std::string{}}; // an empty parameter is allowed
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

// Puts into `out` what a parameter says. Returns null, or why the body can't be read.
const char* read_parameter(const std::string& name, const std::string& value,
                           media_type& out) noexcept {
  if (name == "charset" && value != "utf-8" && value != "utf8" && value != "us-ascii")
    return "only charset=utf-8 is understood";
  if (out.format != body_format::csv)
    return nullptr;
  if (name == "header") {
    if (value != "present" && value != "absent")
      return "header is present or absent";
    out.csv_header = value == "present";
  } else if (name == "delimiter") {
    // "\t" arrives as its t alone: in a header value the backslash quotes what follows it.
    out.csv_delimiter = value == "t" ? '\t' : csv_delimiter_of(value);
    if (!out.csv_delimiter)
      return "a delimiter is one character in quotes (delimiter=\";\"), its name (comma, "
             "semicolon, tab, pipe, colon, space) or %3B; no letter, digit, quote or "
             "line end";
  }
  return nullptr;
}

tl::unexpected<fault> unsupported(std::string_view content_type, std::string_view why) {
  return fail(ec::unsupported_media_type, "Content-Type \"" + printable(content_type, 128)
                                            + "\": " + std::string{why});
}

} // namespace

body_format sniff(std::string_view head, char delimiter) {
  const bool cut = head.size() >= sniff_bytes_min;
  if (head.substr(0, 3) == "\xEF\xBB\xBF")
    head.remove_prefix(3);
  const auto text = without_space(head);
  if (text.empty())
    return body_format::text;
  // The cheap and certain signs come first; a CSV header is the vaguest guess.
  if (text.front() == '\x1e' && without_space(text.substr(1)).starts_with('{'))
    return body_format::json_seq;
  if (text.front() == '{')
    return sniff_object(text, cut);
  if (text.front() == '[' && goes_on_as_array(text.substr(1)))
    return body_format::json;
  const size_t first = head.find_first_not_of("\r\n");
  return looks_like_csv(head.substr(first), cut, delimiter) ? body_format::csv
                                                            : body_format::text;
}

bool is_form_type(std::string_view content_type) {
  return lower(trim(content_type.substr(0, content_type.find(';'))))
         == "application/x-www-form-urlencoded";
}

bool looks_like_form(std::string_view head) {
  constexpr std::string_view plain =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~*+%@:/!'()[]";
  // One line end may follow the form: LF or CR LF.
  for (int ends = 0;
       ends < 2 && !head.empty() && (head.back() == '\n' || head.back() == '\r'); ++ends)
    head.remove_suffix(1);
  while (true) {
    const auto pair = head.substr(0, head.find('&'));
    const size_t equals = pair.find_first_not_of(plain);
    if (equals == 0 || equals >= pair.size() || pair[equals] != '='
        || pair.find_first_not_of(plain, equals + 1) != pair.npos)
      return false;
    if (pair.size() == head.size())
      return true;
    head.remove_prefix(pair.size() + 1);
  }
}

csv_dialect media_type::dialect(csv_dialect of_stream) const noexcept {
  const int header = csv_header ? (*csv_header ? 1 : 2) : 0;
  of_stream.said = static_cast<uint16_t>(csv_delimiter.value_or('\0') << 2 | header);
  of_stream.delimiter = csv_delimiter.value_or(of_stream.delimiter);
  if (csv_header && !*csv_header)
    of_stream.names = csv_names::absent;
  else if (csv_header && of_stream.names == csv_names::absent)
    of_stream.names = csv_names::required;
  return of_stream;
}

result<media_type> media_type_of(std::string_view content_type) {
  media_type out;
  std::string_view rest = content_type;
  const std::string type = lower(trim(rest.substr(0, rest.find(';'))));
  rest.remove_prefix(std::min(rest.find(';'), rest.size()));
  const auto format = format_named(type);
  out.format = format.value_or(body_format::text);
  if (type == "text/tab-separated-values")
    out.csv_delimiter = '\t';
  // The format is known by now: read_parameter() reads the parameters of CSV only for CSV.
  while (!rest.empty()) {
    const auto parameter = take_parameter(rest);
    if (!parameter)
      return unsupported(content_type, "its parameters can't be read");
    if (const char* why = read_parameter(parameter->first, parameter->second, out))
      return unsupported(content_type, why);
  }
  if (format)
    return out;
  return unsupported(content_type,
                     type == "multipart/form-data"
                       ? "send the file as the body itself (curl --data-binary @FILE)"
                       : "send application/json, application/x-ndjson, text/csv or "
                         "text/plain");
}

std::string content_type_of(body_format format, std::optional<csv_dialect> dialect) {
  std::string type;
  switch (format) {
  case body_format::json:
    return "application/json";
  case body_format::ndjson:
    return "application/x-ndjson";
  case body_format::text:
    return "text/plain";
  case body_format::json_seq:
    return "application/json-seq";
  case body_format::csv:
    type = "text/csv";
  }
  if (dialect)
    type += std::string{"; header="}
            + (dialect->names == csv_names::absent ? "absent" : "present")
            + "; delimiter=\"" + (dialect->delimiter == '\\' ? "\\" : "") // a quoted-pair
            + csv_delimiter_name(dialect->delimiter) + '"';
  return type;
}

} // namespace weir
