// `weir run`: a node until it is told to stop.
#include "app/commands/arguments.hpp"
#include "app/commands/registry.hpp"
#include "app/logging/logging.hpp"

#include <memory>

#include <CLI/CLI.hpp>

namespace weir {

void declare_run(CLI::App& app, command_list& into) {
  auto* command = app.add_subcommand("run", "Run a node until SIGTERM or SIGINT");
  // Shared with the lambda, which runs after this function has returned.
  auto arguments = std::make_shared<config_arguments>();
  add_config_arguments(*command, *arguments);
  command->footer(
    "SIGTERM and SIGINT drain and stop; a second one ends at once. SIGHUP reads the\n"
    "configuration again and swaps schemas, transforms and limits; in a drain it does\n"
    "nothing.\n\n"
    "Examples:\n"
    "  weir run --config configs/single-node.yaml\n"
    "  weir run -c weir.yaml --set data_dir=/var/lib/weir --set log.level=debug");
  into.commands.push_back(
    {command, [arguments, run_node = into.run_node] {
       return with_config(*arguments, [&](const config& settings) {
         start_logging(settings.log);
         return run_node({arguments->file, arguments->overrides, settings});
       });
     }});
}

} // namespace weir
