// The ingest listener under TLS, with a certificate made here.
#include "tests/http/ingest/ingest_fixture.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdio>
#include <filesystem>

using namespace weir;

namespace {

template <class T, void (*Free)(T*)>
struct freed {
  void operator()(T* x) const { Free(x); }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed<EVP_PKEY, EVP_PKEY_free>>;
using cert_ptr = std::unique_ptr<X509, freed<X509, X509_free>>;

struct files {
  std::string directory = [] {
    auto pattern = (std::filesystem::temp_directory_path() / "weir-tls-XXXXXX").string();
    return std::string{::mkdtemp(pattern.data())};
  }();
  std::string certificate = directory + "/certificate.pem";
  std::string key = directory + "/key.pem";
  ~files() { std::filesystem::remove_all(directory); }
};

key_ptr write_self_signed(const files& to) {
  key_ptr key{EVP_EC_gen("P-256")};
  cert_ptr cert{X509_new()};
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
  X509_set_pubkey(cert.get(), key.get());
  auto* name = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1,
                             0);
  X509_set_issuer_name(cert.get(), name);
  X509_sign(cert.get(), key.get(), EVP_sha256());
  std::FILE* out = std::fopen(to.certificate.c_str(), "w");
  PEM_write_X509(out, cert.get());
  std::fclose(out);
  out = std::fopen(to.key.c_str(), "w");
  PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(out);
  return key;
}

/// A blocking TLS client on a socket of its own. `version_max` 0: the highest there is.
class tls_client {
 public:
  tls_client(uint16_t port, int version_max)
    : context_(SSL_CTX_new(TLS_client_method())), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_max_proto_version(context_, version_max);
    const timeval ten_seconds{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &ten_seconds, sizeof ten_seconds);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
    connected = SSL_connect(ssl_) == 1;
  }
  ~tls_client() {
    SSL_free(ssl_);
    ::close(fd_);
    SSL_CTX_free(context_);
  }
  std::string ask(std::string_view request) {
    SSL_write(ssl_, request.data(), static_cast<int>(request.size()));
    char block[4096];
    const int got = SSL_read(ssl_, block, sizeof block);
    return {block, static_cast<size_t>(std::max(0, got))};
  }
  bool connected = false;

 private:
  SSL_CTX* context_;
  int fd_;
  SSL* ssl_ = nullptr;
};

struct tls_test : ingest_test {
  files pem;
  tls_test() {
    write_self_signed(pem);
    config.tls_certificate_file = pem.certificate;
    config.tls_key_file = pem.key;
  }
};

} // namespace

TEST_F(tls_test, requests_are_served_under_tls_1_2_and_1_3) {
  start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    tls_client client{server->port(), version};
    ASSERT_TRUE(client.connected);
    EXPECT_NE(client.ask(post("/ingest/web", "x")).find("200 OK"), std::string::npos);
    EXPECT_NE(client.ask(post("/ingest/web", "y")).find("200 OK"), std::string::npos);
  }
  EXPECT_EQ(counts.accepted.load(), 4u);
}

TEST_F(tls_test, a_refused_body_is_dropped_and_the_connection_goes_on) {
  start();
  tls_client client{server->port(), 0};
  for (int again = 0; again < 2; ++again) {
    const auto refused = client.ask(post("/ingest/nope", std::string(200'000, 'x')));
    EXPECT_NE(refused.find("404"), std::string::npos) << refused;
    EXPECT_NE(client.ask(post("/ingest/web", "x")).find("200 OK"), std::string::npos);
  }
  EXPECT_EQ(counts.accepted.load(), 2u);
}

TEST_F(tls_test, older_versions_and_plain_text_are_refused) {
  start();
  tls_client old{server->port(), TLS1_1_VERSION};
  EXPECT_FALSE(old.connected);
  raw_client plain{server->port()};
  EXPECT_EQ(plain.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 0);
  EXPECT_TRUE(eventually([&] { return http_counts.connections_open.load() <= 1; }));
}

TEST_F(tls_test, a_handshake_that_does_not_come_is_closed) {
  config.handshake_timeout = std::chrono::milliseconds{50};
  start();
  raw_client silent{server->port()};
  EXPECT_TRUE(silent.is_closed());
}

TEST_F(tls_test, a_key_that_does_not_fit_is_an_error_that_names_it) {
  files other;
  write_self_signed(other);
  const auto loaded_config = [&] {
    auto c = config;
    c.tls_key_file = other.key;
    return c;
  }();
  catalogs = std::make_unique<catalog_holder>(std::make_shared<catalog>(streams));
  const auto made = ingest_server::start(loaded_config, std::make_shared<ingest_limits>(),
                                         {pipeline, *catalogs, metrics, health, clock});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, ec::invalid_config);
  EXPECT_NE(made.error().text.find(other.key), std::string::npos) << made.error().text;
}
