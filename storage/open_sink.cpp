#include "storage/open_sink.hpp"

#include "storage/sinks/file/records.hpp"
#include "storage/sinks/file/sink.hpp"
#include "storage/sinks/null/sink.hpp"
#include "storage/sinks/postgres/sink.hpp"
#include "storage/sinks/sqlite/records.hpp"
#include "storage/sinks/sqlite/sink.hpp"

#include <filesystem>

namespace weir {

namespace {

tl::unexpected<fault> unknown(const sink_config& config) {
  return fail(ec::invalid_config,
              "sink kind \"" + config.kind
                + "\" is unknown: use sqlite, file, postgres or null");
}

} // namespace

bool sink_exists(const sink_config& config) {
  if (config.kind == "postgres")
    return true; // if not, opening it tells
  const std::filesystem::path path{config.path};
  std::error_code ignored;
  return std::filesystem::exists(config.kind == "sqlite" ? path : path / "state.db",
                                 ignored);
}

result<void> look_at_sink_files(const sink_config& config) {
  if (config.kind == "sqlite")
    return sqlite::look(config.path, sqlite_sink_schema());
  if (config.kind == "file")
    return sqlite::look(config.path + "/state.db", file_sink_schema());
  if (config.kind == "null")
    return sqlite::look(config.path + "/state.db", null_sink_schema());
  return {};
}

result<std::unique_ptr<sink>> open_sink(const sink_config& config,
                                        const clock_source& clock) {
  if (config.kind == "sqlite")
    return open_sqlite_sink(config, clock);
  if (config.kind == "file")
    return open_file_sink(config, clock, posix_file_system());
  if (config.kind == "postgres")
    return open_postgres_sink(config, clock);
  if (config.kind == "null")
    return open_null_sink(config, clock);
  return unknown(config);
}

result<std::unique_ptr<sink>> open_sink_read_only(const sink_config& config) {
  if (config.kind == "sqlite")
    return open_sqlite_sink_read_only(config);
  if (config.kind == "file")
    return open_file_sink_read_only(config, posix_file_system());
  if (config.kind == "postgres")
    return open_postgres_sink_read_only(config);
  if (config.kind == "null")
    return open_null_sink_read_only(config);
  return unknown(config);
}

} // namespace weir
