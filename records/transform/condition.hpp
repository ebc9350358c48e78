// CONDITION: the `when` of a step, compiled.
#pragma once

#include "records/schema/number.hpp"
#include "records/transform/arguments.hpp"
#include "records/transform/step_run.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::steps {

/// A scalar to compare a field with.
struct scalar_literal {
  value_type type = value_type::null;
  std::string text;             ///< what a string means; else the JSON text
  schema_detail::number number; ///< valid when the literal is a number

  static scalar_literal parse(const config_value& value, step_arguments& arguments);
  std::string describe() const;
};

/// Below 0, 0 or above 0; nothing when the two have different types. Numbers compare by value,
/// as in a schema; strings compare by bytes; false is below true.
std::optional<int> compare(const value& left, const scalar_literal& right, step_run& run);

class condition {
 public:
  /// Complains to `arguments`, which belong to the step.
  static condition parse(const config_value& when, step_arguments& arguments,
                         unsigned depth = 0);

  /// A comparison with a missing field is false.
  bool holds(step_run& run) const;
  std::string describe() const;

 private:
  enum class test : uint8_t {
    eq,
    ne,
    lt,
    le,
    gt,
    ge,
    in,
    exists,
    missing,
    matches,
    all,
    any,
    none
  };
  void parse_comparison(const config_value& when, step_arguments& arguments);
  void parse_matches(const config_value& when, step_arguments& arguments);
  void parse_children(const config_value& list, step_arguments& arguments,
                      unsigned depth);
  bool holds_for(const value& v, step_run& run) const;
  bool ordered(int order) const noexcept;
  std::string describe_children(std::string_view word) const;

  test test_ = test::all;
  field_pointer field_;
  std::vector<scalar_literal> literals_;
  pattern_ptr pattern_;
  std::vector<condition> children_;
};

} // namespace weir::steps
