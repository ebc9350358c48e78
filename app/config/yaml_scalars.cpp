// What a YAML scalar means: variables in it, and its type by the core schema.
#include "app/config/units.hpp"
#include "app/config/yaml_tree.hpp"
#include "base/text.hpp"
#include "records/json/limits.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

bool name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool name_rest(char c) {
  return name_start(c) || (c >= '0' && c <= '9');
}
/// A `${NAME}` or `${NAME:-default}` at the front of a text.
struct reference {
  size_t size = 0; ///< 0: there is none, the text is literal
  std::string name;
  std::optional<std::string> fallback;
};

reference parse_reference(std::string_view text) {
  reference found;
  // The name begins after `${`.
  size_t at = 2;
  while (at < text.size() && (at == 2 ? name_start(text[at]) : name_rest(text[at])))
    ++at;
  if (at == 2 || at == text.size())
    return found;
  found.name = text.substr(2, at - 2);
  if (text.substr(at).starts_with(":-")) {
    const auto end = text.find('}', at);
    if (end == text.npos)
      return found;
    found.fallback = text.substr(at + 2, end - at - 2);
    at = end;
  }
  if (text[at] == '}')
    found.size = at + 1;
  return found;
}

} // namespace

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>{value} : std::nullopt;
}

expansion expand_variables(std::string_view text, const variable_lookup& variables) {
  expansion result;
  while (!text.empty()) {
    const auto dollar = std::min(text.find('$'), text.size());
    result.text += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.starts_with("$${")) {
      result.text += "${";
      text.remove_prefix(3);
      continue;
    }
    const bool opens = text.starts_with("${");
    const auto found = opens ? parse_reference(text) : reference{};
    if (found.size == 0) {
      if (opens)
        result.error =
          fmt::format("{}: expected ${{NAME}} or ${{NAME:-value}}; write $${{ "
                      "where ${{ is meant as it is",
                      in_quotes(text.substr(0, text.find('}')).substr(0, 40)));
      // a lone dollar; nothing when the text is at its end
      result.text += text.substr(0, 1);
      text.remove_prefix(std::min<size_t>(1, text.size()));
      continue;
    }
    auto value = variables(found.name);
    if (found.fallback && (!value || value->empty()))
      value = found.fallback;
    if (!value)
      result.error = fmt::format("environment variable {} is not set: set it, or write a "
                                 "default as ${{{}:-value}}",
                                 found.name, found.name);
    else
      result.text += *value;
    text.remove_prefix(found.size);
  }
  return result;
}

namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const auto word : words)
    if (text == word)
      return true;
  return false;
}

/// [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+ ; nothing if it is no integer or does not fit.
std::optional<nlohmann::json> core_integer(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0o")) {
    base = text[1] == 'x' ? 16 : 8;
    text.remove_prefix(2);
    // from_chars takes a sign here; YAML does not.
    if (text.starts_with('-'))
      return std::nullopt;
  } else if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-'))
      return std::nullopt;
  }
  const auto* end = text.data() + text.size();
  int64_t narrow = 0;
  if (const auto [rest, error] = std::from_chars(text.data(), end, narrow, base);
      error == std::errc{} && rest == end)
    return narrow;
  uint64_t wide = 0;
  if (const auto [rest, error] = std::from_chars(text.data(), end, wide, base);
      error == std::errc{} && rest == end)
    return wide;
  return std::nullopt;
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
std::optional<double> core_float(std::string_view text) {
  if (text.starts_with('+'))
    text.remove_prefix(1);
  const auto digits_at = text.starts_with('-') ? size_t{1} : size_t{0};
  const auto first = text.substr(digits_at);
  const bool dotted = first.size() > 1 && first[0] == '.' && is_digit(first[1]);
  if (first.empty() || !(is_digit(first[0]) || dotted))
    return std::nullopt; // from_chars would also take inf and nan
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::invalid_argument || rest != end)
    return std::nullopt;
  // too small for a double is zero, too large is nothing that JSON has
  return read_double(text).value_or(std::numeric_limits<double>::infinity());
}

nlohmann::json scalar_to_json(const yaml_node& node, std::vector<std::string>& errors) {
  // A quoted scalar is text, whatever it looks like.
  if (!node.plain)
    return node.text;
  if (one_of(node.text, {"", "~", "null", "Null", "NULL"}))
    return nullptr;
  if (one_of(node.text, {"true", "True", "TRUE"}))
    return true;
  if (one_of(node.text, {"false", "False", "FALSE"}))
    return false;
  if (auto integer = core_integer(node.text))
    return *integer;
  if (const auto real = core_float(node.text)) {
    if (std::isfinite(*real))
      return *real;
    errors.push_back(fmt::format("{}: {} is larger than a number can be: quote it if it "
                                 "is text",
                                 node.place, node.text));
    return node.text;
  }
  auto bare = std::string_view{node.text};
  if (bare.starts_with('+') || bare.starts_with('-'))
    bare.remove_prefix(1);
  if (one_of(bare, {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"}))
    errors.push_back(fmt::format("{}: {} is no JSON number: quote it if it is text",
                                 node.place, node.text));
  return node.text;
}

} // namespace

nlohmann::json to_json(const yaml_node& node, std::vector<std::string>& errors) {
  // No `default:`: -Wswitch (an error here) reports a kind without a value.
  switch (node.what) {
  case yaml_node::kind::null:
    return nullptr;
  case yaml_node::kind::scalar:
    return scalar_to_json(node, errors);
  case yaml_node::kind::list: {
    auto list = nlohmann::json::array();
    for (const auto& item : node.items)
      list.push_back(to_json(item, errors));
    return list;
  }
  case yaml_node::kind::map: {
    auto map = nlohmann::json::object();
    for (const auto& [key, value] : node.members)
      map[key] = to_json(value, errors);
    return map;
  }
  }
  return nullptr;
}

} // namespace weir
