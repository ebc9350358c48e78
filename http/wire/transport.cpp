#include "http/wire/transport.hpp"

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <new>

namespace weir {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

namespace {

auto read_handler(operation_keeper keeper) {
  return [keeper = std::move(keeper)](error_code failure, size_t bytes) {
    keeper->on_read(failure, bytes);
  };
}

constexpr size_t tls_record_bytes_max = size_t{16} << 10;
constexpr size_t drop_bytes_max = size_t{256} << 10;

/// Stands for where unwanted bytes go. Linux does not even copy them; a kernel without
/// MSG_TRUNC on streams would write them here.
char nowhere[drop_bytes_max];

/// Memory for the one read of a connection, which is under way nearly all the time.
class read_memory {
 public:
  void* take(size_t bytes) {
    if (taken_ || bytes > sizeof block_)
      return ::operator new(bytes);
    taken_ = true;
    return block_;
  }
  void give(void* block) noexcept {
    if (block != block_)
      return ::operator delete(block);
    taken_ = false;
  }

 private:
  alignas(std::max_align_t) std::byte block_[192];
  bool taken_ = false;
};

template <class T>
struct read_allocator {
  using value_type = T;

  explicit read_allocator(read_memory& from) noexcept : memory(&from) {}
  template <class U>
  read_allocator(const read_allocator<U>& other) noexcept : memory(other.memory) {}
  T* allocate(size_t n) { return static_cast<T*>(memory->take(n * sizeof(T))); }
  void deallocate(T* block, size_t) noexcept { memory->give(block); }
  template <class U>
  bool operator==(const read_allocator<U>& other) const noexcept {
    return memory == other.memory;
  }

  read_memory* memory;
};

template <class Stream>
void start_write(Stream& stream, std::string_view bytes, operation_keeper keeper) {
  asio::async_write(stream, asio::buffer(bytes.data(), bytes.size()),
                    [keeper = std::move(keeper)](error_code failure, size_t) {
                      keeper->on_written(failure);
                    });
}

class plain_transport final : public transport {
 public:
  explicit plain_transport(tcp_socket socket) : socket_(std::move(socket)) {}

  void handshake(operation_keeper keeper) override { keeper->on_open({}); }
  void read(std::span<char> room, operation_keeper keeper) override {
    socket_.async_read_some(asio::buffer(room.data(), room.size()),
                            asio::bind_allocator(read_allocator<std::byte>{read_memory_},
                                                 read_handler(std::move(keeper))));
  }
  void drop(size_t bytes_max, operation_keeper keeper) override {
    socket_.async_receive(asio::buffer(nowhere, std::min(bytes_max, drop_bytes_max)),
                          MSG_TRUNC,
                          asio::bind_allocator(read_allocator<std::byte>{read_memory_},
                                               read_handler(std::move(keeper))));
  }
  /// An answer nearly always fits in the socket's buffer: Asio sees only what does not, and
  /// what fails.
  bool write(std::string_view bytes, operation_keeper keeper) override {
    const auto sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(),
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(bytes.size()))
      return true;
    bytes.remove_prefix(static_cast<size_t>(std::max<ssize_t>(sent, 0)));
    start_write(socket_, bytes, std::move(keeper));
    return false;
  }
  void shut_sending() noexcept override {
    error_code ignored;
    socket_.shutdown(tcp_socket::shutdown_send, ignored);
  }
  void close() noexcept override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  tcp_socket socket_;
  read_memory read_memory_; ///< an operation keeps its keeper alive, and so this
};

class tls_transport final : public transport {
 public:
  tls_transport(tcp_socket socket, ssl::context& context)
    : stream_(std::move(socket), context) {}

  void handshake(operation_keeper keeper) override {
    stream_.async_handshake(
      ssl::stream_base::server,
      [keeper = std::move(keeper)](error_code failure) { keeper->on_open(failure); });
  }
  void read(std::span<char> room, operation_keeper keeper) override {
    stream_.async_read_some(asio::buffer(room.data(), room.size()),
                            read_handler(std::move(keeper)));
  }
  void drop(size_t bytes_max, operation_keeper keeper) override {
    const auto bytes = std::min(bytes_max, tls_record_bytes_max);
    auto room = std::make_unique<char[]>(bytes); // has to be decrypted somewhere
    const auto target = asio::buffer(room.get(), bytes);
    stream_.async_read_some(
      target, [keeper = std::move(keeper), room = std::move(room)](
                error_code failure, size_t got) { keeper->on_read(failure, got); });
  }
  bool write(std::string_view bytes, operation_keeper keeper) override {
    start_write(stream_, bytes, std::move(keeper));
    return false;
  }
  /// Every answer has its length, so a peer does not need our close_notify to know its end.
  void shut_sending() noexcept override {
    error_code ignored;
    stream_.next_layer().shutdown(tcp_socket::shutdown_send, ignored);
  }
  void close() noexcept override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  ssl::stream<tcp_socket> stream_;
};

class loaded_context final : public tls_context {
 public:
  std::unique_ptr<transport> make_transport(tcp_socket socket) override {
    return std::make_unique<tls_transport>(std::move(socket), context);
  }

  ssl::context context{ssl::context::tls_server};
};

} // namespace

std::unique_ptr<transport> make_plain_transport(tcp_socket socket) {
  return std::make_unique<plain_transport>(std::move(socket));
}

result<std::shared_ptr<tls_context>>
tls_context::load(const std::string& certificate_file, const std::string& key_file) {
  auto loaded = std::make_shared<loaded_context>();
  auto& context = loaded->context;
  context.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2
                      | ssl::context::no_sslv3 | ssl::context::no_tlsv1
                      | ssl::context::no_tlsv1_1 | ssl::context::single_dh_use);
  SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_RENEGOTIATION);
  error_code failure;
  // OpenSSL's own would ask on the terminal for the password of a key that is encrypted.
  context.set_password_callback([](size_t, auto) { return std::string{}; }, failure);
  context.use_certificate_chain_file(certificate_file, failure);
  if (failure)
    return fail(ec::invalid_config, "TLS certificate " + certificate_file
                                      + " can't be used: " + failure.message());
  context.use_private_key_file(key_file, ssl::context::pem, failure);
  if (failure)
    return fail(ec::invalid_config,
                "TLS key " + key_file + " can't be used: " + failure.message());
  if (SSL_CTX_check_private_key(context.native_handle()) != 1)
    return fail(ec::invalid_config, "TLS key " + key_file
                                      + " does not belong to certificate "
                                      + certificate_file);
  return loaded;
}

} // namespace weir
