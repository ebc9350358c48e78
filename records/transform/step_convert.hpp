// The step `convert` makes text and numbers the type that was asked for, exactly or not at all.
#pragma once

#include "records/transform/arguments.hpp"
#include "records/transform/step_run.hpp"
#include "records/transform/time_format.hpp"

#include <string>
#include <variant>
#include <vector>

namespace weir::steps {

enum class target_type : uint8_t { integer, floating, boolean, string, timestamp };

/// How a time is written: RFC 3339, a unix number, or a strptime format.
struct time_source {
  struct rfc3339 {};
  std::variant<rfc3339, unix_unit, time_format> is;
  std::string name; ///< as it was configured
  std::optional<instant> parse(std::string_view text) const noexcept;
};

struct conversion {
  field_pointer field;
  target_type to = target_type::string;
  std::vector<time_source> from; ///< for timestamps only; tried in order
  std::vector<std::string> null_if;
  when_missing missing = when_missing::skip;

  static conversion parse(field_pointer field, const config_value& value,
                          step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

struct convert_step {
  std::vector<conversion> conversions;
  static convert_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

/// Reads `on_missing: skip|reject`; skip when it is absent.
when_missing read_missing(const config_value& mapping, step_arguments& arguments);

} // namespace weir::steps
