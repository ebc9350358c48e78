#include "storage/sink/kind.hpp"
#include "storage/sinks/postgres/postgres.hpp"
#include "storage/sinks/postgres/schema.hpp"
#include "storage/sinks/postgres/sink.hpp"

namespace weir {

namespace {

void check(const sink_config& config,
           const std::function<void(std::string_view, std::string)>& wrong) {
  const auto& url = config.postgres.url;
  if (url.empty())
    wrong("url",
          "is required for sink.kind: postgres, as postgresql://USER@HOST/DATABASE");
  else if (!postgres::shown(url)) // its text never has the URL in it
    wrong("url", "expected postgresql://USER@HOST/DATABASE or host=… dbname=…");
}

std::string shown(const sink_config& config) {
  return postgres::shown(config.postgres.url).value_or("?");
}

result<sink_migration> migrate(const sink_config& config, const clock_source& clock) {
  return migrate_postgres(config, clock).map([&](const auto& report) {
    return sink_migration{report.applied, shown(config) + ": schema version "
                                            + std::to_string(postgres::schema_version)};
  });
}

std::string describe(const sink_config& config) {
  const auto& settings = config.postgres;
  const auto days = std::to_string(settings.retention.count());
  return "postgres " + shown(config) + ", " + std::to_string(settings.connections)
         + (settings.connections == 1 ? " connection, " : " connections, ")
         + (settings.retention.count() == 0 ? "nothing is dropped"
                                            : "days before " + days + " d are dropped");
}

} // namespace

extern const sink_kind postgres_kind{
  .name = "postgres",
  .meaning = "a PostgreSQL database",
  .place = sink_place::server,
  .default_path = "weir.db",
  .rows_per_transaction = 5'000,
  // The rows once more as COPY sends them, and some of that once more.
  .copies = 4,
  .idle_commit = std::chrono::seconds{30}, // it looks after its tables in it
  .open = open_postgres_sink,
  .open_read_only = open_postgres_sink_read_only,
  .check = check,
  .probe = probe_postgres,
  .migrate = migrate,
  .describe = describe,
};

} // namespace weir
