#include "cluster/wire.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <openssl/err.h>
#include <openssl/x509.h>

namespace weir {

namespace asio = boost::asio;
using asio::redirect_error;
using asio::use_awaitable;

namespace {

std::string common_name(const X509* certificate) {
  char name[256];
  const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate),
                                               NID_commonName, name, sizeof name);
  return length > 0 ? std::string{name, static_cast<size_t>(length)} : std::string{};
}

tl::unexpected<fault> unusable(const char* key, const std::string& file,
                               const boost::system::error_code& why) {
  return fail(ec::invalid_config,
              std::string{key} + ": " + file + " can't be used: " + why.message());
}

} // namespace

result<std::unique_ptr<asio::ssl::context>>
make_wire_context(const wire_identity& identity, const std::string& name) {
  using asio::ssl::context;
  auto made = std::make_unique<context>(context::tls);
  boost::system::error_code failure;
  made->set_options(context::default_workarounds | context::no_sslv2 | context::no_sslv3
                    | context::no_tlsv1 | context::no_tlsv1_1 | SSL_OP_NO_RENEGOTIATION
                    | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(made->native_handle(), SSL_SESS_CACHE_OFF);
  made->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
  if (made->load_verify_file(identity.ca, failure); failure)
    return unusable("cluster.tls.ca", identity.ca, failure);
  if (made->use_certificate_chain_file(identity.certificate, failure); failure)
    return unusable("cluster.tls.certificate", identity.certificate, failure);
  if (made->use_private_key_file(identity.key, context::pem, failure); failure)
    return unusable("cluster.tls.key", identity.key, failure);
  if (SSL_CTX_check_private_key(made->native_handle()) != 1)
    return fail(ec::invalid_config, "cluster.tls.key: " + identity.key
                                      + " is not the key of " + identity.certificate);
  const auto own = common_name(SSL_CTX_get0_certificate(made->native_handle()));
  if (own != name)
    return fail(ec::invalid_config, "cluster.tls.certificate: " + identity.certificate
                                      + " is for " + own + ", but node.name is " + name);
  return made;
}

wire::wire(tcp::socket socket, asio::ssl::context* tls) {
  if (tls)
    tls_.emplace(std::move(socket), *tls);
  else
    plain_.emplace(std::move(socket));
}

asio::awaitable<wire::error_code> wire::handshake(bool as_client) {
  error_code failure;
  if (tls_)
    co_await tls_->async_handshake(as_client ? asio::ssl::stream_base::client
                                             : asio::ssl::stream_base::server,
                                   redirect_error(use_awaitable, failure));
  co_return failure;
}

std::string wire::certified_name() const {
  if (!tls_)
    return {};
  auto& stream = const_cast<asio::ssl::stream<tcp::socket>&>(*tls_);
  X509* certificate = SSL_get1_peer_certificate(stream.native_handle());
  if (!certificate)
    return {};
  auto name = common_name(certificate);
  X509_free(certificate);
  return name;
}

asio::awaitable<size_t> wire::read_some(std::span<char> into, error_code& failure) {
  const auto room = asio::buffer(into.data(), into.size());
  if (tls_)
    co_return co_await tls_->async_read_some(room,
                                             redirect_error(use_awaitable, failure));
  co_return co_await plain_->async_read_some(room,
                                             redirect_error(use_awaitable, failure));
}

asio::awaitable<wire::error_code> wire::read(std::span<char> into) {
  error_code failure;
  const auto room = asio::buffer(into.data(), into.size());
  if (tls_)
    co_await asio::async_read(*tls_, room, redirect_error(use_awaitable, failure));
  else
    co_await asio::async_read(*plain_, room, redirect_error(use_awaitable, failure));
  co_return failure;
}

asio::awaitable<wire::error_code> wire::write(std::string_view bytes) {
  error_code failure;
  const auto from = asio::buffer(bytes.data(), bytes.size());
  if (tls_)
    co_await asio::async_write(*tls_, from, redirect_error(use_awaitable, failure));
  else
    co_await asio::async_write(*plain_, from, redirect_error(use_awaitable, failure));
  co_return failure;
}

void wire::close() noexcept {
  error_code ignored;
  socket().close(ignored);
}

} // namespace weir
