// CONNECTION: one socket of the tunnel, before and while it is a link. Everything here
// runs on the tunnel's one thread.
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
  link_id link = 0; ///< 0: no link has been agreed on
  node_card peer;
  bool up = false; ///< the actors have been told of the link
  frame_queue waiting{wire_record_bytes};
  unread_frames unread;
  bool sending = false; ///< a coroutine is emptying the queue
  std::string reason;   ///< why it ended; the first counts

  void end(const std::string& why) noexcept;
};
using connection_ptr = std::shared_ptr<connection>;

/// Text such as `127.0.0.1:7400` or `[::1]:7400`.
std::string endpoint_text(const wire::tcp::endpoint& end);

struct host_port {
  std::string host; ///< without brackets
  std::string port;
};
host_port split_address(const std::string& address);
/// `address` as an endpoint_text if it is numeric and needs no resolving; else empty.
std::string numeric_endpoint(const std::string& address);

/// Listens; without TLS on loopback only.
result<void> listen(wire::tcp::acceptor& on, const std::string& host, uint16_t port,
                    bool with_tls);

/// Sets no delay, few unsent bytes in the kernel, and an end when the peer's kernel is silent.
void tune(wire::tcp::socket& socket);

} // namespace weir
