#include "records/transform/arguments.hpp"

#include "records/json/text.hpp"

#include <cmath>

#include <re2/re2.h>

namespace weir::steps {

namespace {

constexpr unsigned literal_depth_max = 32;

template <class Range, class Text>
std::string joined(const Range& range, Text text) {
  std::string out;
  for (const auto& element : range) {
    if (!out.empty())
      out += ", ";
    out += text(element);
  }
  return out;
}

// True if the pattern has a \C whose backslash is not escaped itself.
bool matches_single_bytes(std::string_view pattern) noexcept {
  for (size_t i = 0; i + 1 < pattern.size(); ++i)
    if (pattern[i] == '\\' && pattern[++i] == 'C')
      return true;
  return false;
}

bool is_plain_json(const config_value& value, unsigned depth_left) {
  if (value.is_number_float())
    return std::isfinite(value.get<double>());
  if (value.is_binary() || value.is_discarded())
    return false;
  if (!value.is_structured())
    return true;
  if (depth_left == 0)
    return false;
  for (const auto& child : value)
    if (!is_plain_json(child, depth_left - 1))
      return false;
  return true;
}

std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

} // namespace

std::string listed(std::initializer_list<std::string_view> names) {
  return joined(names, [](std::string_view name) { return std::string(name); });
}

std::string listed(const std::vector<field_pointer>& pointers) {
  return joined(pointers, [](const field_pointer& pointer) { return pointer.text(); });
}

std::string listed(const std::vector<std::string>& texts) {
  return joined(texts, [](const std::string& text) { return echo(text); });
}

void step_arguments::fail(std::string text) {
  if (complaint_.empty())
    complaint_ = std::move(text);
}

const config_value* step_arguments::find(std::string_view key) const {
  if (!value_.is_object())
    return nullptr;
  const auto found = value_.find(std::string(key));
  return found == value_.end() ? nullptr : &*found;
}

const config_value* step_arguments::need(std::string_view key) {
  const auto* const found = find(key);
  if (!found)
    fail("the argument " + quoted(key) + " is missing");
  return found;
}

bool step_arguments::mapping(const config_value& value,
                             std::initializer_list<std::string_view> allowed) {
  if (!value.is_object()) {
    fail("needs a mapping with the arguments " + listed(allowed));
    return false;
  }
  for (const auto& [key, unused] : value.items())
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
      fail("unknown argument " + echo(key) + "; allowed are " + listed(allowed));
      return false;
    }
  return true;
}

field_pointer step_arguments::pointer(const config_value& text) {
  if (!text.is_string()) {
    fail("a field name must be text, like status or /user/id");
    return {};
  }
  auto parsed = field_pointer::parse(text.get_ref<const std::string&>());
  if (parsed)
    return *std::move(parsed);
  fail(parsed.error().text);
  return {};
}

field_pointer step_arguments::field(std::string_view key) {
  const auto* const found = need(key);
  return found ? pointer(*found) : field_pointer{};
}

field_pointer step_arguments::field_or(std::string_view key,
                                       const field_pointer& otherwise) {
  const auto* const found = find(key);
  return found ? pointer(*found) : otherwise;
}

std::vector<field_pointer> step_arguments::pointers(const config_value& list) {
  std::vector<field_pointer> out;
  if (list.is_string())
    out.push_back(pointer(list));
  else if (!list.is_array() || list.empty())
    fail("needs a list of field names, like [a, /b/c]");
  else
    for (const auto& element : list)
      out.push_back(pointer(element));
  return out;
}

std::vector<field_pointer> step_arguments::fields() {
  const auto* const one = find("field");
  const auto* const several = find("fields");
  if (!one == !several) {
    fail("needs either \"field\" with a name or \"fields\" with a list of names");
    return {};
  }
  return one ? std::vector<field_pointer>{pointer(*one)} : pointers(*several);
}

std::string step_arguments::text(std::string_view key) {
  return need(key) ? text_or(key, {}) : std::string{};
}

std::string step_arguments::text_or(std::string_view key, std::string_view otherwise) {
  const auto* const found = find(key);
  if (!found)
    return std::string(otherwise);
  if (found->is_string())
    return found->get<std::string>();
  fail("the argument " + quoted(key) + " must be text (put it in quotes)");
  return {};
}

std::vector<std::string> step_arguments::texts(const config_value& list,
                                               std::string_view key) {
  if (list.is_string())
    return {list.get<std::string>()};
  std::vector<std::string> out;
  for (const auto& element : list)
    if (element.is_string())
      out.push_back(element.get<std::string>());
  if (!list.is_array() || out.empty() || out.size() != list.size())
    fail("the argument " + quoted(key)
         + " must be a text or a list of texts (in quotes)");
  return out;
}

bool step_arguments::flag_or(std::string_view key, bool otherwise) {
  const auto* const found = find(key);
  if (!found)
    return otherwise;
  if (found->is_boolean())
    return found->get<bool>();
  fail("the argument " + quoted(key) + " must be true or false");
  return otherwise;
}

int64_t step_arguments::integer(std::string_view key, int64_t least, int64_t most) {
  const auto* const found = need(key);
  if (found && found->is_number_integer()) {
    const bool huge = found->is_number_unsigned() && found->get<uint64_t>() > INT64_MAX;
    const auto number = found->get<int64_t>();
    if (!huge && number >= least && number <= most)
      return number;
  }
  fail("the argument " + quoted(key) + " must be a whole number from "
       + std::to_string(least) + " to " + std::to_string(most));
  return least;
}

std::string step_arguments::literal(const config_value& value) {
  if (is_plain_json(value, literal_depth_max))
    return value.dump();
  fail("a literal must be JSON: no infinity, at most 32 levels deep");
  return "null";
}

pattern_ptr step_arguments::pattern_of(const config_value& text) {
  if (!text.is_string()) {
    fail("a pattern must be text (put it in quotes)");
    return nullptr;
  }
  const auto& source = text.get_ref<const std::string&>();
  re2::RE2::Options options;
  // RE2 would write to stderr; the configuration's error says it all.
  options.set_log_errors(false);
  auto compiled = std::make_shared<const re2::RE2>(source, options);
  if (!compiled->ok())
    fail("pattern " + echo(source)
         + " is not a regular expression (RE2): " + compiled->error());
  else if (matches_single_bytes(source))
    fail("pattern " + echo(source) + " uses \\C, which could cut a character in two");
  return compiled;
}

pattern_ptr step_arguments::pattern(std::string_view key) {
  const auto* const found = need(key);
  return found ? pattern_of(*found) : nullptr;
}

} // namespace weir::steps
