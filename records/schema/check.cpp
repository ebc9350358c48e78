#include "records/schema/check.hpp"

#include "records/schema/check_fail.hpp"

namespace weir::schema_detail {

using simdjson::dom::element;
using simdjson::dom::element_type;

std::optional<violation> checker::run(element record) {
  if (value(program_.root, record, 0))
    return std::nullopt;
  if (stopped_ == stop::too_deep)
    return violation{"", "nested deeper than " + std::to_string(record_depth_max)
                           + " levels"};
  if (stopped_ == stop::too_long)
    return violation{
      "", "too much work to check: more than " + std::to_string(check_steps_max)
            + " steps; the schema has too many alternatives for this record"};
  return std::move(found_);
}

[[gnu::always_inline]] inline bool checker::member(const object_rule& rule,
                                                   std::string_view key, element given,
                                                   int depth, uint64_t& seen) {
  bool known = false;
  if (const auto at = rule.names.find_padded(key); at != name_table::absent) {
    const named_property& property = rule.properties[at];
    seen |= property.required_bit;
    known = property.node != none;
    if (known && !value(property.node, given, depth))
      return false;
  }
  for (const pattern_property& candidate : rule.patterns) {
    // A pattern may look at every byte of the key, and a schema may have many patterns.
    if (!work_.spend_bytes(key.size()))
      return give_up(stop::too_long);
    if (!program_.patterns[candidate.pattern].matches(key))
      continue;
    known = true;
    if (!value(candidate.node, given, depth))
      return false;
  }
  if (known)
    return true;
  if (rule.closed)
    return fail([&] {
      return "property " + quote(key) + " is not allowed (additionalProperties)";
    });
  return rule.additional == none ? work_.spend(1) || give_up(stop::too_long)
                                 : value(rule.additional, given, depth);
}

/// Goes over the members once. A key that occurs twice is checked twice: a later reader may
/// take the first or the last value, and either was checked.
bool checker::object(const object_rule& rule, simdjson::dom::object given, int depth) {
  if (depth > record_depth_max)
    return give_up(stop::too_deep);
  uint64_t seen = 0;
  uint64_t count = 0;
  // A range-for would store the iterator's pair of key and value and load it again in
  // pieces, at 12 cycles a member.
  for (auto at = given.begin(), end = given.end(); at != end; ++at) {
    ++count;
    const std::string_view key = at.key();
    if (!member(rule, key, at.value(), depth, seen))
      return below(key);
  }
  if ((seen & rule.required) != rule.required)
    return missing(rule, seen);
  if (rule.required_names.size() > 64 && !more_required(rule, given))
    return false;
  if (count < rule.members_min || count > rule.members_max)
    return object_size(rule, count);
  return rule.dependencies.empty() || dependencies(rule, given);
}

/// Checks the type, and the rules for values of that type.
[[gnu::always_inline]] inline bool checker::rules(const node& rule, element given,
                                                  int depth) {
  const auto admitted = [&](uint8_t bit) { return (rule.types & bit) != 0; };
  switch (given.type()) {
  // Most rules have no keywords for a type: `none` saves the call.
  case element_type::STRING:
    return admitted(type_string)
             ? rule.text == none || text(program_.texts[rule.text], text_of(given))
             : wrong_type(rule, given);
  case element_type::INT64:
  case element_type::UINT64:
  case element_type::DOUBLE: {
    const number held = number::of(given);
    return admits_number(rule.types, held)
             ? rule.number == none || numeric(program_.numbers[rule.number], held)
             : wrong_type(rule, given);
  }
  case element_type::OBJECT:
    return admitted(type_object)
             ? rule.object == none
                 || object(program_.objects[rule.object], members_of(given), depth + 1)
             : wrong_type(rule, given);
  case element_type::ARRAY:
    return admitted(type_array)
             ? rule.array == none
                 || array(program_.arrays[rule.array], items_of(given), depth + 1)
             : wrong_type(rule, given);
  case element_type::BOOL:
    return admitted(type_boolean) || wrong_type(rule, given);
  case element_type::NULL_VALUE:
    return admitted(type_null) || wrong_type(rule, given);
  }
  return false;
}

bool checker::value(index id, element given, int depth) {
  if (!work_.spend(1))
    return give_up(stop::too_long);
  const node& rule = program_.nodes[id];
  if (!rules(rule, given, depth))
    return false;
  // The type comes first: it costs least and refuses most.
  if (rule.constant != none && !any_value(program_.values[rule.constant], given))
    return false;
  if (rule.values != none && !any_value(program_.values[rule.values], given))
    return false;
  for (uint32_t i = 0; i < rule.applicators; ++i)
    if (!apply(program_.applicators[rule.first_applicator + i], given, depth))
      return false;
  return true;
}

bool checker::wrong_type(const node& rule, element given) {
  return fail([&]() -> std::string {
    if (rule.never)
      return "no value is allowed here (the schema is false)";
    return "expected " + type_names(rule.types) + ", got "
           + std::string(type_name(given));
  });
}

bool checker::give_up(stop reason) {
  stopped_ = reason;
  return false;
}

bool checker::below(std::string_view token) {
  if (!trying_)
    prepend_token(found_.pointer, token);
  return false;
}

} // namespace weir::schema_detail
