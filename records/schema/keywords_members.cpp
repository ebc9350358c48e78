// Reads the keywords about an object's members, an array's items, and other schemas.
#include "records/schema/compiler.hpp"
#include "records/schema/text.hpp"

#include <set>

namespace weir::schema_detail {

using simdjson::dom::element;

namespace {

std::string not_an_object(std::string_view name, element value) {
  return quote(name) + " must be an object, got " + std::string(type_name(value));
}

} // namespace

/// Reads a list of distinct strings.
bool compiler::names(element value, std::vector<std::string>& out) {
  if (!value.is_array())
    return error(
      "expected an array of property names, got " + std::string(type_name(value))
      + (value.is_bool() ? "; list the required names in the object that holds them"
                         : ""));
  std::set<std::string_view> seen;
  for (const element each : items_of(value)) {
    const place here(*this, std::to_string(out.size()));
    if (!each.is_string())
      return error("expected a property name, got " + show(each));
    // JSON Schema demands that the names are unique (validation §6.5.3).
    if (!seen.insert(text_of(each)).second)
      return error("property " + show(each) + " is listed twice");
    out.emplace_back(text_of(each));
  }
  return true;
}

bool compiler::schemas(std::string_view name, element value, draft& to,
                       std::vector<index>& out) {
  if (!value.is_array())
    return error(quote(name) + " must be an array of schemas, got "
                 + std::string(type_name(value)));
  for (const element each : items_of(value)) {
    const place here(*this, std::to_string(out.size()));
    if (!subschema(each, to.depth + 1, out.emplace_back()))
      return false;
  }
  return !out.empty() || error(quote(name) + " must hold at least one schema");
}

bool compiler::properties(std::string_view name, element value, draft& to) {
  if (!value.is_object())
    return error(not_an_object(name, value));
  to.has_object = true;
  std::set<std::string_view> seen;
  for (const auto [key, inner] : members_of(value)) {
    const place here(*this, key);
    // simdjson gives both members of a name that occurs twice; nobody knows which was meant.
    if (!seen.insert(key).second)
      return error("property " + quote(key) + " occurs twice");
    index id = none;
    if (!subschema(inner, to.depth + 1, id))
      return false;
    to.properties.emplace_back(key, id);
  }
  return true;
}

bool compiler::pattern_properties(std::string_view name, element value, draft& to) {
  if (!value.is_object())
    return error(not_an_object(name, value));
  to.has_object = true;
  std::set<std::string_view> seen;
  for (const auto [regex, inner] : members_of(value)) {
    const place here(*this, regex);
    if (!seen.insert(regex).second)
      return error("pattern " + quote(regex) + " occurs twice");
    pattern_property made;
    if (!compile_pattern(regex, made.pattern)
        || !subschema(inner, to.depth + 1, made.node))
      return false;
    to.object.patterns.push_back(made);
  }
  return true;
}

bool compiler::additional_properties(std::string_view, element value, draft& to) {
  to.has_object = true;
  to.object.closed = value.is_bool() && !truth_of(value);
  return subschema(value, to.depth + 1, to.object.additional);
}

bool compiler::required(std::string_view, element value, draft& to) {
  to.has_object = true;
  return names(value, to.required);
}

bool compiler::dependent_required(std::string_view name, element value, draft& to) {
  if (!value.is_object())
    return error(not_an_object(name, value));
  to.has_object = true;
  for (const auto [trigger, needs] : members_of(value)) {
    const place here(*this, trigger);
    dependency made{std::string(trigger), {}};
    if (!names(needs, made.needs))
      return false;
    to.object.dependencies.push_back(std::move(made));
  }
  return true;
}

bool compiler::object_size(std::string_view name, element value, draft& to) {
  to.has_object = true;
  return count(name, value,
               name == "minProperties" ? to.object.members_min : to.object.members_max);
}

bool compiler::items(std::string_view, element value, draft& to) {
  if (value.is_array())
    return error(
      "\"items\" must be a schema; the schemas of the first items go in prefixItems");
  to.has_array = true;
  return subschema(value, to.depth + 1, to.array.items);
}

bool compiler::prefix_items(std::string_view name, element value, draft& to) {
  to.has_array = true;
  return schemas(name, value, to, to.array.prefix);
}

bool compiler::array_size(std::string_view name, element value, draft& to) {
  to.has_array = true;
  return count(name, value, name == "minItems" ? to.array.items_min : to.array.items_max);
}

bool compiler::unique_items(std::string_view name, element value, draft& to) {
  if (!note_flag(name, value, to))
    return false;
  to.has_array = true;
  to.array.unique = truth_of(value);
  return true;
}

void compiler::add_applicator(draft& to, applicator::kind what,
                              const std::vector<index>& nodes) {
  to.applicators.push_back({what, static_cast<index>(out_.branches.size()),
                            static_cast<uint32_t>(nodes.size())});
  out_.branches.insert(out_.branches.end(), nodes.begin(), nodes.end());
}

bool compiler::combination(std::string_view name, element value, draft& to) {
  std::vector<index> nodes;
  if (!schemas(name, value, to, nodes))
    return false;
  add_applicator(to,
                 name == "allOf"   ? applicator::kind::all_of
                 : name == "anyOf" ? applicator::kind::any_of
                                   : applicator::kind::one_of,
                 nodes);
  return true;
}

bool compiler::negation(std::string_view, element value, draft& to) {
  index id = none;
  if (!subschema(value, to.depth + 1, id))
    return false;
  add_applicator(to, applicator::kind::negation, {id});
  return true;
}

bool compiler::condition(std::string_view, element value, draft& to) {
  std::vector<index> nodes(3, none);
  if (!subschema(value, to.depth + 1, nodes[0]))
    return false;
  for (size_t i = 1; i < 3; ++i) {
    const std::string_view name = i == 1 ? "then" : "else";
    element branch;
    if (to.source.at_key(name).get(branch) != simdjson::SUCCESS)
      continue;
    const size_t parent = path_.rfind('/');
    const std::string here = path_; // it is a sibling of "if", not a child of it
    path_.resize(parent);
    const bool compiled = [&] {
      const place sibling(*this, name);
      return subschema(branch, to.depth + 1, nodes[i]);
    }();
    if (!compiled)
      return false;
    path_ = here;
  }
  add_applicator(to, applicator::kind::condition, nodes);
  return true;
}

/// Its `if` compiles it. Alone it would do nothing, which nobody means.
bool compiler::then_or_else(std::string_view name, element, draft& to) {
  return to.source.at_key("if").error() == simdjson::SUCCESS
         || error(quote(name) + " has no effect without \"if\"");
}

bool compiler::definitions(std::string_view name, element value, draft& to) {
  if (!value.is_object())
    return error(not_an_object(name, value));
  std::set<std::string_view> seen;
  for (const auto [key, inner] : members_of(value)) {
    const place here(*this, key);
    index id = none;
    if (!seen.insert(key).second)
      return error("definition " + quote(key) + " occurs twice");
    if (!subschema(inner, to.depth + 1, id))
      return false;
  }
  return true;
}

} // namespace weir::schema_detail
