// PROGRAM: the steps of a plan in their compiled form, and how one entry of the
// configuration becomes one of them.
#pragma once

#include "records/transform/condition.hpp"
#include "records/transform/step_convert.hpp"
#include "records/transform/step_fields.hpp"
#include "records/transform/step_flow.hpp"
#include "records/transform/step_parse.hpp"
#include "records/transform/step_set.hpp"
#include "records/transform/step_split.hpp"
#include "records/transform/step_text.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir::steps {

using any_step =
  std::variant<rename_step, copy_step, remove_step, keep_step, set_step, default_step,
               add_step, convert_step, parse_step, lowercase_step, uppercase_step,
               trim_step, truncate_step, redact_step, hash_step, split_step, drop_step,
               sample_step, fault_step>;

struct compiled_step {
  std::string_view name; ///< static storage
  any_step step;
  std::optional<condition> when;

  verdict run(step_run& run) const {
    if (when && !when->holds(run))
      return verdict::next;
    return std::visit([&run](const auto& s) { return s.run(run); }, step);
  }
  std::string describe() const;
};

/// `place` is where the entry stands in the configuration, for errors.
result<compiled_step> compile_step(const config_value& entry, const std::string& place,
                                   plan_options options);

} // namespace weir::steps
