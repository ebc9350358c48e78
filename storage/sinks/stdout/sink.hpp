// STDOUT SINK: newline-delimited JSON on standard output, for a first look and for pipes. Its
// cursor and the keys are in state.db in the directory `path`, as other sinks have theirs, so
// acknowledgements, retries and the journal's clearing work.
//
//   At least once: a process that dies between the write and its transaction writes the lines of
//   one transaction again when it comes back. Within a process nothing is written twice.
//
//   Blocking: a pipe whose reader does not read is waited for, for `patience` at a time; then the
//   commit fails as passing, is tried again, and goes on in the middle of a line where it stopped.
//   The journal keeps what comes meanwhile. A reader that has gone is said, and nothing is lost.
#pragma once

#include "storage/sink/sink.hpp"
#include "storage/sqlite/schema.hpp"

#include <chrono>

namespace weir {

const sqlite::schema& stdout_sink_schema();

/// Writes to descriptor `fd`, which it does not own.
result<std::unique_ptr<sink>>
open_stdout_sink(const sink_config& config, const clock_source& clock, int fd,
                 std::chrono::milliseconds patience = std::chrono::milliseconds{500});
/// Has a cursor and no records: they went away.
result<std::unique_ptr<sink>> open_stdout_sink_read_only(const sink_config& config);

} // namespace weir
