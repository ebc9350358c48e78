// PAGE SERVER: HTTP/1.1 for the few who read pages of the node: an operator, a probe,
// Prometheus. One request a connection; a body is not read; no ranges, no pipelining. One thread
// has all sockets, so a slow client takes nothing from others but a connection. Two more make
// the pages, except urgent ones, which the first makes at once.
//
//   Bounded:     `connections_max` at once. One more takes the place of one that lingers, or
//                has been sending its request for longest, so that a probe always comes
//                through. A head may have 16 KiB and take `head_time`, an answer may take
//                `write_time`. Answers not yet written have `answer_bytes_max` together:
//                beyond it the oldest is given up.
//   On failure:  a handler that throws is a 500. Out of descriptors, the server pauses.
#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

struct page_request {
  std::string method;
  std::string path;
  std::vector<std::pair<std::string, std::string>> params; ///< the query's, decoded
  std::string authorization;

  bool has_param(std::string_view name) const noexcept;
  /// The first value of that name; empty when there is none.
  std::string get_param_value(std::string_view name) const;
};

struct page_answer {
  int status = 200;
  std::string body;
  std::string type;
  std::string fields; ///< further header lines, each with CRLF

  void set_content(std::string text, std::string_view media_type) {
    body = std::move(text);
    type = media_type;
  }
  void set_header(std::string_view name, std::string_view value) {
    fields.append(name).append(": ").append(value).append("\r\n");
  }
};

struct page_server_options {
  std::string host;  ///< an address or a name
  uint16_t port = 0; ///< 0: any free one
  size_t connections_max = 128;
  size_t answer_bytes_max = size_t{4} << 20;
  std::chrono::milliseconds head_time{2'000};
  std::chrono::milliseconds write_time{5'000};
};

class page_server {
 public:
  /// Fills in the answer.
  using handler = std::function<void(const page_request&, page_answer&)>;
  /// Fills in the answer to what is no HTTP request, too long or too slow.
  using refusal = std::function<void(int status, page_answer&)>;
  /// True if a path's page is made at once, on the sockets' own thread.
  using urgency = std::function<bool(std::string_view path)>;

  /// Binds and serves. Failure: io_failed; its text does not name the configuration key.
  static result<std::unique_ptr<page_server>>
  start(page_server_options options, handler make, refusal refuse, urgency urgent);
  virtual ~page_server() = default; ///< stops and joins
  virtual uint16_t port() const noexcept = 0;
};

} // namespace weir
