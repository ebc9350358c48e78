// Checks the rules for strings and numbers, and enum and const.
#include "records/schema/check_fail.hpp"

#include <cstring>

namespace weir::schema_detail {

using simdjson::dom::element;

bool checker::text(const text_rule& rule, std::string_view given) {
  if (!work_.spend(given.size() / 64))
    return give_up(stop::too_long);
  // A character has 1 to 4 bytes, so most texts need no counting.
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

namespace {

/// Counts the bytes that continue a code point (10xxxxxx), eight at a time: all others begin
/// one.
uint64_t continuing_bytes(std::string_view text) noexcept {
  uint64_t continuing = 0;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    uint64_t word = 0;
    std::memcpy(&word, text.data(), sizeof word);
    constexpr uint64_t lowest_bits = 0x0101010101010101;
    const uint64_t marks = word >> 7 & ~(word >> 6) & lowest_bits;
    continuing += marks * lowest_bits >> 56; // their sum
  }
  for (const char c : text)
    continuing += static_cast<signed char>(c) < -0x40;
  return continuing;
}

} // namespace

bool checker::text_length(const text_rule& rule, std::string_view given) {
  const uint64_t length = given.size() - continuing_bytes(given);
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
  // Only the bounds that `parts` names hold a value.
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
    if (set.strings.find_padded(text_of(given)) != name_table::absent)
      return true;
  } else {
    // The schema's value is the left one: its keys are unique.
    for (const element candidate : set.others)
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

} // namespace weir::schema_detail
