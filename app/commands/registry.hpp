// REGISTRY: every command of the command line. A command is a file of this room that declares its
// options, its help and what it runs, and a line in registry.cpp.
#pragma once

#include "app/node/run_options.hpp"

#include <functional>
#include <vector>

namespace CLI {
class App;
}

namespace weir {

/// What a command does once its options are parsed; returns the exit code.
using command_function = std::function<int()>;

struct registered_command {
  CLI::App* app = nullptr; ///< CLI11 says by it whether the command was asked for
  command_function run;
};

struct command_list {
  std::vector<registered_command> commands;
  std::function<int(const run_options&)> run_node; ///< for `weir run`
};

/// Declares every command on `app`.
void declare_commands(CLI::App& app, command_list& into);

} // namespace weir
