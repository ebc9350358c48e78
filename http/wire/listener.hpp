// LISTENER: one I/O thread's accepting socket. All listeners of a server share its port
// (SO_REUSEPORT); the kernel spreads connections over them. Out of descriptors it does
// not spin: it gives up a spare one to accept and close a waiting connection, then pauses.
#pragma once

#include "http/wire/transport.hpp"

#include <cstdint>
#include <functional>

#include <boost/asio/steady_timer.hpp>

namespace weir {

class listener {
 public:
  using accepted = std::function<void(tcp_socket socket, std::string peer)>;

  listener(boost::asio::io_context& context, accepted on_accept);
  ~listener();
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  /// Binds and listens. Failure: io_failed with address and port.
  result<void> open(const std::string& host, uint16_t port);
  uint16_t port() const noexcept { return port_; }
  void start();
  /// Takes what has connected already, so that closing does not reset it. I/O thread only.
  void take_waiting();
  void close() noexcept;

 private:
  using acceptor =
    boost::asio::basic_socket_acceptor<boost::asio::ip::tcp,
                                       boost::asio::io_context::executor_type>;
  void accept_next();
  void hand_over(tcp_socket socket);
  void handle(boost::system::error_code failure, tcp_socket socket);
  void shed_one() noexcept;
  void pause();

  acceptor acceptor_;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                    boost::asio::wait_traits<std::chrono::steady_clock>,
                                    boost::asio::io_context::executor_type>
    pause_;
  accepted on_accept_;
  uint16_t port_ = 0;
  int spare_ = -1; ///< a descriptor held back for when there are no more
};

/// Fails when another process listens there: with SO_REUSEPORT the kernel would not say so.
result<void> check_port_is_free(const std::string& host, uint16_t port);

} // namespace weir
