#include "app/logging/version.hpp"
#include "app/commands/registry.hpp"
#include "base/exit_code.hpp"

#include <iostream>

#include <CLI/CLI.hpp>

namespace weir {

void declare_version(CLI::App& app, command_list& into) {
  auto* command =
    app.add_subcommand("version", "Print the version, compiler and libraries");
  command->footer("Example:\n  weir version");
  into.commands.push_back({command, [] {
                             std::cout << version_report() << std::flush;
                             return static_cast<int>(exit_ok);
                           }});
}

} // namespace weir
