#include "app/config/yaml_mistakes.hpp"

#include "app/config/units.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace weir {
namespace {

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
         || c == '_' || c == '-' || c == '.';
}

/// The line without the white space around it.
std::string_view bare(std::string_view line) noexcept {
  const auto from = line.find_first_not_of(" \t\r");
  if (from == line.npos)
    return {};
  return line.substr(from, line.find_last_not_of(" \t\r") - from + 1);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

bool is_indented_with_tab(std::string_view line) noexcept {
  const auto from = line.find_first_not_of(' ');
  return from != line.npos && line[from] == '\t' && !bare(line).empty();
}

/// True for `[section]` on a line of its own.
bool is_table_head(std::string_view line) noexcept {
  if (!line.starts_with('['))
    return false;
  while (line.starts_with('[') && line.ends_with(']'))
    line = line.substr(1, line.size() - 2);
  return !line.empty() && std::all_of(line.begin(), line.end(), is_word);
}

/// True for `key = value`.
bool is_assignment(std::string_view line) noexcept {
  const auto end = std::find_if_not(line.begin(), line.end(), is_word);
  const auto rest = bare({end, line.end()});
  return end != line.begin() && rest.starts_with('=');
}

/// True if the value's text begins with a quote that its own line does not close.
bool opens_quote(std::string_view line) noexcept {
  auto value = bare(line);
  while (value.starts_with("- "))
    value = bare(value.substr(2));
  if (const auto colon = value.find(": "); colon != value.npos && value.front() != '"')
    value = bare(value.substr(colon + 2));
  return (value.starts_with('"') || value.starts_with('\'')) && !is_closed_quote(value);
}

/// Puts what yaml-cpp says into words that tell the file's author what to do.
std::string in_plain_words(std::string_view message) {
  static constexpr std::pair<std::string_view, std::string_view> known[] = {
    {"illegal map value", "a key stands where none can: is this line, or the one before, "
                          "indented wrongly, or a "
                          "value with `: ` in it not in quotes?"},
    {"end of map flow not found", "a { is not closed with }"},
    {"end of sequence flow not found", "a [ is not closed with ]"},
    {"end of map not found",
     "this line does not fit those before: is it indented wrongly, or a quote closed too "
     "early?"},
    {"end of sequence not found",
     "this line does not fit the list before it: is it indented wrongly?"},
    {"illegal block entry",
     "a `- ` stands where no list can be: is it indented wrongly?"},
    {"unknown token", "a value cannot begin with %, @ or `: put it in quotes"},
    {"the referenced anchor is not defined",
     "a value that begins with * refers to another, and there is none of that name: put "
     "it "
     "in quotes"},
  };
  for (const auto& [theirs, ours] : known)
    if (message == theirs)
      return std::string{ours};
  // A message that is not known is better than none.
  return in_quotes(message);
}

} // namespace

bool is_closed_quote(std::string_view rest) noexcept {
  const char quote = rest.front();
  for (size_t i = 1; i < rest.size(); ++i) {
    if (quote == '"' && rest[i] == '\\')
      ++i;
    else if (rest[i] == quote && !(quote == '\'' && rest.substr(i + 1).starts_with('\'')))
      return true;
    else if (rest[i] == quote)
      ++i; // '' is a quote inside
  }
  return false;
}

bool lacks_space_after_colon(std::string_view text) noexcept {
  const auto end = std::find_if_not(text.begin(), text.end(), is_word);
  const std::string_view rest{end, text.end()};
  return end != text.begin() && rest.size() > 1 && rest[0] == ':' && rest[1] != ' '
         && !rest.starts_with("://");
}

std::string other_language(std::string_view text) {
  for (const auto line : lines_of(text)) {
    const auto words = bare(line);
    if (words.empty() || words.starts_with('#') || words.starts_with(';'))
      continue;
    if (is_table_head(words) || is_assignment(words))
      return "this looks like TOML or INI; YAML has `section:` and, indented below it, "
             "`key: value`";
    if (lacks_space_after_colon(words))
      return "is the space behind the colon missing? `key: value`";
    return {};
  }
  return {};
}

yaml_mistake explain_yaml(std::string_view text, size_t line, std::string_view message) {
  const auto lines = lines_of(text);
  const auto last = std::min(line, lines.size() - 1);
  for (size_t i = 0; i <= last; ++i)
    if (is_indented_with_tab(lines[i]))
      return {i, "the line is indented with a tab: YAML takes spaces only"};
  if (const auto other = other_language(text); other.starts_with("this looks"))
    return {0, other};
  if (text.find('\n') == text.npos && text.find('\r') != text.npos)
    return {0, "its lines end with a lone CR: save it with LF or CRLF"};
  // The mistake is on the line itself or on one of the few before it.
  for (size_t i = last + 1; i-- > 0 && i + 4 > last;) {
    if (opens_quote(lines[i]))
      return {i, "the quote that is opened here is not closed on its line"};
    auto words = bare(lines[i]);
    while (words.starts_with("- "))
      words = bare(words.substr(2));
    if (lacks_space_after_colon(words))
      return {i, "is the space behind the colon missing? `key: value`"};
  }
  return {line, in_plain_words(message)};
}

} // namespace weir
