// WIRE: a TCP connection to another node, under mutual TLS or, for tests on loopback,
// plain. A TLS record has at most 16 KiB; to save a system call for each, sealed bytes
// collect until flush(), and received ones are opened out of a buffer.
//
//   Threads:  the tunnel's one.
//   Bounds:   received and not opened yet: `wire_buffer_bytes`; sealed and not sent: what the
//             owner seals before it flushes, and OpenSSL's own records, which are short.
//   Failure:  every operation ends with an error code, never an exception; close() ends all
//             of them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace weir {

inline constexpr size_t wire_buffer_bytes = size_t{256} << 10;
inline constexpr size_t wire_record_bytes = size_t{16} << 10;

class wire {
 public:
  using tcp = boost::asio::ip::tcp;
  using error_code = boost::system::error_code;
  template <class T>
  using awaitable = boost::asio::awaitable<T>;

  /// `tls` outlives the wire; null means a plain connection.
  wire(tcp::socket socket, boost::asio::ssl::context* tls);
  ~wire();
  wire(const wire&) = delete;
  wire& operator=(const wire&) = delete;

  awaitable<error_code> handshake(bool as_client);
  /// The common name of the peer's certificate, or words that are no node's name if it
  /// has none; empty on a plain connection.
  std::string certified_name() const;

  awaitable<error_code> read(std::span<char> into); ///< fills all of `into`
  /// Appends `bytes` bytes; memory grows as they come, not as they are promised.
  awaitable<error_code> append(std::string& to, size_t bytes);

  /// Takes everything; it goes out with the next flush().
  error_code seal(std::string_view bytes);
  size_t sealed() const noexcept { return out_.size() - sent_; }
  awaitable<error_code> flush();

  void close() noexcept;
  tcp::socket& socket() noexcept { return socket_; }

 private:
  friend struct wire_bio;
  struct free_session {
    void operator()(SSL* session) const noexcept { SSL_free(session); }
  };
  /// Returns some bytes or an error; neither: wait until the socket is readable.
  size_t open(std::span<char> into, error_code& failure);
  size_t take(std::span<char> into, error_code& failure);
  awaitable<size_t> read_some(std::span<char> into, error_code& failure);
  error_code why_failed(int returned);

  tcp::socket socket_;
  std::unique_ptr<SSL, free_session> tls_;
  std::unique_ptr<char[]> in_; ///< received, not opened: [in_begin_, in_end_)
  size_t in_begin_ = 0;
  size_t in_end_ = 0;
  uint32_t refills_ = 0; ///< how often in_ was refilled since OpenSSL was last called
  std::string out_;      ///< sealed; the first sent_ bytes are gone
  size_t sent_ = 0;
  error_code broken_; ///< the socket's last error
};

} // namespace weir
