// POSTGRES CLOCK: what time it is for a database that several nodes share. Nodes disagree, and
// what they say decides which records retention drops, so the server's clock is asked.
#pragma once

#include "base/clock.hpp"
#include "storage/sinks/postgres/postgres.hpp"

#include <chrono>

namespace weir::postgres {

/// The server's time, asked for now and then and carried on by the steady clock between.
class server_clock {
 public:
  result<void> ask(connection& db, const clock_source& clock);
  int64_t unix_us(const clock_source& clock) const noexcept;
  /// How far the node's wall clock is ahead of the server's; negative: behind.
  std::chrono::microseconds node_ahead(const clock_source& clock) const noexcept {
    return std::chrono::microseconds{clock.unix_us() - unix_us(clock)};
  }

 private:
  int64_t said_us_ = 0;
  std::chrono::steady_clock::time_point said_at_{};
};

/// Times that a record may be kept under. Retention would drop what came while a clock said 1970
/// as soon as it is stored, and a partition of the year 12000 would stay for ever.
struct time_window {
  int64_t first_us = INT64_MIN;
  int64_t last_us = INT64_MAX;
  int64_t instead_us = 0; ///< for all others: the server's time

  bool holds(int64_t us) const noexcept { return us >= first_us && us <= last_us; }
  int64_t stored_as(int64_t received_at_us) const noexcept {
    return holds(received_at_us) ? received_at_us : instead_us;
  }
};

/// From 2020, or from the first day that `retention` (0: none) keeps, to ten years ahead.
time_window window_at(int64_t server_us, std::chrono::days retention) noexcept;

} // namespace weir::postgres
