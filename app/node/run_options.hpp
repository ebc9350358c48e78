#pragma once

#include "app/config/config.hpp"

#include <string>
#include <vector>

namespace weir {

/// What `weir run` was asked for. A reload reads `file` and `overrides` again.
struct run_options {
  std::string file;
  std::vector<std::string> overrides;
  config settings; ///< loaded and checked; logging is set up from it
};

} // namespace weir
