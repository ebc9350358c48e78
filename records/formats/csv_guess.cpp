#include "records/formats/csv_guess.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <unordered_set>
#include <vector>

namespace weir {

namespace {

struct csv_row {
  std::vector<std::string_view> fields; ///< quotes and all
  bool well_quoted = true;
  bool ended = false; ///< a line end was there
};

// Offset of the first quote that closes the field `text` begins with, npos if none does.
size_t closing_quote(std::string_view text) noexcept {
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] != '"')
      continue;
    if (i + 1 == text.size() || text[i + 1] != '"')
      return i;
    ++i; // a doubled one
  }
  return std::string_view::npos;
}

// Takes one field and the delimiter behind it off `text`; false when it was the row's last.
bool take_field(std::string_view& text, char delimiter, csv_row& row) {
  const char ends[] = {delimiter, '\n'};
  size_t end = 0;
  if (text.starts_with('"')) {
    const size_t closing = closing_quote(text);
    end = closing == std::string_view::npos ? text.size() : closing + 1;
    row.well_quoted = row.well_quoted && closing != std::string_view::npos;
  }
  const size_t behind = std::min(text.find_first_of({ends, 2}, end), text.size());
  auto field = text.substr(0, behind);
  const bool last = behind == text.size() || text[behind] == '\n';
  if (last && field.ends_with('\r'))
    field.remove_suffix(1);
  const auto unquoted = field.substr(std::min(end, field.size()));
  row.well_quoted =
    row.well_quoted && (end == 0 ? field.find('"') == field.npos : unquoted.empty());
  row.fields.push_back(field);
  row.ended = behind < text.size() && last;
  text.remove_prefix(std::min(behind + 1, text.size()));
  return !last;
}

csv_row take_row(std::string_view& text, char delimiter) {
  csv_row row;
  while (take_field(text, delimiter, row)) {
  }
  return row;
}

constexpr std::string_view digits = "0123456789";

// `08:24` anywhere.
bool has_time_of_day(std::string_view text) noexcept {
  for (size_t i = 2; i + 2 < text.size(); ++i)
    if (text[i] == ':' && is_digit(text[i - 2]) && is_digit(text[i - 1])
        && is_digit(text[i + 1]) && is_digit(text[i + 2]))
      return true;
  return false;
}

// A number, a date, an address: digits and what stands between them.
bool is_figure(std::string_view text) noexcept {
  return text.find_first_of(digits) != text.npos
         && text.find_first_not_of("0123456789+-./:_ eETZ%") == text.npos;
}

// As a sentence has them between its words and at its end, a name of a column hardly ever.
bool is_prose(std::string_view field) noexcept {
  constexpr size_t words_max = 5;
  return field.starts_with(' ') || field.find_last_of(".!?") == field.size() - 1
         || std::count(field.begin(), field.end(), ' ') >= std::ptrdiff_t{words_max};
}

bool is_column_name(std::string_view field) noexcept {
  if (field.starts_with('"'))
    field = field.substr(1, field.size() - (field.size() > 1 ? 2 : 1));
  if (field.find_first_not_of(" \t") == field.npos)
    return false;
  // [error], <34>, level=info
  return field.front() != '[' && field.front() != '<' && field.find('=') == field.npos
         && !is_prose(field) && !is_figure(field) && !has_time_of_day(field);
}

bool is_header(const csv_row& row, bool cut) {
  auto names = row.fields;
  if (cut && !row.ended && names.size() > 2)
    names.pop_back(); // the rest of it is not known
  std::unordered_set<std::string_view> seen;
  return row.well_quoted && names.size() > 1
         && std::all_of(names.begin(), names.end(), [&](std::string_view name) {
              return is_column_name(name) && seen.insert(name).second;
            });
}

} // namespace

bool looks_like_csv(std::string_view head, bool cut, char delimiter) {
  const auto header = take_row(head, delimiter);
  if (!is_header(header, cut))
    return false;
  if (cut && !header.ended)
    return true; // so long a first line of names
  bool has_rows = false;
  while (true) {
    head.remove_prefix(std::min(head.find_first_not_of("\r\n"), head.size()));
    if (head.empty())
      return has_rows;
    const auto row = take_row(head, delimiter);
    if (cut && head.empty() && !row.ended) // the rest of it is not known
      return row.fields.size() <= header.fields.size();
    if (!row.well_quoted || row.fields.size() != header.fields.size())
      return false;
    has_rows = true;
  }
}

} // namespace weir
