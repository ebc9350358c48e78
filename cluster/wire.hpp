// WIRE: a TCP connection to another node, under mutual TLS or, for tests on loopback, plain.
// All of it on the tunnel's one thread. Every operation ends with an error code, never an
// exception; close() ends all of them.
#pragma once

#include "proto/result.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir {

/// PEM files; all or none.
struct wire_identity {
  std::string ca;
  std::string certificate;
  std::string key;
  bool enabled() const noexcept { return !ca.empty(); }
};

/// TLS 1.2 and up, both sides with a certificate of the one CA. invalid_config names the file,
/// or says that the certificate is not for `name`.
result<std::unique_ptr<boost::asio::ssl::context>>
make_wire_context(const wire_identity& identity, const std::string& name);

class wire {
 public:
  using tcp = boost::asio::ip::tcp;
  using error_code = boost::system::error_code;
  template <class T>
  using awaitable = boost::asio::awaitable<T>;

  /// `tls` may be null: plain. It outlives the wire.
  wire(tcp::socket socket, boost::asio::ssl::context* tls);

  awaitable<error_code> handshake(bool as_client);
  /// The common name of the peer's certificate; empty when plain.
  std::string certified_name() const;
  /// Something, or an error.
  awaitable<size_t> read_some(std::span<char> into, error_code& failure);
  awaitable<error_code> read(std::span<char> into); ///< all of it
  awaitable<error_code> write(std::string_view bytes);
  void close() noexcept;

  tcp::socket& socket() noexcept { return tls_ ? tls_->next_layer() : *plain_; }

 private:
  std::optional<tcp::socket> plain_;
  std::optional<boost::asio::ssl::stream<tcp::socket>> tls_;
};

} // namespace weir
