// EFFECTIVE: what a configuration came to: every key with its value and where that came from, for
// `weir config show`.
#pragma once

#include "app/config/config.hpp"

#include <string>
#include <vector>

namespace weir {

struct effective_value {
  std::string path;  ///< `ingest.listen`, `streams.web.ack`, `ingest.api_keys.0.name`
  std::string value; ///< as it could stand in the file; passwords are left out
  /// `weir.yaml:12`, `--set`, `default`, or `derived` from other keys and this machine
  std::string from;
};

/// In the order of docs/config.md. `settings` were loaded.
std::vector<effective_value> effective_values(const config& settings);

} // namespace weir
