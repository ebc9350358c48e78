// NODE: `weir run`. Owns everything that outlives the actors, starts the tree and the two
// listeners, waits for signals, reloads, drains.
#pragma once

#include "app/node/run_options.hpp"

namespace weir {

/// Runs until SIGTERM, SIGINT or a failure that supervision could not mend; returns the exit code.
/// A second request to stop ends the process at once: the journal makes that safe.
int run_node(const run_options& options);

} // namespace weir
