// Checks the keywords that apply other schemas to the same value.
#include "records/schema/check_fail.hpp"

#include <utility>

namespace weir::schema_detail {

using simdjson::dom::element;

namespace {

constexpr size_t listed_max = 5;

std::string show_choice(std::string_view text) {
  return quote(text, 32);
}
std::string show_choice(element value) {
  const bool container = value.is_object() || value.is_array();
  return clipped(container ? simdjson::minify(value) : show(value), 34);
}

} // namespace

std::string listed(const value_set& set) {
  std::string out;
  size_t shown = 0;
  const size_t total = set.strings.names().size() + set.others.size();
  const auto add = [&](const auto& choice) {
    if (shown < listed_max)
      out.append(shown++ == 0 ? "" : " or ").append(show_choice(choice));
  };
  for (const std::string& text : set.strings.names())
    add(text);
  for (const element other : set.others)
    add(other);
  // A detail is short: the choices past the fifth are only counted.
  if (total > shown)
    out += " or " + counted(total - shown, "other");
  return out;
}

bool checker::apply(const applicator& op, element given, int depth) {
  switch (op.what) {
  case applicator::kind::reference:
  case applicator::kind::all_of:
    // These must all match, so the first failure is the violation: no branch is only tried.
    for (uint32_t i = 0; i < op.count; ++i)
      if (!value(program_.branches[op.first + i], given, depth))
        return false;
    return true;
  case applicator::kind::any_of:
    return any_of(op, given, depth);
  case applicator::kind::one_of:
    return one_of(op, given, depth);
  case applicator::kind::negation:
    return negation(op, given, depth);
  case applicator::kind::condition:
    return condition(op, given, depth);
  }
  return false;
}

bool checker::admits(index id, element given, int depth) {
  const bool outer = std::exchange(trying_, true);
  const bool matched = value(id, given, depth);
  trying_ = outer;
  return matched;
}

/// Says what the first alternative missed: it is checked again, and this time it is noted.
bool checker::matches_none(const applicator& op, std::string_view name, element given,
                           int depth) {
  if (trying_ || value(program_.branches[op.first], given, depth))
    return false;
  const violation first = std::exchange(found_, {});
  return fail([&] {
    std::string said = "matches none of the " + counted(op.count, "schema") + " of ";
    said.append(name)
      .append("; the first: ")
      .append(clipped(first.pointer, echo_bytes_max));
    return said.append(first.pointer.empty() ? "" : " ").append(first.detail);
  });
}

bool checker::any_of(const applicator& op, element given, int depth) {
  for (uint32_t i = 0; i < op.count; ++i) {
    if (admits(program_.branches[op.first + i], given, depth))
      return true;
    if (stopped_ != stop::no)
      return false;
  }
  return matches_none(op, "anyOf", given, depth);
}

bool checker::one_of(const applicator& op, element given, int depth) {
  uint32_t matched = 0;
  uint32_t first = 0;
  for (uint32_t i = 0; i < op.count; ++i) {
    const bool matches = admits(program_.branches[op.first + i], given, depth);
    // A check that was given up has not failed: it must not count as no match.
    if (stopped_ != stop::no)
      return false;
    if (matches && matched++ == 1)
      return fail([&] {
        return "must match exactly one schema of oneOf, matches number "
               + std::to_string(first) + " and number " + std::to_string(i);
      });
    if (matches)
      first = i;
  }
  if (matched == 1)
    return true;
  return matches_none(op, "oneOf", given, depth);
}

bool checker::negation(const applicator& op, element given, int depth) {
  const bool matches = admits(program_.branches[op.first], given, depth);
  if (stopped_ != stop::no)
    return false;
  return !matches || fail([] { return std::string("must not match the schema of not"); });
}

bool checker::condition(const applicator& op, element given, int depth) {
  const bool holds = admits(program_.branches[op.first], given, depth);
  if (stopped_ != stop::no)
    return false;
  const index next = program_.branches[op.first + (holds ? 1 : 2)];
  return next == none || value(next, given, depth);
}

} // namespace weir::schema_detail
