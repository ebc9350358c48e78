#include "app/config/config.hpp"

#include "app/config/catalog_loader.hpp"
#include "app/config/config_check.hpp"
#include "app/config/config_reader.hpp"
#include "app/config/config_text.hpp"
#include "app/config/yaml_tree.hpp"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

constexpr size_t errors_shown_max = 100;

fault bad_config(std::vector<std::string> errors) {
  const auto more =
    errors.size() > errors_shown_max ? errors.size() - errors_shown_max : 0;
  errors.resize(errors.size() - more);
  auto text = fmt::format("{}", fmt::join(errors, "\n"));
  if (more > 0)
    text += fmt::format("\n… and {} more", more);
  return {ec::invalid_config, std::move(text)};
}

/// The key in an error `file:line: key: what is wrong`.
std::string_view key_of(std::string_view error) {
  const auto from = error.find(": ");
  if (from == error.npos)
    return {};
  error.remove_prefix(from + 2);
  return error.substr(0, error.find(": "));
}

/// If the first `wrong` errors are about values that were not taken over, contradictions
/// that name one of their keys would only repeat them. All others, and the mistakes in
/// schemas and steps, are told in the same run.
void add_what_stands_by_itself(const config& settings, size_t wrong,
                               std::vector<std::string>& errors) {
  const auto repeats = [&](const std::string& contradiction) {
    for (size_t i = 0; i < wrong; ++i)
      if (const auto key = key_of(errors[i]);
          !key.empty() && contradiction.find(key) != contradiction.npos)
        return true;
    return false;
  };
  std::vector<std::string> kept{errors.begin(),
                                errors.begin() + static_cast<std::ptrdiff_t>(wrong)};
  for (size_t i = wrong; i < errors.size(); ++i)
    if (!repeats(errors[i]))
      kept.push_back(errors[i]);
  // Schemas and steps have mistakes of their own, whatever else is wrong.
  if (const auto streams = load_catalog(settings); !streams) {
    std::istringstream lines{streams.error().text};
    for (std::string line; std::getline(lines, line);)
      kept.push_back(line);
  }
  errors = std::move(kept);
}

} // namespace

std::string_view to_string(log_level level) noexcept {
  switch (level) {
  case log_level::debug:
    return "debug";
  case log_level::info:
    return "info";
  case log_level::warning:
    return "warning";
  case log_level::error:
    return "error";
  }
  return "unknown";
}

std::string_view to_string(log_format format) noexcept {
  switch (format) {
  case log_format::automatic:
    return "auto";
  case log_format::text:
    return "text";
  case log_format::json:
    return "json";
  }
  return "unknown";
}

stream_config default_stream(std::string name) {
  static const auto no_steps =
    std::make_shared<const nlohmann::json>(nlohmann::json::array());
  stream_config stream;
  stream.settings.name = std::move(name);
  stream.steps = no_steps;
  return stream;
}

bool cluster_section::plays(std::string_view role) const noexcept {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

node_roles config::roles() const noexcept {
  if (!cluster.enabled())
    return {true, true, true};
  return {cluster.plays("gateway"), cluster.plays("worker"), cluster.plays("persister")};
}

std::string config::where(std::string_view path) const {
  for (;;) {
    if (const auto found = places.find(path); found != places.end())
      return found->second;
    const auto dot = path.rfind('.');
    if (dot == path.npos)
      return file;
    path = path.substr(0, dot);
  }
}

result<config> parse_config(std::string_view text, const std::string& file,
                            const std::vector<std::string>& overrides) {
  std::vector<std::string> errors;
  auto tree = parse_yaml(text, file, environment_variable, errors);
  if (!errors.empty())
    return tl::unexpected(bad_config(std::move(errors)));
  for (const auto& override : overrides)
    apply_override(tree, override, environment_variable, errors);
  config settings;
  settings.file = file;
  {
    // The reader reports unknown keys at its end.
    config_reader reader{tree, std::filesystem::path{file}.parent_path().string(),
                         settings.places, errors};
    visit_config(reader, settings);
  }
  if (!tree.find("streams"))
    settings.streams.emplace("default", default_stream("default"));
  const auto wrong = errors.size();
  resolve_config(settings);
  check_config(settings, errors);
  if (wrong > 0)
    add_what_stands_by_itself(settings, wrong, errors);
  if (!errors.empty())
    return tl::unexpected(bad_config(std::move(errors)));
  return settings;
}

result<config> load_config(const std::string& file,
                           const std::vector<std::string>& overrides) {
  auto text = read_file(file, yaml_text_bytes_max);
  if (!text)
    return fail(ec::invalid_config, text.error().text);
  return parse_config(*text, file, overrides);
}

} // namespace weir
