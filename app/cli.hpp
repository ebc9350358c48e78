// CLI: `weir run|check|send|export|dead-letters|migrate|certs|
// version`. Parses the command line,
// loads the configuration where a command needs it, and calls the command.
#pragma once

#include "app/config.hpp"

#include <functional>
#include <string>
#include <vector>

namespace weir {

/// What `weir` ends with.
enum exit_code : int {
  exit_ok = 0,
  exit_failed = 1,      ///< at run time, or records were refused
  exit_usage = 2,       ///< the command line made no sense
  exit_bad_config = 78, ///< EX_CONFIG of sysexits.h
};

/// What `weir run` was asked for. `file` and `overrides` are what a reload reads again.
struct run_options {
  std::string file;
  std::vector<std::string> overrides;
  config settings; ///< loaded and checked; logging is set up by it
};

/// Runs one command and returns its exit code. `run_node` is called for `weir run`.
int run_cli(int argc, char** argv,
            const std::function<int(const run_options&)>& run_node);

} // namespace weir
