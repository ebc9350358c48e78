// How a client command reaches the node.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace weir {

struct server_options {
  std::string url;     ///< empty: the configuration's, or else http://127.0.0.1:8080
  std::string api_key; ///< from the environment, never the command line
  std::string ca_file;
  uint32_t retries = 10;
  std::chrono::milliseconds timeout{0}; ///< for a request with its repetitions; 0: none
  /// `durable` or `stored`; empty: the stream says what a 2xx waits for.
  std::string ack;
};

} // namespace weir
