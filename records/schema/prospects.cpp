#include "records/schema/prospects.hpp"

#include "records/schema/text.hpp"

#include <algorithm>

namespace weir::schema_detail {

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr uint8_t type_numbers = type_integer | type_number;
constexpr unsigned depth_max = 200;

uint8_t type_of(element value) noexcept {
  switch (value.type()) {
  case element_type::ARRAY:
    return type_array;
  case element_type::OBJECT:
    return type_object;
  case element_type::STRING:
    return type_string;
  case element_type::BOOL:
    return type_boolean;
  case element_type::NULL_VALUE:
    return type_null;
  default:
    return type_numbers;
  }
}

uint8_t types_in(const value_set& set) noexcept {
  uint8_t types = set.strings.empty() ? 0 : type_string;
  for (const element value : set.others)
    types |= type_of(value);
  return types;
}

bool is_empty_range(const number_rule& rule) noexcept {
  const auto has = [&rule](uint8_t part) { return (rule.parts & part) != 0; };
  using part = number_rule::part;
  return (has(part::minimum) && has(part::maximum) && compare(rule.min, rule.max) > 0)
         || (has(part::minimum) && has(part::below)
             && compare(rule.min, rule.exclusive_max) >= 0)
         || (has(part::above) && has(part::maximum)
             && compare(rule.exclusive_min, rule.max) >= 0)
         || (has(part::above) && has(part::below)
             && compare(rule.exclusive_min, rule.exclusive_max) >= 0);
}

} // namespace

uint8_t prospects::types_of(index id) {
  if (known_[id])
    return types_[id];
  if (under_way_[id] || depth_ == depth_max)
    return type_any; // this is not known, so anything is possible
  under_way_[id] = true;
  ++depth_;
  const uint8_t types = find_types(program_.nodes[id]);
  --depth_;
  under_way_[id] = false;
  known_[id] = true;
  return types_[id] = types;
}

uint8_t prospects::find_types(const node& rule) {
  uint8_t types = rule.never ? uint8_t{0} : rule.types;
  for (const index set : {rule.constant, rule.values})
    if (set != none)
      types &= types_in(program_.values[set]);
  const auto exclude = [&types](uint8_t what) {
    types = static_cast<uint8_t>(types & ~what);
  };
  // Each rule speaks of one type: if no value of that type can meet it, the type is out.
  if (rule.text != none
      && program_.texts[rule.text].length_min > program_.texts[rule.text].length_max)
    exclude(type_string);
  if (rule.number != none && is_empty_range(program_.numbers[rule.number]))
    exclude(type_numbers);
  if (rule.array != none && !admits_array(program_.arrays[rule.array]))
    exclude(type_array);
  if (rule.object != none && !why_no_object(program_.objects[rule.object]).empty())
    exclude(type_object);
  for (uint32_t i = 0; i < rule.applicators; ++i)
    types &= types_of(program_.applicators[rule.first_applicator + i]);
  return types;
}

uint8_t prospects::types_of(const applicator& op) {
  const auto branch = [&](uint32_t i) { return program_.branches[op.first + i]; };
  const auto of_branch = [&](uint32_t i) {
    return branch(i) == none ? uint8_t{type_any} : types_of(branch(i));
  };
  uint8_t all = type_any, any = 0;
  switch (op.what) {
  case applicator::kind::negation:
    for (uint32_t i = 0; i < op.count; ++i)
      all = static_cast<uint8_t>(all & ~types_surely_admitted(branch(i)));
    return all;
  case applicator::kind::condition: {
    const uint8_t surely = types_surely_admitted(branch(0));
    // A type's values may all meet the `if`, or none may; the other types go both ways.
    const uint8_t never = static_cast<uint8_t>(type_any & ~of_branch(0));
    const uint8_t then = of_branch(1), otherwise = of_branch(2);
    const auto open = static_cast<uint8_t>(type_any & ~surely & ~never);
    return static_cast<uint8_t>((surely & then) | (never & otherwise)
                                | (open & (then | otherwise)));
  }
  default:
    break;
  }
  for (uint32_t i = 0; i < op.count; ++i) {
    all &= of_branch(i);
    any |= of_branch(i);
  }
  const bool one_is_enough =
    op.what == applicator::kind::any_of || op.what == applicator::kind::one_of;
  return one_is_enough ? any : all;
}

/// The types of which the node admits every value.
uint8_t prospects::types_surely_admitted(index id) const noexcept {
  const node& rule = program_.nodes[id];
  if (rule.never || rule.constant != none || rule.values != none || rule.applicators > 0)
    return 0;
  uint8_t types = rule.types;
  const auto exclude_if = [&types](bool limited, uint8_t what) {
    types = static_cast<uint8_t>(limited ? types & ~what : types);
  };
  exclude_if(rule.text != none, type_string);
  exclude_if(rule.number != none, type_numbers);
  exclude_if(rule.array != none, type_array);
  exclude_if(rule.object != none, type_object);
  return types;
}

bool prospects::admits_array(const array_rule& rule) {
  if (rule.items_min > rule.items_max)
    return false;
  for (uint64_t i = 0; i < std::min<uint64_t>(rule.items_min, rule.prefix.size()); ++i)
    if (types_of(rule.prefix[i]) == 0)
      return false;
  return rule.items_min <= rule.prefix.size() || rule.items == none
         || types_of(rule.items) != 0;
}

/// True if a member of that name can have any value.
bool prospects::admits_member(const object_rule& rule, std::string_view name) {
  const auto at = rule.names.find(name);
  const bool named = at != name_table::absent && rule.properties[at].node != none;
  if (named && types_of(rule.properties[at].node) == 0)
    return false;
  bool known = named;
  for (const auto& candidate : rule.patterns)
    if (program_.patterns[candidate.pattern].matches(name)) {
      known = true;
      if (types_of(candidate.node) == 0)
        return false;
    }
  return known || rule.additional == none || types_of(rule.additional) != 0;
}

std::string prospects::why_no_object(const object_rule& rule) {
  if (rule.members_min > rule.members_max)
    return "minProperties is above maxProperties";
  if (rule.required_names.size() > rule.members_max)
    return "more properties are required than maxProperties allows";
  for (const auto& name : rule.required_names)
    if (!admits_member(rule, name))
      return "property " + quote(name) + " is required, and no value of it is allowed";
  if (rule.closed && rule.patterns.empty()) {
    // Only the named properties may be there, so they can be counted.
    uint64_t possible = 0;
    for (const auto& property : rule.properties)
      possible += property.node != none && types_of(property.node) != 0;
    if (possible < rule.members_min)
      return "minProperties is more than the properties that are allowed";
  }
  return {};
}

std::string prospects::why_no_record(index id) {
  if ((types_of(id) & type_object) != 0)
    return {};
  const node& rule = program_.nodes[id];
  if (rule.never)
    return "it is false, which admits nothing";
  if ((rule.types & type_object) == 0)
    return "its type is " + type_names(rule.types);
  // What excludes objects by itself is named; only then the keywords together are blamed.
  if (rule.constant != none
      && (types_in(program_.values[rule.constant]) & type_object) == 0)
    return "its const is no object";
  if (rule.values != none && (types_in(program_.values[rule.values]) & type_object) == 0)
    return "its enum lists no object";
  if (rule.object != none)
    if (auto why = why_no_object(program_.objects[rule.object]); !why.empty())
      return why;
  for (uint32_t i = 0; i < rule.applicators; ++i) {
    const auto& op = program_.applicators[rule.first_applicator + i];
    if ((types_of(op) & type_object) == 0)
      return why_no_record(op);
  }
  return "its keywords together admit no object";
}

std::string prospects::why_no_record(const applicator& op) {
  switch (op.what) {
  case applicator::kind::negation:
    return "its \"not\" excludes every object";
  case applicator::kind::any_of:
    return "no branch of its anyOf admits an object";
  case applicator::kind::one_of:
    return "no branch of its oneOf admits an object";
  case applicator::kind::condition:
    return "its if, then and else admit no object";
  default:
    break;
  }
  for (uint32_t i = 0; i < op.count; ++i)
    // Every branch of allOf or $ref must admit an object: the first that doesn't is the reason.
    if (const auto why = why_no_record(program_.branches[op.first + i]); !why.empty())
      return (op.what == applicator::kind::reference
                ? std::string("in the schema that $ref names, ")
                : "in branch " + std::to_string(i) + " of allOf, ")
             + why;
  return "the branches of its allOf admit no object together";
}

} // namespace weir::schema_detail
