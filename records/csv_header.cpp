#include "records/csv_header.hpp"

#include "records/decode.hpp"

#include <unordered_set>

namespace weir {

namespace {

tl::unexpected<fault> in_header(uint64_t line, size_t column, std::string_view what) {
  return fail(ec::malformed_body, "line " + std::to_string(line + 1)
                                    + ": csv header, column " + std::to_string(column + 1)
                                    + ": " + std::string{what});
}

// Reads the quoted field at the beginning of `rest` into `name`; null or what is wrong.
const char* take_quoted(std::string_view& rest, std::string& name) {
  size_t pos = 1;
  while (true) {
    const size_t quote = rest.find('"', pos);
    if (quote == std::string_view::npos)
      return "the quoted name does not end";
    name.append(rest.substr(pos, quote - pos));
    pos = quote + 1;
    if (pos == rest.size() || rest[pos] != '"')
      break;
    name.push_back('"');
    ++pos;
  }
  rest.remove_prefix(pos);
  return rest.empty() || rest.front() == ',' ? nullptr : "text behind the closing quote";
}

const char* take_unquoted(std::string_view& rest, std::string& name) {
  name = rest.substr(0, rest.find(','));
  rest.remove_prefix(name.size());
  if (name.find('"') != std::string::npos)
    return "a quote in an unquoted name; quote the whole name and double the quote";
  if (name.find('\r') != std::string::npos)
    return "a carriage return; lines must end in LF or CR LF";
  return nullptr;
}

} // namespace

result<csv_header> parse_csv_header(std::string_view row, uint64_t line,
                                    uint32_t columns_max) {
  csv_header header;
  std::unordered_set<std::string> seen;
  for (bool more = true; more;) {
    if (header.size() == columns_max)
      return in_header(line, header.size(),
                       "more than " + std::to_string(columns_max) + " columns");
    std::string name;
    const bool quoted = !row.empty() && row.front() == '"';
    const char* problem = quoted ? take_quoted(row, name) : take_unquoted(row, name);
    if (!problem && name.empty())
      problem = "it has no name";
    if (!problem && !is_utf8(name))
      problem = "the name is not UTF-8";
    if (problem)
      return in_header(line, header.size(), problem);
    if (!seen.insert(name).second)
      return in_header(line, header.size(),
                       "the name \"" + printable(name, 64) + "\" is there twice");
    header.push_back(std::move(name));
    more = !row.empty();
    row.remove_prefix(more ? 1 : 0);
  }
  return header;
}

} // namespace weir
