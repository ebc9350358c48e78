// CONFIG REFERENCE: the table of all keys, for docs/config.md and `weir check --keys`.
#pragma once

#include "app/config/config.hpp"

#include <string>
#include <vector>

namespace weir {

struct key_description {
  std::string path; ///< `ingest.listen`, `streams.*.ack`
  std::string type;
  std::string default_text; ///< empty for a section
  std::string range;
  std::string meaning;
};

std::vector<key_description> config_reference();

/// Keys whose value differs between two configurations and that a reload does not take over:
/// all but those of streams, API keys, rates, shedding and `log.level`.
std::vector<std::string> keys_that_need_a_restart(const config& from, const config& to);

/// The rows of docs/config.md's table, one a line, header included.
std::string config_reference_markdown();

} // namespace weir
