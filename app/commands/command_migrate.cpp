#include "app/commands/command_migrate.hpp"

#include "base/clock.hpp"
#include "storage/sinks/postgres/sink.hpp"

#include <ostream>

namespace weir {

int command_migrate(const config& settings, std::ostream& out, std::ostream& err) {
  if (settings.sink.kind != "postgres") {
    err << settings.where("sink.kind") << ": sink.kind: " << settings.sink.kind
        << " has nothing to migrate: its files are made when weir runs\n";
    return exit_failed;
  }
  const system_clock_source clock;
  const auto report = migrate_postgres(settings.sink, clock);
  if (!report) {
    err << "migrate: " << report.error().text << '\n';
    return exit_failed;
  }
  for (const auto& line : report->applied)
    out << line << '\n';
  out << postgres::shown(settings.sink.postgres.url).value_or("?") << ": schema version "
      << postgres::schema_version << (report->applied.empty() ? ", as it was\n" : "\n");
  return exit_ok;
}

} // namespace weir
