// FILE SINK: rotated files of newline-delimited JSON in one directory, `path`.
//
//   records-00000000000000000042.ndjson   its first record is number 42
//     {"id":42,"stream":"web","received_at":1700000000000000,"body":{…}}
//   state.db                              cursor, keys, and each file's committed length
//
// A commit appends, syncs, and then records the new length with the cursor in one
// transaction: what lies after that length was never promised and is cut off before the next
// commit. It agrees with what that commit writes; or the state is from an older copy, and the
// lines are set aside. A file whose write or sync failed is not appended to again, and one that a
// failed commit began is removed. A file that the state does not know, whose records should still
// come, is renamed to *.orphan, never deleted unless it is empty.
// Finished files may be moved or deleted at any time; when the one being written
// disappears, the next commit starts another.
#pragma once

#include "storage/files/file_system.hpp"
#include "storage/sink/sink.hpp"

namespace weir {

/// `files` must outlive the sink.
result<std::unique_ptr<sink>>
open_file_sink(const sink_config& config, const clock_source& clock, file_system& files);
result<std::unique_ptr<sink>> open_file_sink_read_only(const sink_config& config,
                                                       file_system& files);

} // namespace weir
