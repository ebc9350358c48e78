#include "storage/sinks/postgres/upkeep.hpp"

#include "storage/sinks/postgres/keys.hpp"

namespace weir::postgres {

namespace {

constexpr day_number days_ahead = 2;

} // namespace

target target_of(const sink_config& config, const std::string& purpose) {
  const auto& from = config.postgres;
  return {from.url, "weir " + purpose + " " + from.node, from.connect_timeout,
          from.timeout};
}

result<void> make_days(connection& db, partitions& days, int64_t server_us) {
  std::set<day_number> ahead;
  for (auto day = day_of(server_us); day <= day_of(server_us) + days_ahead; ++day)
    ahead.insert(day);
  return days.need(db, ahead);
}

result<void> keep_up(connection& db, upkeep_state& state, const sink_config& config,
                     const clock_source& clock) {
  if (auto asked = state.server.ask(db, clock); !asked)
    return asked;
  const auto made = make_days(db, state.days, state.server.unix_us(clock));
  const auto dropped = state.old_days.run(db, state.days, state.server, clock);
  const auto oldest =
    clock.unix_us()
    - std::chrono::duration_cast<std::chrono::microseconds>(config.keys_age_max).count();
  const auto pruned = prune_keys(db, {oldest, config.keys_max}, state.ages, clock.now());
  return !made ? made : !dropped ? dropped : pruned;
}

} // namespace weir::postgres
