#include "cluster/tunnel/connection.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>

namespace weir {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// The connection ends if the peer's kernel acknowledges no data for so long.
constexpr unsigned unacknowledged_ms = 5000;
/// Unsent bytes the kernel takes beyond those in the network; a heartbeat waits after them.
constexpr unsigned unsent_bytes = 512 << 10;

} // namespace

void connection::end(const std::string& why) noexcept {
  if (reason.empty())
    reason = why;
  deadline.cancel();
  unread.close();
  outside.close();
}

std::string endpoint_text(const tcp::endpoint& end) {
  const auto host = end.address().to_string();
  return (end.address().is_v6() ? "[" + host + "]" : host) + ":"
         + std::to_string(end.port());
}

host_port split_address(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos)
    return {address, "0"};
  auto host = address.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return {host, address.substr(colon + 1)};
}

std::string numeric_endpoint(const std::string& address) {
  const auto at = split_address(address);
  const auto* end = at.port.data() + at.port.size();
  uint16_t port = 0;
  const auto read = std::from_chars(at.port.data(), end, port);
  error_code failure;
  const auto host = asio::ip::make_address(at.host, failure);
  const bool numeric = !failure && read.ec == std::errc{} && read.ptr == end;
  return numeric ? endpoint_text({host, port}) : std::string{};
}

result<void> listen(tcp::acceptor& on, const std::string& host, uint16_t port,
                    bool with_tls) {
  error_code failure;
  const auto address = asio::ip::make_address(host, failure);
  if (failure)
    return fail(ec::invalid_config, "cluster.listen: " + host + " is no IP address");
  // Without TLS whoever reaches the port could join the cluster.
  if (!with_tls && !address.is_loopback())
    return fail(
      ec::invalid_config,
      "cluster.listen: " + host
        + " is not loopback: set cluster.tls (weir certs init, weir certs issue)");
  const tcp::endpoint end{address, port};
  on.open(end.protocol(), failure);
  if (!failure)
    on.set_option(tcp::acceptor::reuse_address{true}, failure);
  if (!failure)
    on.bind(end, failure);
  if (!failure)
    on.listen(asio::socket_base::max_listen_connections, failure);
  if (failure)
    return fail(ec::io_failed, "cluster.listen: cannot listen on " + endpoint_text(end)
                                 + ": " + failure.message());
  return {};
}

void tune(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay{true}, ignored);
  socket.set_option(asio::socket_base::keep_alive{true}, ignored);
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms,
               sizeof unacknowledged_ms);
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes,
               sizeof unsent_bytes);
}

} // namespace weir
