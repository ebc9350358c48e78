// CLI: parses the command line, loads the configuration where a command needs it, and calls
// the command.
#pragma once

#include "app/node/run_options.hpp"
#include "base/exit_code.hpp"

#include <functional>

namespace weir {

/// Runs one command and returns its exit code. `run_node` is called for `weir run`.
int run_cli(int argc, char** argv,
            const std::function<int(const run_options&)>& run_node);

} // namespace weir
