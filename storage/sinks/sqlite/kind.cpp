#include "storage/sink/kind.hpp"
#include "storage/sinks/sqlite/records.hpp"
#include "storage/sinks/sqlite/sink.hpp"

namespace weir {

extern const sink_kind sqlite_kind{
  .name = "sqlite",
  .meaning = "an SQLite database",
  .place = sink_place::file,
  .default_path = "weir.db",
  // A database's transaction costs by the row; others cost a sync, so they make fewer.
  .rows_per_transaction = 5'000,
  .open = open_sqlite_sink,
  .open_read_only = open_sqlite_sink_read_only,
  .state_schema = sqlite_sink_schema,
};

} // namespace weir
