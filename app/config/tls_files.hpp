// TLS FILES: certificates and keys that the configuration names, loaded as the node will
// load them, so that checking a configuration tells what would end the node's start.
#pragma once

#include "app/config/config.hpp"

#include <optional>
#include <string>

namespace weir {

/// What is wrong with a listener's files, beginning with the configuration key; asks
/// nothing on a terminal. Nothing if they are good or none are named.
std::optional<std::string> problem_of_ingest_tls(const config& settings);
std::optional<std::string> problem_of_cluster_tls(const config& settings);

} // namespace weir
