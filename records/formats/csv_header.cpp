#include "records/formats/csv_header.hpp"

#include "base/printable.hpp"
#include "base/text.hpp"

#include <unordered_set>

namespace weir {

namespace {

tl::unexpected<fault> in_header(uint64_t line, size_t column, std::string_view what) {
  return fail(ec::malformed_body, "line " + std::to_string(line + 1)
                                    + ": csv header, column " + std::to_string(column + 1)
                                    + ": " + std::string{what});
}

// Reads the quoted field at the beginning of `rest` into `name`. Null, or what is wrong.
const char* take_quoted(std::string_view& rest, char delimiter, std::string& name) {
  size_t pos = 1;
  while (true) {
    const size_t quote = rest.find('"', pos);
    if (quote == std::string_view::npos)
      return "the quoted name does not end";
    name.append(rest.substr(pos, quote - pos));
    pos = quote + 1;
    // A doubled quote stands for one in the name; any other ends it.
    if (pos == rest.size() || rest[pos] != '"')
      break;
    name.push_back('"');
    ++pos;
  }
  rest.remove_prefix(pos);
  return rest.empty() || rest.front() == delimiter ? nullptr
                                                   : "text behind the closing quote";
}

const char* take_unquoted(std::string_view& rest, char delimiter, std::string& name) {
  name = rest.substr(0, rest.find(delimiter));
  rest.remove_prefix(name.size());
  if (name.find('"') != std::string::npos)
    return "a quote in an unquoted name; quote the whole name and double the quote";
  if (name.find('\r') != std::string::npos)
    return "a carriage return; lines must end in LF or CR LF";
  return nullptr;
}

// Says what to do if the only field of `row` holds another delimiter. In quotes it may.
std::string other_delimiter_in(std::string_view row, char delimiter) {
  if (row.starts_with('"'))
    return {};
  for (const char other : {';', '\t', '|', ','})
    if (other != delimiter && row.find(other) != row.npos)
      return "it is the only one, with a " + csv_delimiter_name(other)
             + " in it: name the delimiter (Content-Type: text/csv; delimiter="
             + csv_delimiter_name(other)
             + ", csv_delimiter of the stream, --csv-delimiter of weir send), or put the "
               "field in quotes";
  return {};
}

std::string column_name(size_t index) {
  return "column_" + std::to_string(index + 1);
}

// Replaces a name that is no good by its column's number; false when `dialect` forbids it.
bool mend(std::string& name, size_t index, std::unordered_set<std::string>& seen,
          csv_dialect dialect) {
  if (dialect.names != csv_names::mended)
    return false;
  name = column_name(index);
  while (!seen.insert(name).second)
    name += '_';
  return true;
}

} // namespace

result<csv_header> parse_csv_header(std::string_view row, uint64_t line,
                                    uint32_t columns_max, csv_dialect dialect) {
  csv_header header;
  header.delimiter = dialect.delimiter;
  header.said = dialect.said;
  auto& names = header.names;
  const auto whole = row;
  std::unordered_set<std::string> seen;
  for (bool more = true; more;) {
    if (names.size() == columns_max)
      return in_header(line, names.size(),
                       "more than " + std::to_string(columns_max) + " columns");
    std::string name;
    const bool quoted = !row.empty() && row.front() == '"';
    const char* problem = quoted ? take_quoted(row, dialect.delimiter, name)
                                 : take_unquoted(row, dialect.delimiter, name);
    if (!problem && !is_utf8(name))
      problem = "the name is not UTF-8";
    if (problem)
      return in_header(line, names.size(), problem);
    const bool is_new = !name.empty() && seen.insert(name).second;
    if (!is_new && !mend(name, names.size(), seen, dialect))
      return in_header(line, names.size(),
                       (name.empty()
                          ? std::string{"it has no name"}
                          : "the name \"" + printable(name, 64) + "\" is there twice")
                         + " (csv_header: mended would make names)");
    names.push_back(std::move(name));
    // After a delimiter at the row's end one more name follows, an empty one.
    more = !row.empty();
    row.remove_prefix(more ? 1 : 0);
  }
  if (const auto other = other_delimiter_in(whole, dialect.delimiter);
      names.size() == 1 && !other.empty())
    return in_header(line, 0, other);
  return header;
}

result<csv_header> number_csv_columns(std::string_view row, uint64_t line,
                                      uint32_t columns_max, csv_dialect dialect) {
  const char delimiter = dialect.delimiter;
  csv_header header;
  header.delimiter = delimiter;
  header.said = dialect.said;
  bool quoted = false;
  bool may_quote = true; // where a field begins, and behind a quote: two of them are one
  size_t fields = 1;
  for (const char c : row) {
    const bool quote = c == '"' && (quoted || may_quote);
    quoted = quoted != quote;
    const bool divides = c == delimiter && !quoted;
    fields += divides ? 1 : 0;
    may_quote = divides || (quote && !quoted);
  }
  if (fields > columns_max)
    return in_header(line, columns_max,
                     "more than " + std::to_string(columns_max) + " columns");
  if (const auto other = other_delimiter_in(row, delimiter);
      fields == 1 && !other.empty())
    return in_header(line, 0, other);
  for (size_t i = 0; i < fields; ++i)
    header.names.push_back(column_name(i));
  return header;
}

} // namespace weir
