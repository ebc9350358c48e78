#include "records/transform/condition.hpp"

#include <array>

#include <re2/re2.h>

namespace weir::steps {

namespace {

constexpr unsigned depth_limit = 16;
constexpr std::array<std::string_view, 7> comparisons = {"eq", "ne", "lt", "le",
                                                         "gt", "ge", "in"};
constexpr std::array<std::string_view, 7> symbols = {
  "=", "!=", "<", "<=", ">", ">=", "in"};
constexpr std::string_view forms =
  "{field: x, eq|ne|lt|le|gt|ge: literal}, {field: x, in: [...]}, "
  "{exists: x}, {missing: x}, {matches: {field: x, pattern: p}}, "
  "{and: [...]}, {or: [...]}, {not: {...}}";

// Keeps integers of 64 bits exact.
schema_detail::number number_of(const config_value& value) {
  if (value.is_number_unsigned())
    return schema_detail::number::of(value.get<uint64_t>());
  if (value.is_number_integer())
    return schema_detail::number::of(value.get<int64_t>());
  return schema_detail::number::of(value.get<double>());
}

template <class T>
int order(const T& left, const T& right) noexcept {
  return left < right ? -1 : right < left ? 1 : 0;
}

} // namespace

scalar_literal scalar_literal::parse(const config_value& value,
                                     step_arguments& arguments) {
  scalar_literal literal;
  if (value.is_structured())
    arguments.fail("a comparison needs text, a number, true, false or null");
  literal.text = value.is_string() ? value.get<std::string>() : arguments.literal(value);
  if (value.is_string())
    literal.type = value_type::string;
  else if (value.is_boolean())
    literal.type = value_type::boolean;
  else if (value.is_number()) {
    literal.type = value_type::number;
    literal.number = number_of(value);
  }
  return literal;
}

std::string scalar_literal::describe() const {
  return type == value_type::string ? echo(text) : text;
}

std::optional<int> compare(const value& left, const scalar_literal& right,
                           step_run& run) {
  if (left.type() != right.type)
    return std::nullopt;
  switch (right.type) {
  case value_type::string:
    return order(run.tree.text_of(left), std::string_view(right.text));
  case value_type::boolean:
    // The texts are `true` and `false`: the shorter one is the greater value.
    return order(left.text.size() == 4, right.text.size() == 4);
  case value_type::number: {
    const auto number = schema_detail::read_number(left.text);
    return number ? std::optional(schema_detail::compare(*number, right.number))
                  : std::nullopt;
  }
  default:
    return 0;
  }
}

condition condition::parse(const config_value& when, step_arguments& arguments,
                           unsigned depth) {
  condition parsed;
  if (!when.is_object() || when.empty() || depth > depth_limit) {
    arguments.fail("a condition must be one of " + std::string(forms)
                   + (depth > depth_limit ? ", at most 16 inside each other" : ""));
    return parsed;
  }
  const auto& key = when.begin().key();
  const auto& argument = when.begin().value();
  if (when.contains("field")) {
    // A comparison has two keys, every other condition has one.
    parsed.parse_comparison(when, arguments);
  } else if (when.size() != 1) {
    arguments.fail("a condition has too many keys; it must be one of "
                   + std::string(forms));
  } else if (key == "exists" || key == "missing") {
    parsed.test_ = key == "exists" ? test::exists : test::missing;
    parsed.field_ = arguments.pointer(argument);
  } else if (key == "matches") {
    parsed.parse_matches(argument, arguments);
  } else if (key == "and" || key == "or") {
    parsed.test_ = key == "and" ? test::all : test::any;
    parsed.parse_children(argument, arguments, depth + 1);
  } else if (key == "not") {
    parsed.test_ = test::none;
    parsed.children_.push_back(parse(argument, arguments, depth + 1));
  } else {
    arguments.fail("unknown condition " + echo(key) + "; it must be one of "
                   + std::string(forms));
  }
  return parsed;
}

void condition::parse_comparison(const config_value& when, step_arguments& arguments) {
  field_ = arguments.pointer(when["field"]);
  for (size_t i = 0; i < comparisons.size(); ++i) {
    const auto found = when.find(std::string(comparisons[i]));
    if (found == when.end() || when.size() != 2)
      continue;
    test_ = static_cast<test>(i);
    // The first values of `test` are in the order of `comparisons`.
    if (test_ != test::in) {
      literals_.push_back(scalar_literal::parse(*found, arguments));
      return;
    }
    if (!found->is_array() || found->empty())
      arguments.fail("\"in\" needs a list of literals");
    for (const auto& element : *found)
      literals_.push_back(scalar_literal::parse(element, arguments));
    return;
  }
  arguments.fail(
    "a comparison needs \"field\" and exactly one of eq, ne, lt, le, gt, ge, in");
}

void condition::parse_matches(const config_value& when, step_arguments& arguments) {
  test_ = test::matches;
  if (!arguments.mapping(when, {"field", "pattern"}))
    return;
  if (when.size() != 2) {
    arguments.fail("\"matches\" needs both field and pattern");
    return;
  }
  field_ = arguments.pointer(when["field"]);
  pattern_ = arguments.pattern_of(when["pattern"]);
}

void condition::parse_children(const config_value& list, step_arguments& arguments,
                               unsigned depth) {
  if (!list.is_array() || list.empty()) {
    arguments.fail("\"and\" and \"or\" need a list of conditions");
    return;
  }
  for (const auto& child : list)
    children_.push_back(parse(child, arguments, depth));
}

bool condition::ordered(int order) const noexcept {
  switch (test_) {
  case test::lt:
    return order < 0;
  case test::le:
    return order <= 0;
  case test::gt:
    return order > 0;
  case test::ge:
    return order >= 0;
  default:
    return order == 0;
  }
}

bool condition::holds_for(const value& v, step_run& run) const {
  if (test_ == test::exists)
    return true;
  if (test_ == test::matches) {
    const auto type = v.type();
    return type != value_type::object && type != value_type::array
           && re2::RE2::PartialMatch(run.tree.text_of(v), *pattern_);
  }
  for (const auto& literal : literals_) {
    const auto order = compare(v, literal, run);
    // Values of different types are not equal, and in no other order either.
    if (test_ == test::ne)
      return order != 0;
    if (order && ordered(*order))
      return true;
  }
  return false;
}

bool condition::holds(step_run& run) const {
  const auto child_holds = [&run](const condition& child) { return child.holds(run); };
  switch (test_) {
  case test::all:
    return std::all_of(children_.begin(), children_.end(), child_holds);
  case test::any:
    return std::any_of(children_.begin(), children_.end(), child_holds);
  case test::none:
    return !children_.front().holds(run);
  default:
    break;
  }
  const field* const found = run.tree.find(field_);
  // A missing field meets `missing` alone, not even `ne`.
  return found ? holds_for(found->held, run) : test_ == test::missing;
}

std::string condition::describe_children(std::string_view word) const {
  std::string text;
  for (const auto& child : children_) {
    if (!text.empty())
      text += ' ' + std::string(word) + ' ';
    text += child.children_.size() > 1 ? "(" + child.describe() + ")" : child.describe();
  }
  return text;
}

std::string condition::describe() const {
  switch (test_) {
  case test::exists:
    return field_.text() + " exists";
  case test::missing:
    return field_.text() + " is missing";
  case test::matches:
    return field_.text() + " matches " + echo(pattern_->pattern());
  case test::all:
    return describe_children("and");
  case test::any:
    return describe_children("or");
  case test::none:
    return "not (" + children_.front().describe() + ")";
  default:
    break;
  }
  std::string text =
    field_.text() + " " + std::string(symbols[static_cast<size_t>(test_)]) + " ";
  if (test_ != test::in)
    return text + literals_.front().describe();
  for (const auto& literal : literals_)
    text += (&literal == &literals_.front() ? "[" : ", ") + literal.describe();
  return text + "]";
}

} // namespace weir::steps
