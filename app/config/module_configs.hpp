// What the modules want to know, taken from what the operator said. One function per module.
#pragma once

#include "app/config/config.hpp"
#include "base/result.hpp"
#include "cluster/tunnel/tunnel.hpp"
#include "http/ingest/ingest_settings.hpp"
#include "http/operations/operations.hpp"

namespace weir {

/// The fixed part of the ingest listener's settings.
ingest_config make_ingest_config(const config& settings);
/// The part a reload may change; invalid_config for a malformed key digest.
result<ingest_limits> make_ingest_limits(const config& settings);
/// Lacks the instance and the time of its start, which the node adds.
tunnel_config make_tunnel_config(const config& settings);
operations_config make_operations_config(const config& settings);

} // namespace weir
