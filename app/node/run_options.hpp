#pragma once

#include "app/config/config.hpp"

#include <string>
#include <vector>

namespace weir {

/// What `weir run` was asked for. `file` and `overrides` are what a reload reads again.
struct run_options {
  std::string file;
  std::vector<std::string> overrides;
  config settings; ///< loaded and checked; logging is set up by it
};

} // namespace weir
