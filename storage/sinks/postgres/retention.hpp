// POSTGRES RETENTION: days of records that ended long enough ago are dropped. It is the only thing
// that deletes records for all nodes at once, so it believes no clock alone:
//
// - The server's clock decides, never a node's.
// - Node and server must agree to within `clocks_apart_max`.
// - The day that was seen last is kept in `retention_seen`. When the server's clock has gone on by
//   more than `jump_days_max` days since then (a machine that was off, or a clock that is wrong),
//   nothing is dropped before a node has watched it for `jump_watch`.
//
// Whatever holds it back is warned of, once an hour; every partition that goes is logged.
#pragma once

#include "storage/sinks/postgres/clock.hpp"
#include "storage/sinks/postgres/partitions.hpp"

#include <optional>

namespace weir::postgres {

inline constexpr std::chrono::minutes clocks_apart_max{5};
inline constexpr int64_t jump_days_max = 2;
inline constexpr std::chrono::hours jump_watch{24};

/// One per sink, kept from call to call.
class retention {
 public:
  explicit retention(std::chrono::days keep) : keep_(keep) {}
  /// Drops what is old enough, unless a clock is in doubt.
  result<void> run(connection& db, partitions& days, const server_clock& server,
                   const clock_source& clock);

 private:
  using time_point = std::chrono::steady_clock::time_point;
  result<bool> believes_the_server(connection& db, day_number today, time_point now);
  void hold(const std::string& reason, time_point now);

  std::chrono::days keep_;
  std::optional<time_point> jump_seen_at_; ///< while a jump is watched
  std::optional<time_point> told_at_;
};

} // namespace weir::postgres
