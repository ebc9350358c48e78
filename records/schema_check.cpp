#include "records/schema_check.hpp"

#include "records/schema_check_fail.hpp"

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

bool checker::value(index id, element given, int depth) {
  if (!work_.spend(1))
    return give_up(stop::too_long);
  const node& rule = program_.nodes[id];
  if (!rules(rule, given, depth))
    return false;
  if (rule.constant != none && !any_value(program_.values[rule.constant], given))
    return false;
  if (rule.values != none && !any_value(program_.values[rule.values], given))
    return false;
  for (uint32_t i = 0; i < rule.applicators; ++i)
    if (!apply(program_.applicators[rule.first_applicator + i], given, depth))
      return false;
  return true;
}

/// The type, and what the schema says of values of that type.
bool checker::rules(const node& rule, element given, int depth) {
  const auto admitted = [&](uint8_t bit) { return (rule.types & bit) != 0; };
  switch (given.type()) {
  case element_type::STRING:
    return admitted(type_string)
             ? rule.text == none || text(program_.texts[rule.text], text_of(given))
             : wrong_type(rule, given);
  case element_type::INT64:
  case element_type::UINT64:
    return admitted(type_integer)
             ? rule.number == none
                 || numeric(program_.numbers[rule.number], number::of(given))
             : wrong_type(rule, given);
  case element_type::DOUBLE:
    return admitted(type_number)
               || (admitted(type_integer)
                   && is_integral(given.get_double().value_unsafe()))
             ? rule.number == none
                 || numeric(program_.numbers[rule.number], number::of(given))
             : wrong_type(rule, given);
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

bool checker::wrong_type(const node& rule, element given) {
  return fail([&]() -> std::string {
    if (rule.never)
      return "no value is allowed here (the schema is false)";
    return "expected " + type_names(rule.types) + ", got "
           + std::string(type_name(given));
  });
}

bool checker::text(const text_rule& rule, std::string_view given) {
  if (!work_.spend(given.size() / 64))
    return give_up(stop::too_long);
  if ((given.size() / 4 < rule.length_min || given.size() > rule.length_max)
      && !text_length(rule, given))
    return false;
  if (rule.pattern != none && !program_.patterns[rule.pattern].matches(given))
    return fail([&] {
      return "must match " + quote(program_.patterns[rule.pattern].source())
             + " (pattern), got " + quote(given);
    });
  if (rule.shape && !rule.shape->accepts(given))
    return fail([&] {
      return "must be " + std::string(rule.shape->meaning) + " (format "
             + std::string(rule.shape->name) + "), got " + quote(given);
    });
  return true;
}

bool checker::text_length(const text_rule& rule, std::string_view given) {
  uint64_t length = 0; // code points: all bytes but those that continue one
  for (const char c : given)
    length += static_cast<signed char>(c) >= -0x40;
  if (length < rule.length_min)
    return fail([&] {
      return "must have at least " + counted(rule.length_min, "character")
             + " (minLength), has " + std::to_string(length);
    });
  if (length > rule.length_max)
    return fail([&] {
      return "must have at most " + counted(rule.length_max, "character")
             + " (maxLength), has " + std::to_string(length);
    });
  return true;
}

bool checker::numeric(const number_rule& rule, const number& given) {
  const auto broken = [&](std::string_view how, const number& bound,
                          std::string_view keyword) {
    return fail([&] {
      return "must be " + std::string(how) + to_text(bound) + " (" + std::string(keyword)
             + "), got " + to_text(given);
    });
  };
  if (rule.parts & number_rule::minimum && compare(given, rule.min) < 0)
    return broken("≥ ", rule.min, "minimum");
  if (rule.parts & number_rule::maximum && compare(given, rule.max) > 0)
    return broken("≤ ", rule.max, "maximum");
  if (rule.parts & number_rule::above && compare(given, rule.exclusive_min) <= 0)
    return broken("> ", rule.exclusive_min, "exclusiveMinimum");
  if (rule.parts & number_rule::below && compare(given, rule.exclusive_max) >= 0)
    return broken("< ", rule.exclusive_max, "exclusiveMaximum");
  if (rule.parts & number_rule::multiple && !is_multiple(given, rule.divisor))
    return broken("a multiple of ", rule.divisor, "multipleOf");
  return true;
}

bool checker::any_value(const value_set& set, element given) {
  if (given.is_string()) {
    if (set.strings.find(text_of(given)) != name_table::absent)
      return true;
  } else {
    for (const element candidate :
         set.others) // the schema's value first: its keys are unique
      if (equal(candidate, given, work_))
        return true;
    if (work_.exhausted())
      return give_up(stop::too_long);
  }
  return fail([&] {
    return "must be " + listed(set) + (set.is_const ? " (const), got " : " (enum), got ")
           + show(given);
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
