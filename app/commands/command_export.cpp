#include "app/commands/command_export.hpp"

#include "app/commands/output_file.hpp"
#include "app/config/units.hpp"

#include "storage/export.hpp"

#include <ostream>

#include <fmt/format.h>

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

} // namespace weir
