// CONNECTION: one socket of the tunnel, on its way to be a link and while it is one.
// All of it on the tunnel's one thread.
#pragma once

#include "base/result.hpp"
#include "cluster/tunnel/frame_queue.hpp"
#include "cluster/tunnel/unread_frames.hpp"
#include "cluster/tunnel/wire.hpp"
#include "proto/link.hpp"

#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>

namespace weir {

struct connection {
  connection(wire::tcp::socket socket, boost::asio::io_context& context,
             boost::asio::ssl::context* tls, size_t unread_bytes_max)
    : deadline(context), outside(std::move(socket), tls),
      unread(context, unread_bytes_max) {}

  boost::asio::steady_timer deadline;
  wire outside;
  std::string endpoint; ///< as dialed, or the peer's
  bool dialed_by_us = false;
  link_id link = 0; ///< 0: none has been agreed on
  node_card peer;
  bool up = false; ///< the actors have been told of the link
  frame_queue waiting{wire_record_bytes};
  unread_frames unread;
  bool sending = false; ///< somebody is emptying the queue
  std::string reason;   ///< why it ended; the first counts

  void end(const std::string& why) noexcept;
};
using connection_ptr = std::shared_ptr<connection>;

/// `127.0.0.1:7400`, `[::1]:7400`.
std::string endpoint_text(const wire::tcp::endpoint& end);

struct host_port {
  std::string host; ///< without brackets
  std::string port;
};
host_port split_address(const std::string& address);
/// The same as an endpoint_text when nobody has to be asked what it means; else empty.
std::string numeric_endpoint(const std::string& address);

/// Without TLS on loopback only.
result<void> listen(wire::tcp::acceptor& on, const std::string& host, uint16_t port,
                    bool with_tls);

/// No delay, little in the kernel that is not on its way, and an end when the peer's is silent.
void tune(wire::tcp::socket& socket);

} // namespace weir
