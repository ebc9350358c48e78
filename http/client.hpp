// CLIENT: posts bodies to a weir and reads its pages, for the commands. A thin wrapper over
// cpp-httplib, which no other file of the commands includes.
#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// `http://host:port/base`, taken apart.
struct http_url {
  bool tls = false;
  std::string host; ///< without brackets
  uint16_t port = 80;
  std::string path; ///< without a trailing slash; empty: the root
};

/// Schemes http and https; no user, query or fragment. Failure: malformed_request.
result<http_url> parse_url(std::string_view text);

struct client_options {
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds answer_timeout{90}; ///< between two bytes of an answer
  size_t answer_bytes_max = size_t{8} << 20;
  std::string ca_file; ///< PEM; empty: the system's authorities
};

struct http_answer {
  int status = 0;
  std::string retry_after; ///< the field's value, empty when it is absent
  std::string body;
};

using header_fields = std::vector<std::pair<std::string, std::string>>;

/// One connection that is kept alive; used by one thread at a time.
class http_client {
 public:
  http_client(const http_url& server, const client_options& options);
  ~http_client();

  /// `path` is appended to the URL's own. io_failed, with the reason, when there was no
  /// connection; deadline_exceeded when no whole answer came over one, so that the request may
  /// have been done; malformed_request for a field with control bytes, and when another try is
  /// of no use: the certificate is not trusted, or the other side speaks no TLS.
  result<http_answer> post(std::string_view path, std::string_view content_type,
                           const header_fields& fields, std::string_view body);
  /// Makes the request under way fail. Any thread.
  void abandon() noexcept;
  /// Fails as post() does.
  result<http_answer> get(std::string_view path);

 private:
  struct connection;
  std::unique_ptr<connection> connection_;
};

} // namespace weir
