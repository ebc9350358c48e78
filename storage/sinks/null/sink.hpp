// NULL SINK: counts records and forgets them, for benchmarks. Its cursor and the keys are
// as durable as any other sink's, so acknowledgements, retries and the journal's clearing
// work. `path` is a directory that holds state.db.
#pragma once

#include "storage/sink/sink.hpp"
#include "storage/sqlite/schema.hpp"

namespace weir {

const sqlite::schema& null_sink_schema();

result<std::unique_ptr<sink>> open_null_sink(const sink_config& config,
                                             const clock_source& clock);
/// Has a cursor and no records.
result<std::unique_ptr<sink>> open_null_sink_read_only(const sink_config& config);

} // namespace weir
