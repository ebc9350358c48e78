// POSTGRES UPKEEP: what is to be done now and then: partitions made ahead, old ones dropped, old
// keys forgotten.
#pragma once

#include "storage/key_ages.hpp"
#include "storage/postgres.hpp"
#include "storage/postgres_partitions.hpp"
#include "storage/sink.hpp"

namespace weir::postgres {

/// The connection of a sink or of a command.
target target_of(const sink_config& config, const std::string& purpose);

/// All of it; the first failure, after the rest was tried. `ages` is kept from call to call.
result<void> keep_up(connection& db, partitions& days, key_ages& ages,
                     const sink_config& config, const clock_source& clock);

} // namespace weir::postgres
