#include "cluster/tunnel/wire_identity.hpp"

#include <openssl/x509.h>

namespace weir {

namespace {

/// The first suite is a quarter faster than the one OpenSSL would choose
/// (docs/decisions/0009).
constexpr auto ciphersuites =
  "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

tl::unexpected<fault> unusable(const char* key, const std::string& file,
                               const boost::system::error_code& why) {
  return fail(ec::invalid_config,
              std::string{key} + ": " + file + " can't be used: " + why.message());
}

} // namespace

std::string common_name(const X509* certificate) {
  char name[256];
  const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate),
                                               NID_commonName, name, sizeof name);
  return length > 0 ? std::string{name, static_cast<size_t>(length)} : std::string{};
}

result<std::unique_ptr<boost::asio::ssl::context>>
make_wire_context(const wire_identity& identity, const std::string& name) {
  using boost::asio::ssl::context;
  auto made = std::make_unique<context>(context::tls);
  boost::system::error_code failure;
  made->set_options(context::default_workarounds | SSL_OP_NO_TICKET);
  // Both sides are weir, so 1.3 can be required. 1.2 would let a peer ask for
  // renegotiations, each of which must be refused; 1.3 has neither these nor compression.
  SSL_CTX_set_min_proto_version(made->native_handle(), TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(made->native_handle(), ciphersuites);
  SSL_CTX_set_session_cache_mode(made->native_handle(), SSL_SESS_CACHE_OFF);
  made->set_verify_mode(boost::asio::ssl::verify_peer
                        | boost::asio::ssl::verify_fail_if_no_peer_cert);
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

} // namespace weir
