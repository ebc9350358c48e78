#include "app/config/yaml_tree.hpp"

#include "app/config/units.hpp"
#include "app/config/yaml_mistakes.hpp"

#include <set>

#include <fmt/format.h>
#include <simdjson.h>
#include <yaml-cpp/yaml.h>

namespace weir {
namespace {

/// Copies yaml-cpp's graph into a tree, within bounds: an alias is a copy each time it is
/// used.
class tree_builder {
 public:
  tree_builder(std::string_view source, const std::string& file, bool numbered,
               const variable_lookup& variables, std::vector<std::string>& errors)
    : source_(source), file_(file), numbered_(numbered), variables_(variables),
      errors_(errors) {}

  yaml_node build(const YAML::Node& from, const std::string& place, size_t depth) {
    yaml_node node;
    node.place = place;
    // The bounds come first: an alias cycle would recurse without end.
    if (!within_bounds(place, depth) || !known_tag(from, place))
      return node;
    switch (from.Type()) {
    case YAML::NodeType::Undefined:
      break;
    case YAML::NodeType::Null:
      node.text = written_null(from.Mark());
      break;
    case YAML::NodeType::Scalar:
      build_scalar(from, node);
      break;
    case YAML::NodeType::Sequence:
      build_list(from, node, depth);
      break;
    case YAML::NodeType::Map:
      build_map(from, node, depth);
      break;
    }
    return node;
  }

  std::string place_of(const YAML::Mark& mark) const {
    return numbered_ && !mark.is_null() ? fmt::format("{}:{}", file_, mark.line + 1)
                                        : file_;
  }

 private:
  /// yaml-cpp forgets how a null was written, and `kind: null` is not `kind:`.
  std::string written_null(const YAML::Mark& mark) const {
    const auto rest = source_.substr(position_of(mark));
    for (const std::string_view word : {"null", "Null", "NULL", "~"})
      if (rest.starts_with(word))
        return std::string{word};
    return {};
  }

  size_t position_of(const YAML::Mark& mark) const noexcept {
    return mark.is_null() ? source_.size()
                          : std::min(static_cast<size_t>(mark.pos), source_.size());
  }

  void error(const std::string& place, std::string_view text) {
    errors_.push_back(fmt::format("{}: {}", place, text));
  }

  bool within_bounds(const std::string& place, size_t depth) {
    if (++nodes_ == yaml_nodes_max)
      error(place,
            fmt::format("more than {} values, aliases counted each time they are used",
                        yaml_nodes_max));
    if (nodes_ < yaml_nodes_max && depth > yaml_depth_max) {
      error(place, fmt::format("nested deeper than {} levels", yaml_depth_max));
      nodes_ = yaml_nodes_max; // an alias cycle would say it many times
    }
    return nodes_ < yaml_nodes_max;
  }

  bool known_tag(const YAML::Node& from, const std::string& place) {
    const auto& tag = from.Tag(); // "?" is a plain scalar's, "!" a quoted one's
    if (tag.empty() || tag == "?" || tag == "!")
      return true;
    error(place, fmt::format("tag {} is not supported: remove it", in_quotes(tag)));
    return false;
  }

  void build_scalar(const YAML::Node& from, yaml_node& node) {
    node.what = yaml_node::kind::scalar;
    node.plain = from.Tag() != "!";
    // yaml-cpp ends a quote that is never closed at the end of the file, without a word.
    const auto rest = source_.substr(position_of(from.Mark()));
    if (!node.plain && (rest.starts_with('"') || rest.starts_with('\''))
        && !is_closed_quote(rest))
      error(node.place, "the quote that is opened here is never closed");
    if (from.Scalar().find('\0') != std::string::npos)
      error(node.place, fmt::format("{}: a NUL has no use here: remove it",
                                    in_quotes(from.Scalar())));
    auto expanded = expand_variables(from.Scalar(), variables_);
    if (!expanded.error.empty())
      error(node.place, expanded.error);
    node.text = std::move(expanded.text);
  }

  void build_list(const YAML::Node& from, yaml_node& node, size_t depth) {
    node.what = yaml_node::kind::list;
    for (const auto& item : from)
      node.items.push_back(build(item, place_of(item.Mark()), depth + 1));
  }

  void build_map(const YAML::Node& from, yaml_node& node, size_t depth) {
    node.what = yaml_node::kind::map;
    std::set<std::string> seen;
    for (const auto& member : from) {
      const auto place = place_of(member.first.Mark());
      // yaml-cpp lets keys pass that are no text, have a NUL or are there already.
      if (!member.first.IsScalar())
        error(place, "a key must be text");
      else if (member.first.Scalar().find('\0') != std::string::npos)
        error(place, "a key must have no NUL in it");
      else if (!seen.insert(member.first.Scalar()).second)
        error(place,
              fmt::format("key {} is given twice", in_quotes(member.first.Scalar())));
      else
        node.members.emplace_back(member.first.Scalar(),
                                  build(member.second, place, depth + 1));
    }
  }

  const std::string_view source_;
  const std::string& file_;
  const bool numbered_;
  const variable_lookup& variables_;
  std::vector<std::string>& errors_;
  size_t nodes_ = 0;
};

/// Why yaml-cpp must not even see the text; empty if it may.
std::string unreadable(std::string_view text) {
  if (text.size() > yaml_text_bytes_max)
    return fmt::format("larger than {}", format_bytes(yaml_text_bytes_max));
  if (text.find('\0') != text.npos || !simdjson::validate_utf8(text.data(), text.size()))
    return "not a text file in UTF-8";
  return {};
}

yaml_node parse_document(std::string_view text, const std::string& file, bool numbered,
                         const variable_lookup& variables,
                         std::vector<std::string>& errors) {
  if (text.starts_with("\xef\xbb\xbf")) // a byte order mark is no text
    text.remove_prefix(3);
  tree_builder builder{text, file, numbered, variables, errors};
  yaml_node nothing;
  nothing.place = file;
  if (const auto why = unreadable(text); !why.empty()) {
    errors.push_back(fmt::format("{}: {}", file, why));
    return nothing;
  }
  try {
    const auto documents = YAML::LoadAll(std::string{text});
    if (documents.size() > 1) {
      const auto other = other_language(text);
      errors.push_back(other.empty()
                         ? fmt::format("{}: {} YAML documents in one file: keep one",
                                       file, documents.size())
                         : fmt::format("{}: not YAML: {}", file, other));
      return nothing;
    }
    if (numbered && !documents.empty() && documents.front().IsScalar())
      if (const auto other = other_language(text); !other.empty()) {
        errors.push_back(fmt::format("{}: not YAML: {}",
                                     builder.place_of(documents.front().Mark()), other));
        return nothing;
      }
    if (!documents.empty())
      return builder.build(documents.front(), builder.place_of(documents.front().Mark()),
                           0);
  } catch (const YAML::Exception& broken) {
    auto mark = broken.mark;
    std::string why = in_quotes(broken.msg);
    if (!mark.is_null() && numbered) {
      auto mistake = explain_yaml(text, static_cast<size_t>(mark.line), broken.msg);
      mark.line = static_cast<int>(mistake.line);
      why = std::move(mistake.what);
    }
    errors.push_back(fmt::format("{}: not YAML: {}", builder.place_of(mark), why));
  }
  return nothing;
}

template <class Node>
auto* find_member(Node& node, std::string_view key) noexcept {
  for (auto& [name, value] : node.members)
    if (name == key)
      return &value;
  return decltype(&node.members.front().second){nullptr};
}

} // namespace

yaml_node* yaml_node::find(std::string_view key) noexcept {
  return find_member(*this, key);
}

const yaml_node* yaml_node::find(std::string_view key) const noexcept {
  return find_member(*this, key);
}

yaml_node parse_yaml(std::string_view text, const std::string& file,
                     const variable_lookup& variables, std::vector<std::string>& errors) {
  return parse_document(text, file, true, variables, errors);
}

namespace {

/// The element of a list that `part` names: by its `name`, or by its index.
yaml_node* list_element(yaml_node& list, std::string_view part) {
  for (auto& item : list.items)
    if (const auto* name = item.find("name"); name && name->text == part)
      return &item;
  const auto index = parse_count(part);
  return index && *index < list.items.size() ? &list.items[*index] : nullptr;
}

yaml_node* descend(yaml_node& from, std::string_view part, std::string& why_not) {
  if (from.what == yaml_node::kind::list) {
    auto* found = list_element(from, part);
    if (!found)
      why_not =
        fmt::format("the list has no element named or numbered {}", in_quotes(part));
    return found;
  }
  if (from.what == yaml_node::kind::scalar) {
    why_not = fmt::format("{} cannot be below a plain value", in_quotes(part));
    return nullptr;
  }
  // A null becomes a map: --set may name what the file leaves out.
  from.what = yaml_node::kind::map;
  if (auto* found = from.find(part))
    return found;
  from.members.emplace_back(std::string{part}, yaml_node{});
  from.members.back().second.place = "--set";
  return &from.members.back().second;
}

} // namespace

void apply_override(yaml_node& root, std::string_view assignment,
                    const variable_lookup& variables, std::vector<std::string>& errors) {
  const auto equals = assignment.find('=');
  const auto path = assignment.substr(0, equals);
  if (equals == assignment.npos || path.empty()) {
    errors.push_back(
      fmt::format("--set: {}: expected key.path=value", in_quotes(assignment)));
    return;
  }
  yaml_node* target = &root;
  for (size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('.', begin), path.size());
    std::string why_not;
    target = descend(*target, path.substr(begin, end - begin), why_not);
    if (!target) {
      errors.push_back(fmt::format("--set: {}: {}", one_line(path, 80), why_not));
      return;
    }
    begin = end + 1;
  }
  const auto text = assignment.substr(equals + 1);
  // An empty value is an empty text, not null.
  auto value =
    parse_document(text.empty() ? "''" : text, "--set", false, variables, errors);
  *target = std::move(value);
}

} // namespace weir
