#include "app/commands/migrate.hpp"

#include "app/commands/arguments.hpp"
#include "app/commands/registry.hpp"
#include "base/clock.hpp"
#include "base/exit_code.hpp"
#include "storage/open_sink.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <ostream>

namespace weir {

int command_migrate(const config& settings, std::ostream& out, std::ostream& err) {
  const auto migrate = kind_of(settings.sink).migrate;
  if (!migrate) {
    err << settings.where("sink.kind") << ": sink.kind: " << settings.sink.kind
        << " has nothing to migrate: its files are made when weir runs\n";
    return exit_failed;
  }
  const system_clock_source clock;
  const auto report = migrate(settings.sink, clock);
  if (!report) {
    err << "migrate: " << report.error().text << '\n';
    return exit_failed;
  }
  for (const auto& line : report->applied)
    out << line << '\n';
  out << report->now << (report->applied.empty() ? ", as it was\n" : "\n");
  return exit_ok;
}

void declare_migrate(CLI::App& app, command_list& into) {
  auto* command =
    app.add_subcommand("migrate", "Bring the tables of a PostgreSQL sink up to date");
  auto arguments = std::make_shared<config_arguments>();
  add_config_arguments(*command, *arguments);
  command->footer(
    "Makes or upgrades weir's tables and the partitions of the next days. Repeating it\n"
    "changes nothing. Nodes refuse tables that are older or newer than they know.\n\n"
    "Example:\n  weir migrate --config weir.yaml");
  into.commands.push_back({command, [arguments] {
                             return with_config(*arguments, [](const config& settings) {
                               return command_migrate(settings, std::cout, std::cerr);
                             });
                           }});
}

} // namespace weir
