#include "storage/postgres_upkeep.hpp"

#include "storage/postgres_keys.hpp"

namespace weir::postgres {

namespace {

constexpr day_number days_ahead = 2;

result<void> drop_old(connection& db, partitions& days, const sink_config& config,
                      int64_t now_us) {
  if (config.postgres.retention.count() == 0)
    return {};
  const auto first = day_of(now_us) - config.postgres.retention.count();
  const auto dropped = days.drop_before(db, first);
  if (!dropped)
    return tl::unexpected(dropped.error());
  return db
    .run("forget old records that were set aside",
         "DELETE FROM records_set_aside WHERE received_at < $1::timestamptz",
         {timestamp(first * 86'400'000'000)})
    .map([](const answer&) {});
}

} // namespace

target target_of(const sink_config& config, const std::string& purpose) {
  const auto& from = config.postgres;
  return {from.url, "weir " + purpose + " " + from.node, from.connect_timeout,
          from.timeout};
}

result<void> keep_up(connection& db, partitions& days, key_ages& ages,
                     const sink_config& config, const clock_source& clock) {
  const auto now = clock.unix_us();
  std::set<day_number> ahead;
  for (auto day = day_of(now); day <= day_of(now) + days_ahead; ++day)
    ahead.insert(day);
  const auto made = days.need(db, ahead);
  const auto dropped = drop_old(db, days, config, now);
  const auto oldest =
    now
    - std::chrono::duration_cast<std::chrono::microseconds>(config.keys_age_max).count();
  const auto pruned = prune_keys(db, {oldest, config.keys_max}, ages, clock.now());
  return !made ? made : !dropped ? dropped : pruned;
}

} // namespace weir::postgres
