#include "app/config/config_reader.hpp"

#include "app/config/config_reference.hpp"
#include "app/config/config_text.hpp"
#include "app/config/units.hpp"
#include "app/config/yaml_mistakes.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

/// What a text that stands where keys should was probably meant to be.
std::string advice_on(const yaml_node& node) {
  if (node.what != yaml_node::kind::scalar)
    return {};
  const auto other = other_language(node.text);
  return other.empty() ? "" : ": " + other;
}

/// The one section that has a key of that name; empty if none or several have.
std::string section_of(std::string_view name) {
  std::string found;
  for (const auto& row : config_reference()) {
    const auto dot = row.path.find('.');
    if (dot == row.path.npos || std::string_view{row.path}.substr(dot + 1) != name)
      continue;
    if (!found.empty())
      return {};
    found = row.path.substr(0, dot);
  }
  return found;
}

} // namespace

config_reader::config_reader(const yaml_node& root, std::string directory,
                             config_places& places, std::vector<std::string>& errors)
  : directory_(std::move(directory)), places_(places), errors_(errors) {
  if (root.what != yaml_node::kind::map && root.what != yaml_node::kind::null)
    errors_.push_back(fmt::format("{}: expected keys and values at the top{}", root.place,
                                  advice_on(root)));
  levels_.push_back({&root, "", {}});
}

config_reader::~config_reader() {
  report_unknown(levels_.back());
}

void config_reader::error(const yaml_node& node, std::string_view key,
                          std::string_view text) {
  errors_.push_back(fmt::format("{}: {}: {}", node.place, path(key), text));
}

const yaml_node* config_reader::take(std::string_view name) {
  auto& here = levels_.back();
  here.asked.emplace(name);
  const auto* found = here.node->find(name);
  if (found)
    places_[path(name)] = found->place;
  return found;
}

/// The scalar under `name`; nothing if it is absent, or is no scalar, which is reported.
const yaml_node* config_reader::take_scalar(std::string_view name) {
  const auto* found = take(name);
  if (!found || found->what == yaml_node::kind::scalar)
    return found;
  if (found->what == yaml_node::kind::null)
    error(*found, name, "has no value: write one or remove the key");
  else
    error(*found, name, "expected one plain value");
  return nullptr;
}

/// Like take_scalar(), but takes an unquoted `null` if that is one of the words to choose from.
const yaml_node* config_reader::take_choice(std::string_view name,
                                            const std::vector<std::string_view>& values) {
  const auto* found = take(name);
  if (found && found->what == yaml_node::kind::null
      && std::find(values.begin(), values.end(), found->text) != values.end())
    return found;
  return take_scalar(name);
}

void config_reader::descend(const yaml_node& node, const std::string& prefix,
                            const std::function<void()>& body) {
  levels_.push_back({&node, prefix, {}});
  body();
  const auto done = std::move(levels_.back());
  levels_.pop_back();
  report_unknown(done);
}

void config_reader::report_unknown(const level& at) {
  for (const auto& [name, value] : at.node->members) {
    if (at.asked.contains(name))
      continue;
    const auto nearest = nearest_name(name, at.asked);
    // At the top, a key of a section has probably lost its indentation.
    const auto home = at.prefix.empty() ? section_of(name) : "";
    const auto advice =
      name.starts_with('-') ? "is the space behind the `-` of a list missing?"
      : !home.empty() ? fmt::format("did you mean {}.{}? It stands indented below `{}:`",
                                    home, name, home)
      : nearest.empty() ? fmt::format("known here: {}", fmt::join(at.asked, ", "))
                        : fmt::format("did you mean {}?", nearest);
    errors_.push_back(fmt::format("{}: {}{}: unknown key, {}", value.place, at.prefix,
                                  one_line(name, 80), advice));
  }
}

void config_reader::section(key_name key, const std::function<void()>& body) {
  static const yaml_node absent;
  const auto* found = take(key.name);
  if (found && found->what != yaml_node::kind::map
      && found->what != yaml_node::kind::null) {
    error(*found, key.name,
          "expected a section with keys of its own" + advice_on(*found));
    found = nullptr;
  }
  descend(found ? *found : absent, path(key.name) + ".", body);
}

void config_reader::map(key_name key, const std::vector<std::string>&,
                        const std::function<void(const std::string&)>& element) {
  const auto* found = take(key.name);
  if (!found)
    return;
  // A map without names is a mistake, not a wish to have none.
  if (found->what != yaml_node::kind::map || found->members.empty()) {
    error(*found, key.name, "expected at least one name with settings below it");
    return;
  }
  const auto prefix = path(key.name) + ".";
  for (const auto& [name, value] : found->members) {
    places_[prefix + name] = value.place;
    if (!is_label(name))
      errors_.push_back(fmt::format("{}: {}: {} is no name: expected {}", value.place,
                                    path(key.name), in_quotes(name), label_pattern));
    else if (value.what != yaml_node::kind::map && value.what != yaml_node::kind::null)
      errors_.push_back(fmt::format("{}: {}{}: expected settings, or nothing",
                                    value.place, prefix, name));
    else
      descend(value, prefix + name + ".", [&] { element(name); });
  }
}

void config_reader::list(key_name key, size_t present,
                         const std::function<void(size_t)>& element) {
  const auto* found = take(key.name);
  if (!found || found->what == yaml_node::kind::null)
    return;
  if (found->what != yaml_node::kind::list) {
    error(*found, key.name, "expected a list: lines that begin with `- `");
    return;
  }
  for (size_t i = 0; i < found->items.size(); ++i) {
    const auto prefix = fmt::format("{}.{}.", path(key.name), i);
    // An error about the whole element needs its place, too.
    places_[fmt::format("{}.{}", path(key.name), i)] = found->items[i].place;
    if (found->items[i].what != yaml_node::kind::map)
      error(found->items[i], key.name, "expected an element with keys of its own");
    else
      descend(found->items[i], prefix, [&] { element(present++); });
  }
}

void config_reader::flag(key_name key, bool& value) {
  const auto* found = take_scalar(key.name);
  if (!found)
    return;
  if (found->text == "true" || found->text == "false")
    value = found->text == "true";
  else
    error(*found, key.name,
          fmt::format("{}: expected true or false", in_quotes(found->text)));
}

void config_reader::real(key_name key, double& value, bounds<double> range) {
  const auto* found = take_scalar(key.name);
  if (!found)
    return;
  const auto number = parse_real(found->text);
  if (!number)
    error(*found, key.name,
          fmt::format("{}: {}", in_quotes(found->text), number.error()));
  else if (*number < range.low || *number > range.high)
    error(*found, key.name,
          fmt::format("{} is out of range: allowed {} … {}", found->text,
                      format_real(range.low), format_real(range.high)));
  else
    value = *number;
}

void config_reader::whole(key_name key, uint64_t& value, bounds<uint64_t> range,
                          bool is_bytes) {
  const auto* found = take_scalar(key.name);
  if (!found)
    return;
  // The word is allowed even if 0 itself is out of range.
  if (!key.zero.empty() && found->text == key.zero) {
    value = 0;
    return;
  }
  const auto show = [&](uint64_t n) {
    return is_bytes ? format_bytes(n) : std::to_string(n);
  };
  const auto number = is_bytes ? parse_bytes(found->text) : parse_count(found->text);
  const auto word = key.zero.empty() ? "" : fmt::format(", or `{}`", key.zero);
  if (!number)
    error(*found, key.name,
          fmt::format("{}: {}{}", in_quotes(found->text), number.error(), word));
  else if (*number < range.low || *number > range.high)
    error(*found, key.name,
          fmt::format("{} is out of range: allowed {} … {}{}", found->text,
                      show(range.low), show(range.high), word));
  else
    value = *number;
}

void config_reader::time(key_name key, std::chrono::milliseconds& value,
                         bounds<std::chrono::milliseconds> range,
                         std::chrono::milliseconds granularity) {
  const auto* found = take_scalar(key.name);
  if (!found)
    return;
  const auto amount = parse_duration(found->text);
  if (!amount)
    error(*found, key.name,
          fmt::format("{}: {}", in_quotes(found->text), amount.error()));
  else if (*amount < range.low || *amount > range.high)
    error(*found, key.name,
          fmt::format("{} is out of range: allowed {} … {}", found->text,
                      format_duration(range.low), format_duration(range.high)));
  else if (*amount % granularity != std::chrono::milliseconds{0})
    error(*found, key.name,
          fmt::format("{}: expected a multiple of {}", found->text,
                      format_duration(granularity)));
  else
    value = *amount;
}

void config_reader::pick(key_name key, size_t& index,
                         const std::vector<std::string_view>& values) {
  const auto* found = take_choice(key.name, values);
  if (!found)
    return;
  const auto at = std::find(values.begin(), values.end(), found->text);
  if (at == values.end())
    error(*found, key.name,
          fmt::format("{}: expected one of {}", in_quotes(found->text),
                      fmt::join(values, ", ")));
  else
    index = static_cast<size_t>(at - values.begin());
}

void config_reader::text(key_name key, std::string& value, text_rule rule) {
  const auto* found = take_scalar(key.name);
  if (!found)
    return;
  if (found->text.empty() && !key.zero.empty()) { // as if it had not been said
    value.clear();
    return;
  }
  auto checked = found->text;
  const auto broken = broken_rule(checked, rule);
  if (broken.empty())
    value = std::move(checked);
  else
    error(*found, key.name, fmt::format("{}: {}", in_quotes(found->text), broken));
}

void config_reader::texts(key_name key, std::vector<std::string>& value, text_rule rule) {
  const auto* found = take(key.name);
  if (!found || found->what == yaml_node::kind::null)
    return;
  if (found->what != yaml_node::kind::list) {
    error(*found, key.name, "expected a list, like [one, two]");
    return;
  }
  for (const auto& item : found->items) {
    auto checked = item.text;
    const auto broken = item.what == yaml_node::kind::scalar ? broken_rule(checked, rule)
                                                             : "expected plain text";
    if (broken.empty())
      value.push_back(std::move(checked));
    else
      error(item, key.name, fmt::format("{}: {}", in_quotes(item.text), broken));
  }
}

void config_reader::address(key_name key, listen_address& value) {
  const auto* found = take_scalar(key.name);
  if (!found)
    return;
  if (auto address = parse_listen_address(found->text))
    value = std::move(*address);
  else
    error(*found, key.name,
          fmt::format("{}: {}", in_quotes(found->text), address.error()));
}

void config_reader::steps(key_name key, std::shared_ptr<const nlohmann::json>& value) {
  const auto* found = take(key.name);
  if (!found || found->what == yaml_node::kind::null)
    return;
  if (found->what != yaml_node::kind::list)
    return error(*found, key.name,
                 "expected a list of steps: lines that begin with `- `");
  for (size_t i = 0; i < found->items.size(); ++i)
    places_[fmt::format("{}.{}", path(key.name), i)] = found->items[i].place;
  value = std::make_shared<const nlohmann::json>(to_json(*found, errors_));
}

std::string config_reader::broken_rule(std::string& value, text_rule rule) const {
  // No `default:`: -Wswitch (an error here) reports a rule without a check.
  switch (rule) {
  case text_rule::any:
  case text_rule::connection:
    return {};
  case text_rule::label:
    return is_label(value) ? "" : fmt::format("expected {}", label_pattern);
  case text_rule::node_name:
    return is_node_name(value) ? "" : "expected 1 … 64 letters, digits, `.`, `_` or `-`";
  case text_rule::sha256:
    return lower_digest(value) ? "" : "expected 64 hex digits, the SHA-256 of a secret";
  case text_rule::data_path:
    return value.empty() ? "expected a path" : "";
  case text_rule::read_path:
    return resolve_readable(value, directory_);
  }
  return {};
}

} // namespace weir
