// `weir config show`: the effective configuration, and where each value came from.
#include "app/commands/arguments.hpp"
#include "app/commands/registry.hpp"
#include "app/config/effective.hpp"
#include "base/exit_code.hpp"
#include "base/printable.hpp"

#include <algorithm>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

struct show_options {
  config_arguments arguments;
  bool changed = false;
  bool json = false;
};

int show(const config& settings, const show_options& options, std::ostream& out) {
  auto rows = effective_values(settings);
  if (options.changed)
    std::erase_if(rows, [](const auto& row) {
      return row.from == "default" || row.from == "derived";
    });
  size_t width = 0;
  for (const auto& row : rows)
    width = std::max(width, row.path.size() + 2 + row.value.size());
  constexpr size_t width_max = 60; // a long value does not push all others away
  for (const auto& row : rows) {
    if (options.json) {
      const nlohmann::ordered_json line{
        {"key", row.path}, {"value", row.value}, {"from", row.from}};
      out << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    } else {
      const auto said =
        printable_line(fmt::format("{}: {}", row.path, row.value), SIZE_MAX);
      out << fmt::format("{:<{}}  # {}\n", said, std::min(width, width_max), row.from);
    }
  }
  out.flush();
  return out ? exit_ok : exit_failed;
}

void declare_show(CLI::App& parent, command_list& into) {
  auto* command =
    parent.add_subcommand("show", "Every key with its value and where that came from");
  auto options = std::make_shared<show_options>();
  add_config_arguments(*command, options->arguments);
  command->add_flag("--changed", options->changed, "Only what the file or --set says");
  command->add_flag("--json", options->json, "One JSON object a line: key, value, from");
  command->footer(
    "What follows # is the file and line, --set, `default`, or `derived` from other "
    "keys\n"
    "and this machine. Passwords are not shown. docs/config.md says what each key "
    "means.\n\n"
    "Examples:\n"
    "  weir config show -c weir.yaml --changed\n"
    "  weir config show -c weir.yaml --set memory.ceiling=256MiB | grep budget");
  into.commands.push_back({command, [options] {
                             return with_config(options->arguments, [&](const config& c) {
                               return show(c, *options, std::cout);
                             });
                           }});
}

} // namespace

void declare_config(CLI::App& app, command_list& into) {
  auto* command = app.add_subcommand("config", "Look at a configuration");
  command->require_subcommand(1);
  command->footer("Example:\n  weir config show -c weir.yaml");
  declare_show(*command, into);
}

} // namespace weir
