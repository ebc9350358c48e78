#include "app/commands/registry.hpp"

namespace weir {

void declare_run(CLI::App& app, command_list& into);
void declare_check(CLI::App& app, command_list& into);
void declare_config(CLI::App& app, command_list& into);
void declare_send(CLI::App& app, command_list& into);
void declare_export(CLI::App& app, command_list& into);
void declare_dead_letters(CLI::App& app, command_list& into);
void declare_migrate(CLI::App& app, command_list& into);
void declare_certs(CLI::App& app, command_list& into);
void declare_cluster(CLI::App& app, command_list& into);
void declare_version(CLI::App& app, command_list& into);

void declare_commands(CLI::App& app, command_list& into) {
  // In the order of `weir --help`.
  for (const auto declare : {declare_run, declare_check, declare_config, declare_send,
                             declare_export, declare_dead_letters, declare_migrate,
                             declare_certs, declare_cluster, declare_version})
    declare(app, into);
}

} // namespace weir
