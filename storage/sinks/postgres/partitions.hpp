// POSTGRES PARTITIONS: `records` has one partition a day (UTC), named records_20240517. They are
// made ahead; the days of late records are made when these come. Dropping a partition costs
// nothing, so old records go that way.
#pragma once

#include "storage/sinks/postgres/postgres.hpp"

#include <set>

namespace weir::postgres {

/// Days since 1970-01-01, UTC.
using day_number = int64_t;
day_number day_of(int64_t unix_us) noexcept;
std::string partition_name(day_number day); ///< records_20240517

/// Knows which days have a partition, so that asking costs nothing. One per connection's owner.
class partitions {
 public:
  /// Makes the days that are missing, each in a transaction of its own.
  result<void> need(connection& db, const std::set<day_number>& days);
  /// Forgets what it knows, after a failure: tables may have been dropped by others.
  void forget() noexcept { known_.clear(); }
  /// Drops the days before `first`, each with a line in the log; returns how many. Waits at most
  /// half a second for readers, as all who store wait meanwhile.
  result<int> drop_before(connection& db, day_number first);

 private:
  std::set<day_number> known_;
};

} // namespace weir::postgres
