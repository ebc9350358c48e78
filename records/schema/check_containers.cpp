// Checks the rules for arrays, and the rarer ones for objects.
#include "records/schema/check_fail.hpp"

#include <algorithm>

namespace weir::schema_detail {

using simdjson::dom::element;

bool checker::missing(const object_rule& rule, uint64_t seen) {
  return fail([&] {
    for (size_t i = 0; i < rule.required_names.size() && i < 64; ++i)
      if (!(seen >> i & 1))
        return "missing property " + quote(rule.required_names[i]) + " (required)";
    return std::string{};
  });
}

/// Looks for the required names beyond the 64 of the mask, 64 in each pass: it needs no
/// memory, however many there are.
bool checker::more_required(const object_rule& rule, simdjson::dom::object given) {
  for (size_t base = 64; base < rule.required_names.size(); base += 64) {
    uint64_t seen = 0;
    for (const auto [key, held] : given) {
      if (!work_.spend(1))
        return give_up(stop::too_long);
      // The required names come first in the table, in their order.
      if (const size_t at = rule.names.find_padded(key); at - base < 64)
        seen |= uint64_t{1} << (at - base);
    }
    const size_t end = std::min(rule.required_names.size() - base, size_t{64});
    for (size_t i = 0; i < end; ++i)
      if (!(seen >> i & 1))
        return fail([&] {
          return "missing property " + quote(rule.required_names[base + i])
                 + " (required)";
        });
  }
  return true;
}

bool checker::object_size(const object_rule& rule, uint64_t count) {
  return fail([&] {
    const bool few = count < rule.members_min;
    const uint64_t bound = few ? rule.members_min : rule.members_max;
    return "must have at " + std::string(few ? "least " : "most ") + std::to_string(bound)
           + (bound == 1 ? " property (" : " properties (")
           + (few ? "minProperties), has " : "maxProperties), has ")
           + std::to_string(count);
  });
}

bool checker::has_key(simdjson::dom::object given, std::string_view key) {
  for (auto at = given.begin(); at != given.end(); ++at) {
    if (!work_.spend(1))
      return give_up(stop::too_long);
    if (at.key_equals(key))
      return true;
  }
  return false;
}

bool checker::dependencies(const object_rule& rule, simdjson::dom::object given) {
  for (const dependency& each : rule.dependencies) {
    if (!has_key(given, each.trigger)) {
      // has_key() is also false when it gave up.
      if (stopped_ != stop::no)
        return false;
      continue;
    }
    for (const std::string& needed : each.needs)
      if (!has_key(given, needed))
        return fail([&] {
          return "missing property " + quote(needed) + ", needed because of "
                 + quote(each.trigger) + " (dependentRequired)";
        });
  }
  return true;
}

bool checker::array(const array_rule& rule, simdjson::dom::array given, int depth) {
  if (depth > record_depth_max)
    return give_up(stop::too_deep);
  uint64_t count = 0;
  for (const element item : given) {
    const index id = count < rule.prefix.size() ? rule.prefix[count] : rule.items;
    if (id == none ? !work_.spend(1) && !give_up(stop::too_long)
                   : !value(id, item, depth))
      return below(std::to_string(count));
    ++count;
  }
  if (count < rule.items_min || count > rule.items_max)
    return array_size(rule, count);
  // The number of items is checked before: it is cheap, comparing them all is not.
  if (!rule.unique || all_unique(given, work_))
    return true;
  if (work_.exhausted())
    return give_up(stop::too_long);
  return fail([] { return std::string("two items are equal (uniqueItems)"); });
}

bool checker::array_size(const array_rule& rule, uint64_t count) {
  return fail([&] {
    if (count < rule.items_min)
      return "must have at least " + counted(rule.items_min, "item") + " (minItems), has "
             + std::to_string(count);
    return "must have at most " + counted(rule.items_max, "item") + " (maxItems), has "
           + std::to_string(count);
  });
}

} // namespace weir::schema_detail
