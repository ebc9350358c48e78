// CONFIG CHECK: what no single key can know: values that contradict each other.
#pragma once

#include "app/config.hpp"

#include <string>
#include <vector>

namespace weir {

/// Replaces `auto`, `derived` and absent paths by what they stand for.
void resolve_config(config& settings);

/// Appends one line for each contradiction, with the place of one of the keys it is
/// between.
void check_config(const config& settings, std::vector<std::string>& errors);

} // namespace weir
