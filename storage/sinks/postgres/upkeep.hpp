// POSTGRES UPKEEP: what is to be done now and then: partitions made ahead, old ones dropped, old
// keys forgotten.
#pragma once

#include "storage/journal/key_ages.hpp"
#include "storage/sink/sink.hpp"
#include "storage/sinks/postgres/partitions.hpp"
#include "storage/sinks/postgres/postgres.hpp"
#include "storage/sinks/postgres/retention.hpp"

namespace weir::postgres {

/// The connection of a sink or of a command.
target target_of(const sink_config& config, const std::string& purpose);

/// What it knows from call to call.
struct upkeep_state {
  explicit upkeep_state(const sink_config& config)
    : ages(config.keys_age_max), old_days(config.postgres.retention) {}
  server_clock server;
  partitions days;
  key_ages ages;
  retention old_days;
};

/// The partitions of the server's today and of the next days.
result<void> make_days(connection& db, partitions& days, int64_t server_us);

/// All of it; the first failure, after the rest was tried.
result<void> keep_up(connection& db, upkeep_state& state, const sink_config& config,
                     const clock_source& clock);

} // namespace weir::postgres
