#include "storage/sinks/postgres/clock.hpp"

#include <algorithm>

namespace weir::postgres {

namespace {

constexpr int64_t us_per_day = 86'400'000'000;
constexpr int64_t first_plausible_us = 1'577'836'800'000'000; ///< 2020-01-01
constexpr int64_t ahead_max_us = 3'653 * us_per_day;

} // namespace

result<void> server_clock::ask(connection& db, const clock_source& clock) {
  const auto answered =
    db.script("ask for the time",
              "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
  if (!answered)
    return tl::unexpected(answered.error());
  said_us_ = answered->integer(0, 0);
  said_at_ = clock.now();
  return {};
}

int64_t server_clock::unix_us(const clock_source& clock) const noexcept {
  using namespace std::chrono;
  return said_us_ + duration_cast<microseconds>(clock.now() - said_at_).count();
}

time_window window_at(int64_t server_us, std::chrono::days retention) noexcept {
  const auto today = server_us - server_us % us_per_day;
  const auto kept_from = retention.count() == 0
                           ? first_plausible_us
                           : today - int64_t{retention.count()} * us_per_day;
  return {std::max(first_plausible_us, kept_from), server_us + ahead_max_us, server_us};
}

} // namespace weir::postgres
