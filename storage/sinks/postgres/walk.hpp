// POSTGRES WALK: reads records back, a day at a time.
#pragma once

#include "storage/sink/sink.hpp"
#include "storage/sinks/postgres/postgres.hpp"

namespace weir::postgres {

/// What to visit.
struct walk_range {
  std::optional<uint64_t> source; ///< the journal whose records are asked for by sequence
  uint64_t after = 0;             ///< only that journal's ids above this
  bool others = true;             ///< and all records of other journals
};

/// Visits records and those set aside, day by day, by id within a day. Breaks the connection when
/// `visit` returns false.
result<void> walk(connection& db, const walk_range& range,
                  const std::function<bool(const stored_record&)>& visit);

} // namespace weir::postgres
