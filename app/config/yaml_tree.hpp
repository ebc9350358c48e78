// YAML TREE: a YAML document as plain values that know where they were written. yaml-cpp
// parses; what it lets through is refused here: duplicate keys, tags, alias cycles and
// bombs, several documents, keys that are not text. `${VAR}` is already expanded in every
// scalar.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace weir {

inline constexpr size_t yaml_text_bytes_max = size_t{4} << 20;
inline constexpr size_t yaml_nodes_max = 100'000;
inline constexpr size_t yaml_depth_max = 64;

struct yaml_node {
  enum class kind : uint8_t { null, scalar, list, map };
  kind what = kind::null;
  bool plain = true; ///< a scalar without quotes: `12` is a number, `"12"` is not
  std::string text;  ///< a scalar's; a null's as it was written: `null`, `~` or nothing
  std::string place; ///< `file:12`, or `--set`
  std::vector<yaml_node> items;                           ///< a list's
  std::vector<std::pair<std::string, yaml_node>> members; ///< a map's, with unique keys

  yaml_node* find(std::string_view key) noexcept;
  const yaml_node* find(std::string_view key) const noexcept;
};

/// Gives the value of an environment variable, or nothing if it is not set.
using variable_lookup = std::function<std::optional<std::string>(const std::string&)>;
std::optional<std::string> environment_variable(const std::string& name);

/// Appends what was wrong to `errors`, one complete line each; the tree holds what was
/// right.
yaml_node parse_yaml(std::string_view text, const std::string& file,
                     const variable_lookup& variables, std::vector<std::string>& errors);

/// Applies `a.b.c=value` to the tree; `value` is YAML itself. A list's element is
/// addressed by its `name` or its index. Missing maps on the way are made.
void apply_override(yaml_node& root, std::string_view assignment,
                    const variable_lookup& variables, std::vector<std::string>& errors);

/// `text` with `${VAR}` and `${VAR:-default}` replaced (the default also when VAR is
/// empty); `$${` stands for `${`, which means nothing else. The error names the variable.
struct expansion {
  std::string text;
  std::string error; ///< empty: all went well
};
expansion expand_variables(std::string_view text, const variable_lookup& variables);

/// Plain scalars typed by YAML 1.2's core schema (§10.3.2): null, true, 12, 0x1f, 1.5;
/// quoted ones are strings. `.inf` and `.nan`, which JSON lacks, are errors (`place: …`).
nlohmann::json to_json(const yaml_node& node, std::vector<std::string>& errors);

} // namespace weir
