#include "app/commands/export.hpp"

#include "app/commands/arguments.hpp"
#include "app/commands/output_file.hpp"
#include "app/commands/registry.hpp"
#include "app/config/units.hpp"
#include "base/exit_code.hpp"
#include "storage/export.hpp"

#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <iostream>
#include <memory>
#include <unistd.h>

namespace weir {

void append_exported(std::string& out, const exported& record, bool meta) {
  if (meta) { // streams and batches are made of characters that need no escape
    out += fmt::format(R"({{"id":{},"stream":"{}","received_at":"{}",)", record.id,
                       record.stream, format_rfc3339_us(record.received_at_us));
    out += record.batch.empty() ? R"("batch":null,"body":)"
                                : fmt::format(R"("batch":"{}","body":)", record.batch);
  }
  out += record.body;
  out += meta ? "}\n" : "\n";
}

int command_export(const config& settings, const export_command_options& options, int fd,
                   std::ostream& err) {
  export_options what;
  what.sink = settings.sink;
  what.journal_directory = settings.journal.directory;
  what.stream = options.stream;
  what.since_us = options.since_us;
  what.until_us = options.until_us;
  what.limit = options.limit;
  output_file out{fd};
  std::string line;
  const auto visited =
    export_records(what, posix_file_system(), [&](const exported& record) {
      line.clear();
      append_exported(line, record, options.meta);
      return out.write(line);
    });
  if (!visited) {
    out.flush();
    err << visited.error().text << '\n';
    return exit_failed;
  }
  if (out.flush() || out.reader_gone()) {
    // A stream that was taken out of the configuration may still have records.
    if (*visited > 0 || options.stream.empty()
        || settings.streams.contains(options.stream))
      return exit_ok;
    err << fmt::format(
      "--stream: {}: there is no such stream in {}, and no record of it\n",
      in_quotes(options.stream), settings.file);
    return exit_failed;
  }
  err << "cannot write: " << out.failure() << '\n';
  return exit_failed;
}

void declare_export(CLI::App& app, command_list& into) {
  struct state {
    config_arguments arguments;
    export_command_options options;
  };
  auto* command =
    app.add_subcommand("export", "Print every durable record, one JSON object a line");
  auto s = std::make_shared<state>();
  add_config_arguments(*command, s->arguments);
  add_stream(*command, s->options.stream, "Only this stream (default: all)");
  add_parsed(*command, "--since", "Only what was received at this time or later", "TIME",
             time_into(s->options.since_us));
  add_parsed(*command, "--until", "Only what was received before this time", "TIME",
             time_into(s->options.until_us));
  command->add_option("--limit", s->options.limit, "At most so many records")
    ->check(not_whole_number)
    ->type_name("N");
  command->add_flag("--meta", s->options.meta,
                    "Wrap each record with id, stream, received_at, batch");
  command->footer(
    "Reads the sink, and the journal for what the sink does not have yet; also while\n"
    "no node runs. Times are RFC 3339, or a date alone for midnight UTC.\n\n"
    "Examples:\n"
    "  weir export --config weir.yaml > all.ndjson\n"
    "  weir export -c weir.yaml --stream web --since 2024-05-17 --meta --limit 10");
  into.commands.push_back(
    {command, [s] {
       return with_config(s->arguments, [&](const config& settings) {
         return command_export(settings, s->options, STDOUT_FILENO, std::cerr);
       });
     }});
}

} // namespace weir
