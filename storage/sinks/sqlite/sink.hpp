// SQLITE SINK: the default. Records, cursor and keys in one database, one transaction a
// commit.
#pragma once

#include "storage/sink/sink.hpp"

namespace weir {

result<std::unique_ptr<sink>> open_sqlite_sink(const sink_config& config,
                                               const clock_source& clock);
result<std::unique_ptr<sink>> open_sqlite_sink_read_only(const sink_config& config);

} // namespace weir
