// POSTGRES SINK: a table in a PostgreSQL database, also shared by several nodes.
//
// One row of `cursors` per journal, found by node name and journal identity, moves in the
// transaction that stores the rows and claims the batches' keys (keys.hpp). With several
// connections a commit is split: each part is a transaction of its own, and the cursor moves last;
// should the process die between, the keys tell on replay which parts are stored.
//
// After any failure all connections are dropped; the next commit connects anew and reads the
// cursor again, so an unknown outcome of a commit decides itself.
#pragma once

#include "storage/sink/sink.hpp"
#include "storage/sinks/postgres/schema.hpp"

namespace weir {

result<std::unique_ptr<sink>> open_postgres_sink(const sink_config& config,
                                                 const clock_source& clock);
result<std::unique_ptr<sink>> open_postgres_sink_read_only(const sink_config& config);

/// For `weir migrate`: brings the schema up to date and makes the partitions of the next days.
result<postgres::migration_report> migrate_postgres(const sink_config& config,
                                                    const clock_source& clock);

/// For `weir check --connect` and before a start: connects and looks at the schema, and makes it
/// where the configuration says so and `may_make`. Says in one line what it found.
result<std::string> probe_postgres(const sink_config& config, bool may_make);

} // namespace weir
