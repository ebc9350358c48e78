// CONFIG REFERENCE: the table of all keys, for docs/config.md and `weir check --keys`.
#pragma once

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

/// The rows of docs/config.md's table, one a line, header included.
std::string config_reference_markdown();

} // namespace weir
