#include "records/formats/csv_guess.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <unordered_set>
#include <vector>

namespace weir {

namespace {

struct csv_row {
  std::vector<std::string_view> fields; ///< with their quotes
  bool well_quoted = true;
  bool ended = false; ///< by a line end, not by the end of the text
};

// The offset of the quote that closes the field at the beginning of `text`; npos if none does.
size_t closing_quote(std::string_view text) noexcept {
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] != '"')
      continue;
    if (i + 1 == text.size() || text[i + 1] != '"')
      return i;
    ++i; // a doubled quote stands for one in the field
  }
  return std::string_view::npos;
}

// Takes a field and the delimiter after it off `text`; false when it was the row's last.
bool take_field(std::string_view& text, char delimiter, csv_row& row) {
  const char ends[] = {delimiter, '\n'};
  size_t end = 0;
  // A delimiter inside quotes belongs to the field, so the search for one begins after them.
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

// True if something like `08:24` is anywhere in it.
bool has_time_of_day(std::string_view text) noexcept {
  for (size_t i = 2; i + 2 < text.size(); ++i)
    if (text[i] == ':' && is_digit(text[i - 2]) && is_digit(text[i - 1])
        && is_digit(text[i + 1]) && is_digit(text[i + 2]))
      return true;
  return false;
}

// A number, a date or an address has digits and what stands between them, no more.
bool is_figure(std::string_view text) noexcept {
  return text.find_first_of(digits) != text.npos
         && text.find_first_not_of("0123456789+-./:_ eETZ%") == text.npos;
}

// A sentence has blanks between its words and a stop at its end, a column's name hardly ever.
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
  // A log line has [error], <34> or level=info in it.
  return field.front() != '[' && field.front() != '<' && field.find('=') == field.npos
         && !is_prose(field) && !is_figure(field) && !has_time_of_day(field);
}

bool is_header(const csv_row& row, bool cut) {
  auto names = row.fields;
  if (cut && !row.ended && names.size() > 2)
    names.pop_back(); // the body may go on in this name
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
    return true; // a first line so long that no row fits in
  bool has_rows = false;
  while (true) {
    head.remove_prefix(std::min(head.find_first_not_of("\r\n"), head.size()));
    if (head.empty())
      return has_rows;
    const auto row = take_row(head, delimiter);
    // This row may go on after what was read.
    if (cut && head.empty() && !row.ended)
      return row.fields.size() <= header.fields.size();
    if (!row.well_quoted || row.fields.size() != header.fields.size())
      return false;
    has_rows = true;
  }
}

} // namespace weir
