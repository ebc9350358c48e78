// CLI OPTIONS: what several commands take, and how their texts become values.
#pragma once

#include "app/commands/cli.hpp"
#include "app/commands/command_send.hpp"
#include "proto/batch.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace weir {

/// --config and --set.
struct config_arguments {
  std::string file;
  std::vector<std::string> overrides;
};

void add_config_arguments(CLI::App& command, config_arguments& into,
                          bool required = true);
void add_server_arguments(CLI::App& command, server_options& into);
void add_format_arguments(CLI::App& command, format_options& into);
/// Adds an option whose text `parse` turns into a value; an error is shown with the option's name.
void add_parsed(CLI::App& command, const std::string& name, const std::string& help,
                const std::string& type,
                std::function<std::string(const std::string&)> parse);

/// Empty, or why `text` is no whole number. CLI11 itself takes -1 for the largest there is.
std::string not_whole_number(const std::string& text);

/// Runs a subcommand that was asked for and returns its exit code.
using command_function = std::function<int()>;

struct registered_command {
  CLI::App* app = nullptr;
  command_function run;
};

/// Declares every command on `app`.
std::vector<registered_command>
declare_commands(CLI::App& app, const std::function<int(const run_options&)>& run_node);
/// Declares `certs init` and `certs issue`.
void declare_certs(CLI::App& app, std::vector<registered_command>& into);

} // namespace weir
