// CLUSTER COMMAND: what a running node knows of its cluster, as a table.
#pragma once

#include "app/config/config.hpp"

#include <iosfwd>
#include <string>
#include <string_view>

namespace weir {

/// Where this configuration's operations listener is, as seen from this machine.
std::string operations_url(const config& settings);

/// The page /cluster as two tables, members and links; malformed_request if it is no such
/// page.
result<std::string> cluster_tables(std::string_view page);

int command_cluster_status(const std::string& url, bool json, std::ostream& out,
                           std::ostream& err);

} // namespace weir
