// POSTGRES PARTITIONS: `records` has one partition a day (UTC), named records_20240517. They are
// made ahead, and days of records that come late are made when they come. Dropping one costs
// nothing, so that is how old records go.
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
  /// Days that are there or were made; transactions of their own.
  result<void> need(connection& db, const std::set<day_number>& days);
  /// Forgets what it knows, after a failure: tables may have been dropped by others.
  void forget() noexcept { known_.clear(); }
  /// Drops the days before `first`, each with a line in the log; how many. Waits at most half a
  /// second for those who read: whoever stores waits behind.
  result<int> drop_before(connection& db, day_number first);

 private:
  std::set<day_number> known_;
};

} // namespace weir::postgres
