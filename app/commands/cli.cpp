#include "app/commands/cli.hpp"

#include "app/commands/registry.hpp"
#include "app/config/units.hpp"
#include "app/logging/version.hpp"

#include <csignal>
#include <exception>
#include <iostream>

#include <CLI/CLI.hpp>

namespace weir {
namespace {

constexpr const char* description =
  "weir takes records over HTTP, validates, transforms and stores them, and never takes "
  "more\n"
  "than it can store. A 2xx means that the records are on disk.";

constexpr const char* footer =
  "Exit codes: 0 all went well; 1 a failure at run time, or records were refused; 2 the "
  "command\n"
  "line; 78 the configuration.\n\n"
  "Examples:\n"
  "  weir run --config configs/single-node.yaml\n"
  "  weir check --config configs/single-node.yaml --set ingest.listen=127.0.0.1:9999\n"
  "  weir send access.log --stream web\n"
  "  weir export --config configs/single-node.yaml --stream web | head";

/// CLI11 complains about what is missing before what it did not understand; the user
/// wants to know the second.
int refuse(const CLI::App& app, const CLI::ParseError& error) {
  const auto unknown = app.remaining(true);
  if (error.get_name() != "RequiredError" || unknown.empty())
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  std::cerr << "unknown: " << in_quotes(unknown.front())
            << "\nRun with --help for more information.\n";
  return exit_usage;
}

/// Parses and runs; CLI11 prints help and its own errors.
int parse_and_run(CLI::App& app, int argc, char** argv,
                  const std::vector<registered_command>& commands) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return refuse(app, error);
  }
  for (const auto& command : commands)
    if (command.app->parsed())
      return command.run();
  return exit_usage;
}

/// What these signals tell of is an error to handle, or nothing; by default each ends the process.
void ignore_signals_that_end() {
  std::signal(SIGPIPE, SIG_IGN); // a peer or a pipe went away
  std::signal(SIGXFSZ, SIG_IGN); // a file would pass its limit of size
  std::signal(SIGIO, SIG_IGN);   // somebody opens a file while we have a lease on it
}

} // namespace

int run_cli(int argc, char** argv,
            const std::function<int(const run_options&)>& run_node) {
  ignore_signals_that_end();
  try {
    // An exception is a failure of the command, not a crash: the user reads only its text.
    CLI::App app{description, "weir"};
    app.footer(footer);
    app.set_version_flag("--version", version_text());
    app.require_subcommand(1);
    command_list declared;
    declared.run_node = run_node;
    declare_commands(app, declared);
    return parse_and_run(app, argc, argv, declared.commands);
  } catch (const std::exception& error) {
    std::cerr << "weir: " << error.what() << '\n';
    return exit_failed;
  }
}

} // namespace weir
