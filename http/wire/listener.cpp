#include "http/wire/listener.hpp"

#include "base/log.hpp"

#include <boost/asio/ip/address.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weir {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto pause_time = std::chrono::milliseconds{100};
constexpr int backlog = 4096;

int open_spare() noexcept {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

auto cannot_listen(const std::string& host, uint16_t port, const error_code& why) {
  return fail(ec::io_failed, "ingest.listen: can't listen on " + host + ":"
                               + std::to_string(port) + ": " + why.message());
}

bool out_of_resources(const error_code& failure) noexcept {
  const int number = failure.value();
  return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

} // namespace

result<void> check_port_is_free(const std::string& host, uint16_t port) {
  error_code failure;
  const auto address = asio::ip::make_address(host, failure);
  if (failure)
    return fail(ec::invalid_config, "the listen address " + host + " is no IP address");
  if (port == 0)
    return {};
  asio::io_context context{1};
  const tcp::endpoint end{address, port};
  // Without SO_REUSEPORT, bind fails where another process listens.
  tcp::acceptor probe{context};
  probe.open(end.protocol(), failure);
  if (!failure)
    probe.set_option(tcp::acceptor::reuse_address(true), failure);
  if (!failure)
    probe.bind(end, failure);
  if (failure)
    return cannot_listen(host, port, failure);
  return {};
}

listener::listener(asio::io_context& context, accepted on_accept)
  : acceptor_(context.get_executor()), pause_(context.get_executor()),
    on_accept_(std::move(on_accept)), spare_(open_spare()) {}

listener::~listener() {
  close();
  if (spare_ >= 0)
    ::close(spare_);
}

result<void> listener::open(const std::string& host, uint16_t port) {
  error_code failure;
  const tcp::endpoint end{asio::ip::make_address(host, failure), port};
  if (!failure)
    acceptor_.open(end.protocol(), failure);
  if (!failure)
    acceptor_.set_option(tcp::acceptor::reuse_address(true), failure);
  const int on = 1;
  // Each I/O thread binds a socket of its own to the port.
  if (!failure
      && ::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on)
           != 0)
    failure.assign(errno, boost::system::system_category());
  if (!failure)
    acceptor_.bind(end, failure);
  if (!failure)
    acceptor_.listen(backlog, failure);
  if (!failure)
    port_ = acceptor_.local_endpoint(failure).port();
  if (failure)
    return cannot_listen(host, port, failure);
  return {};
}

void listener::start() {
  accept_next();
}

void listener::close() noexcept {
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

void listener::accept_next() {
  acceptor_.async_accept([this](error_code failure, tcp_socket socket) {
    handle(failure, std::move(socket));
  });
}

void listener::handle(error_code failure, tcp_socket socket) {
  if (failure == asio::error::operation_aborted)
    return;
  if (out_of_resources(failure) && acceptor_.is_open()) {
    log_event(log_level::warning, "connection_refused", {{"reason", failure.message()}});
    shed_one();
    return pause();
  }
  if (!failure) // it may have been accepted just before the listener was closed
    hand_over(std::move(socket));
  if (acceptor_.is_open())
    accept_next();
}

void listener::hand_over(tcp_socket socket) {
  error_code gone;
  const auto peer = socket.remote_endpoint(gone);
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  if (!gone)
    on_accept_(std::move(socket), peer.address().to_string());
}

void listener::take_waiting() {
  error_code failure;
  acceptor_.non_blocking(true, failure);
  for (int i = 0; i < backlog && !failure; ++i) {
    tcp_socket socket{acceptor_.get_executor()};
    acceptor_.accept(socket, failure);
    if (!failure)
      hand_over(std::move(socket));
  }
}

/// The client sees a closed connection rather than silence.
void listener::shed_one() noexcept {
  if (spare_ >= 0)
    ::close(spare_);
  const int waiting =
    ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (waiting >= 0)
    ::close(waiting);
  spare_ = open_spare();
}

void listener::pause() {
  pause_.expires_after(pause_time);
  pause_.async_wait([this](error_code failure) {
    if (!failure && acceptor_.is_open())
      accept_next();
  });
}

} // namespace weir
