// The steps that decide whether a record goes on: drop and sample; and fault, which is for tests.
#pragma once

#include "records/transform/arguments.hpp"
#include "records/transform/condition.hpp"
#include "records/transform/step_run.hpp"

#include <optional>
#include <string>

namespace weir::steps {

/// Removes the record; it counts as dropped, not as rejected.
struct drop_step {
  static drop_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

/// Keeps the share `rate` of records. With a key, records with the same value of that
/// field share one fate, on every node and after every restart.
struct sample_step {
  double rate = 1;
  std::optional<field_pointer> key;
  static sample_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

/// Does on purpose what a broken step would do: throw, never return, or take its time. It
/// compiles only with plan_options::fault_injection.
struct fault_step {
  /// The fault strikes when the field equals a value, or when it contains a text.
  struct trigger {
    std::optional<scalar_literal> equals;
    std::string contains;
    static trigger parse(const config_value& value, step_arguments& arguments);
    bool hit(const value& v, step_run& run) const;
    std::string describe() const;
  };
  field_pointer field;
  std::optional<trigger> crash;
  std::optional<trigger> hang;
  std::optional<trigger> delay;
  int64_t delay_ms = 0; ///< at most 60 s
  static fault_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

} // namespace weir::steps
