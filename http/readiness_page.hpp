// The body of /readyz, the same on both listeners.
#pragma once

#include "proto/health.hpp"

#include <string>

namespace weir {

/// `{"ready":…,"status":…,"state":…,"reasons":[…]}` and a newline.
void append_readiness(std::string& out, const readiness& state);

/// 200, or 503 while the node is not ready.
int status_of(const readiness& state) noexcept;

} // namespace weir
