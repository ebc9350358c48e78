#include "records/formats/media_type.hpp"

#include "base/printable.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

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

struct named_kind {
  const format_kind* kind = nullptr;
  char delimiter = '\0';
};

// `type` is in lower case, without parameters.
named_kind kind_named(std::string_view type,
                      std::span<const format_kind* const> kinds) noexcept {
  for (const auto* kind : kinds)
    for (const auto& name : kind->media_types)
      if (name.type == type)
        return {kind, name.delimiter};
  // A name of its own counts before a suffix: application/stream+json has lines.
  if (type.find('/') != type.npos)
    for (const auto* kind : kinds)
      if (!kind->suffix.empty() && type.ends_with(kind->suffix))
        return {kind, '\0'};
  return {};
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

// Puts into `out` what a parameter says of the columns. Returns null, or why the body can't be
// read.
const char* read_columns(const std::string& name, const std::string& value,
                         media_type& out) noexcept {
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

// `kind` is null for a type that nobody reads.
const char* read_parameter(const std::string& name, const std::string& value,
                           const format_kind* kind, media_type& out) noexcept {
  const bool is_text = !kind || kind->is_text;
  if (is_text && name == "charset" && value != "utf-8" && value != "utf8"
      && value != "us-ascii")
    return "only charset=utf-8 is understood";
  return kind && kind->has_columns ? read_columns(name, value, out) : nullptr;
}

tl::unexpected<fault> unsupported(std::string_view content_type, std::string_view why) {
  return fail(ec::unsupported_media_type, "Content-Type \"" + printable(content_type, 128)
                                            + "\": " + std::string{why});
}

} // namespace

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

result<media_type> media_type_of(std::string_view content_type,
                                 std::span<const format_kind* const> kinds) {
  media_type out;
  std::string_view rest = content_type;
  const std::string type = lower(trim(rest.substr(0, rest.find(';'))));
  rest.remove_prefix(std::min(rest.find(';'), rest.size()));
  const auto [kind, delimiter] = kind_named(type, kinds);
  if (delimiter != '\0')
    out.csv_delimiter = delimiter;
  // The kind is known by now: which parameters there are depends on it.
  while (!rest.empty()) {
    const auto parameter = take_parameter(rest);
    if (!parameter)
      return unsupported(content_type, "its parameters can't be read");
    if (const char* why = read_parameter(parameter->first, parameter->second, kind, out))
      return unsupported(content_type, why);
  }
  if (kind) {
    out.format = kind->format;
    return out;
  }
  return unsupported(content_type,
                     type == "multipart/form-data"
                       ? "send the file as the body itself (curl --data-binary @FILE)"
                       : send_known_type);
}

std::string content_type_of(body_format format, std::optional<csv_dialect> dialect) {
  const auto& kind = kind_of(format);
  std::string type{kind.content_type};
  if (kind.has_columns && dialect)
    type += std::string{"; header="}
            + (dialect->names == csv_names::absent ? "absent" : "present")
            + "; delimiter=\"" + (dialect->delimiter == '\\' ? "\\" : "") // a quoted-pair
            + csv_delimiter_name(dialect->delimiter) + '"';
  return type;
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

} // namespace weir
