#include "records/formats/json_guess.hpp"

#include <algorithm>
#include <cstddef>

namespace weir {

namespace {

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

// `text` begins with a brace.
json_shape shape_of_object(std::string_view text, bool cut) noexcept {
  if (!goes_on_as_object(text.substr(1)))
    return json_shape::none;
  const auto line = text.substr(0, text.find('\n'));
  const auto lines = text.substr(line.size());
  const size_t end = end_of_object(text);
  if (end == std::string_view::npos && (lines.empty() || ends_in_string(line)))
    return are_mostly_objects(lines, cut) ? json_shape::lines : json_shape::none;
  if (end > line.size()) { // the object spans lines
    const auto rest = end < text.size() ? without_space(text.substr(end)) : "";
    return goes_on_behind_object(rest) ? json_shape::one_value : json_shape::none;
  }
  if (!goes_on_behind_object(text.substr(end)) || !are_mostly_objects(lines, cut))
    return json_shape::none;
  const bool is_all = text.find_first_not_of(" \t\r", end) == std::string_view::npos;
  return is_all && !cut ? json_shape::one_value : json_shape::lines;
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

} // namespace

std::string_view without_space(std::string_view text) noexcept {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

json_shape guess_json(std::string_view text, bool cut) noexcept {
  if (text.starts_with('{'))
    return shape_of_object(text, cut);
  if (text.starts_with('[') && goes_on_as_array(text.substr(1)))
    return json_shape::one_value;
  return json_shape::none;
}

} // namespace weir
