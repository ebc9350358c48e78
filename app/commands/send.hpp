// SEND COMMAND: wires files, the network and the terminal to the sender.
#pragma once

#include "app/commands/cli.hpp"
#include "app/send/format_options.hpp"
#include "app/send/server_options.hpp"
#include "proto/batch.hpp"

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace weir {

struct send_options {
  std::vector<std::string> files; ///< `-`: standard input
  server_options server;
  std::string stream = "default";
  format_options format;
  csv_dialect csv; ///< the stream's, where the configuration is known
  std::string key; ///< empty: derived from the file
  uint64_t batch_bytes = uint64_t{4} << 20;
  uint32_t rejected_shown_max = 20;
  uint32_t refused_max = 1'000;
};

/// Where this configuration's node listens for records, as seen from this machine.
std::string ingest_url(const config& settings);

int command_send(const send_options& options, std::ostream& out, std::ostream& err);

} // namespace weir
