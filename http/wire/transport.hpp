// TRANSPORT: a connection's bytes, plain or under TLS, so that the session need not know
// which. Only the connection's I/O thread calls these functions. Whoever starts an operation
// passes itself as its keeper: it lives until the operation has called it back.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

namespace weir {

/// What a transport calls when an operation has ended.
class transport_events {
 public:
  virtual ~transport_events() = default;
  virtual void on_open(boost::system::error_code failure) = 0;
  virtual void on_read(boost::system::error_code failure, size_t bytes) = 0;
  virtual void on_written(boost::system::error_code failure) = 0;
};

using operation_keeper = std::shared_ptr<transport_events>;

class transport {
 public:
  virtual ~transport() = default;
  virtual void handshake(operation_keeper keeper) = 0; ///< on_open
  virtual void read(std::span<char> room,
                    operation_keeper keeper) = 0; ///< on_read
  /// Takes up to `bytes_max` bytes off the connection that nobody wants.
  virtual void drop(size_t bytes_max, operation_keeper keeper) = 0; ///< on_read
  /// Writes all of `bytes`. True: the kernel has them. False: they stay until on_written.
  [[nodiscard]] virtual bool write(std::string_view bytes, operation_keeper keeper) = 0;
  /// Says that no more will be sent; reading goes on.
  virtual void shut_sending() noexcept = 0;
  virtual void close() noexcept = 0;
};

/// Belongs to one I/O thread's context: no strand, no type-erased executor.
using tcp_socket =
  boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                   boost::asio::io_context::executor_type>;

std::unique_ptr<transport> make_plain_transport(tcp_socket socket);

/// Certificate and key of a listener, shared by its connections.
class tls_context {
 public:
  /// TLS 1.2 and up. Failure: invalid_config naming the file.
  static result<std::shared_ptr<tls_context>> load(const std::string& certificate_file,
                                                   const std::string& key_file);
  virtual ~tls_context() = default;
  virtual std::unique_ptr<transport> make_transport(tcp_socket socket) = 0;
};

} // namespace weir
