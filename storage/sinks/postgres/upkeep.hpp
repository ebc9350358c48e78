// POSTGRES UPKEEP: what must be done now and then: it makes partitions ahead, drops old ones and
// forgets old keys.
#pragma once

#include "storage/journal/key_ages.hpp"
#include "storage/sink/sink.hpp"
#include "storage/sinks/postgres/partitions.hpp"
#include "storage/sinks/postgres/postgres.hpp"
#include "storage/sinks/postgres/retention.hpp"

namespace weir::postgres {

/// How a sink or a command connects.
target target_of(const sink_config& config, const std::string& purpose);

/// What keep_up() knows from call to call.
struct upkeep_state {
  explicit upkeep_state(const sink_config& config)
    : ages(config.keys_age_max), old_days(config.postgres.retention) {}
  server_clock server;
  partitions days;
  key_ages ages;
  retention old_days;
};

/// Makes the partitions of the server's today and of the next days.
result<void> make_days(connection& db, partitions& days, int64_t server_us);

/// Does all of it; returns the first failure, after the rest was tried.
result<void> keep_up(connection& db, upkeep_state& state, const sink_config& config,
                     const clock_source& clock);

} // namespace weir::postgres
