// TLS FILES: certificates and keys that the configuration names, loaded as the node will load
// them, so that whoever checks a configuration hears what would end the node's start.
#pragma once

#include "app/config/config.hpp"

#include <optional>
#include <string>

namespace weir {

/// What is wrong with a listener's files, led by the configuration key; nothing is asked on a
/// terminal. Nothing: they are good, or none are named.
std::optional<std::string> problem_of_ingest_tls(const config& settings);
std::optional<std::string> problem_of_cluster_tls(const config& settings);

} // namespace weir
