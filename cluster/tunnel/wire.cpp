#include "cluster/tunnel/wire.hpp"

#include "cluster/tunnel/wire_identity.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace weir {

namespace asio = boost::asio;
using asio::redirect_error;
using asio::use_awaitable;

namespace {

/// OpenSSL stays in one call as long as a peer sends records without data; after so many
/// buffers others have a turn.
constexpr uint32_t refills_max = 4;

} // namespace

/// OpenSSL's BIO over a wire's buffers.
struct wire_bio {
  static int write(BIO* bio, const char* from, int bytes) {
    auto& owner = *static_cast<wire*>(BIO_get_data(bio));
    owner.out_.append(from, static_cast<size_t>(bytes));
    return bytes;
  }
  static int read(BIO* bio, char* into, int bytes) {
    auto& owner = *static_cast<wire*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const auto got = owner.take({into, static_cast<size_t>(bytes)}, owner.broken_);
    if (got > 0)
      return static_cast<int>(got);
    if (!owner.broken_)
      BIO_set_retry_read(bio);
    return -1;
  }
  static long control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }
  static const BIO_METHOD* method() {
    static const auto* const made = [] {
      auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
      BIO_meth_set_write(m, write);
      BIO_meth_set_read(m, read);
      BIO_meth_set_ctrl(m, control);
      return m;
    }();
    return made;
  }
};

wire::wire(tcp::socket socket, asio::ssl::context* tls)
  : socket_(std::move(socket)), in_(new char[wire_buffer_bytes]) {
  if (!tls)
    return;
  tls_.reset(SSL_new(tls->native_handle()));
  auto* bio = BIO_new(wire_bio::method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls_.get(), bio, bio);
}

wire::~wire() = default;

// -- the socket's bytes

size_t wire::take(std::span<char> into, error_code& failure) {
  if (in_begin_ == in_end_) {
    // 0 without a failure lets OpenSSL return, so that other links have a turn.
    if (refills_++ == refills_max)
      return 0;
    const auto got =
      ::recv(socket_.native_handle(), in_.get(), wire_buffer_bytes, MSG_DONTWAIT);
    if (got == 0)
      failure = asio::error::eof;
    else if (got < 0 && errno != EAGAIN && errno != EINTR)
      failure = error_code{errno, boost::system::system_category()};
    in_begin_ = 0;
    in_end_ = got > 0 ? static_cast<size_t>(got) : 0;
  }
  const auto taken = std::min(into.size(), in_end_ - in_begin_);
  std::memcpy(into.data(), in_.get() + in_begin_, taken);
  in_begin_ += taken;
  return taken;
}

asio::awaitable<wire::error_code> wire::flush() {
  while (sealed() > 0) {
    const auto left = ::send(socket_.native_handle(), out_.data() + sent_, sealed(),
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    error_code failure;
    // The send does not block: wait only while the kernel's buffer is full.
    if (left >= 0)
      sent_ += static_cast<size_t>(left);
    else if (errno == EAGAIN)
      co_await socket_.async_wait(tcp::socket::wait_write,
                                  redirect_error(use_awaitable, failure));
    else if (errno != EINTR)
      failure = error_code{errno, boost::system::system_category()};
    if (failure)
      co_return failure;
  }
  out_.clear();
  sent_ = 0;
  co_return error_code{};
}

void wire::close() noexcept {
  error_code ignored;
  socket_.close(ignored);
  in_begin_ = in_end_ = 0;
}

// -- TLS

wire::error_code wire::why_failed(int returned) {
  switch (SSL_get_error(tls_.get(), returned)) {
  case SSL_ERROR_NONE:
  case SSL_ERROR_WANT_READ:
    return {};
  case SSL_ERROR_ZERO_RETURN:
    return asio::error::eof;
  default:
    // The socket's own error says more than OpenSSL's.
    if (broken_)
      return broken_;
    if (const auto why = static_cast<int>(ERR_get_error()); why != 0)
      return {why, asio::error::get_ssl_category()};
    return asio::error::connection_aborted;
  }
}

asio::awaitable<wire::error_code> wire::handshake(bool as_client) {
  if (!tls_)
    co_return error_code{};
  as_client ? SSL_set_connect_state(tls_.get()) : SSL_set_accept_state(tls_.get());
  while (true) {
    ERR_clear_error();
    refills_ = 0;
    const int done = SSL_do_handshake(tls_.get());
    auto failure = why_failed(done);
    const auto unsent = co_await flush(); // sends also the alert that says why
    if (failure || unsent || done == 1)
      co_return failure ? failure : unsent;
    co_await socket_.async_wait(tcp::socket::wait_read,
                                redirect_error(use_awaitable, failure));
    if (failure)
      co_return failure;
  }
}

std::string wire::certified_name() const {
  if (!tls_)
    return {};
  X509* certificate = SSL_get1_peer_certificate(tls_.get());
  if (!certificate)
    return {};
  auto name = common_name(certificate);
  X509_free(certificate);
  return name.empty() ? "(no common name)" : name;
}

wire::error_code wire::seal(std::string_view bytes) {
  if (!tls_) {
    out_.append(bytes);
    return {};
  }
  ERR_clear_error();
  size_t taken = 0;
  const int done = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &taken);
  if (done == 1)
    return {};
  // Our BIO takes everything, so only what the peer has begun to say can stop OpenSSL here.
  const auto failure = why_failed(done);
  return failure ? failure : error_code{asio::error::connection_aborted};
}

size_t wire::open(std::span<char> into, error_code& failure) {
  refills_ = 0;
  if (!tls_)
    return take(into, failure);
  ERR_clear_error();
  size_t got = 0;
  const int done = SSL_read_ex(tls_.get(), into.data(), into.size(), &got);
  if (done != 1)
    failure = why_failed(done);
  return got;
}

// -- reading

asio::awaitable<size_t> wire::read_some(std::span<char> into, error_code& failure) {
  while (true) {
    const auto got = open(into, failure);
    if (got > 0 || failure)
      co_return got;
    co_await socket_.async_wait(tcp::socket::wait_read,
                                redirect_error(use_awaitable, failure));
    if (failure)
      co_return 0;
  }
}

asio::awaitable<wire::error_code> wire::read(std::span<char> into) {
  error_code failure;
  while (!into.empty() && !failure) {
    const auto got = co_await read_some(into, failure);
    into = into.subspan(got);
  }
  co_return failure;
}

asio::awaitable<wire::error_code> wire::append(std::string& to, size_t bytes) {
  error_code failure;
  to.reserve(to.size() + bytes);
  while (bytes > 0 && !failure) {
    const auto had = to.size();
    const auto room = std::min(bytes, wire_record_bytes);
    // The zeros written here are still in the first cache when the bytes come.
    to.resize(had + room);
    const std::span<char> into{to.data() + had, room};
    const auto got = co_await read_some(into, failure);
    to.resize(had + got);
    bytes -= got;
  }
  co_return failure;
}

} // namespace weir
