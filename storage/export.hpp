// EXPORT: every durable record once, in order of id: all of the sink's, then those that
// only the journal has. Works while the server runs and while it is down.
//
// The order of looking makes it complete: first where the journal ends, then the sink's
// cursor, then the sink's records up to that cursor, then the journal from the cursor to
// that end. The sink only moves forward, so whatever left the journal in between is in
// the sink. When a segment was deleted before it was read, the sink's cursor has passed it
// by then: the cursor is read again and export goes on from the last id it has visited.
// Ids never fall, so nothing comes twice.
#pragma once

#include "storage/files/file_system.hpp"
#include "storage/journal/journal.hpp"
#include "storage/sink/sink.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

namespace weir {

struct export_options {
  sink_config sink;
  std::string journal_directory;
  std::string stream; ///< empty: all
  /// Received at or after this, in unix µs.
  int64_t since_us = std::numeric_limits<int64_t>::min();
  int64_t until_us = std::numeric_limits<int64_t>::max(); ///< received before this
  uint64_t limit = std::numeric_limits<uint64_t>::max();  ///< records to visit
};

struct exported {
  uint64_t id = 0;
  std::string_view stream;
  int64_t received_at_us = 0;
  std::string_view batch; ///< 32 hex digits; empty when it is not known any more
  std::string_view body;
};

/// The journal as export sees it.
struct journal_source {
  std::function<result<journal_position>()> end;
  std::function<result<std::unique_ptr<journal_reader>>(journal_position from)> open;
};

/// Returns how many were visited; fewer than there are when `visit` returned false. A
/// sink that has no files yet counts as empty; io_failed when there is neither a sink nor
/// a journal.
result<uint64_t> export_records(const export_options& options, file_system& files,
                                const std::function<bool(const exported&)>& visit);
/// The same over any journal.
result<uint64_t> export_records(const export_options& options,
                                const journal_source& journal,
                                const std::function<bool(const exported&)>& visit);

} // namespace weir
