// CONNECTION: one socket of the tunnel on its way to be a link, and what is said of its ends.
// All of it on the tunnel's one thread.
#pragma once

#include "cluster/wire.hpp"
#include "proto/link.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>

namespace weir {

using local_stream = boost::asio::local::stream_protocol;

struct connection {
  connection(wire::tcp::socket socket, boost::asio::ssl::context* tls,
             boost::asio::io_context& context)
    : outside(std::move(socket), tls), inside(context), deadline(context) {}

  wire outside;
  local_stream::socket inside; ///< our end of the pair; CAF has the other
  boost::asio::steady_timer deadline;
  std::string endpoint; ///< as dialed, or the peer's
  bool dialed_by_us = false;
  link_id link = 0; ///< 0: not a link yet
  node_card peer;
  bool confirmed = false;
  std::string reason; ///< why it ended; the first counts

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

/// No delay, keep-alive, and an end when the peer's kernel is silent.
void tune(wire::tcp::socket& socket);

} // namespace weir
