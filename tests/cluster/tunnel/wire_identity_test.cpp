// Who may speak at all: certificates of the own authority, TLS 1.3, and the own name.
#include "cluster/tunnel/wire_identity.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

using namespace weir;

namespace {

template <auto Free>
struct freed {
  template <class T>
  void operator()(T* made) const noexcept {
    Free(made);
  }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed<EVP_PKEY_free>>;
using cert_ptr = std::unique_ptr<X509, freed<X509_free>>;
using ssl_ptr = std::unique_ptr<SSL, freed<SSL_free>>;
using context_ptr = std::unique_ptr<SSL_CTX, freed<SSL_CTX_free>>;

struct holder {
  key_ptr key{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
  cert_ptr certificate{X509_new()};

  /// Signed by itself without an issuer.
  explicit holder(const char* name, const holder* issuer = nullptr) {
    auto* made = certificate.get();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    const auto& by = issuer ? *issuer : *this;
    X509_set_issuer_name(made, X509_get_subject_name(by.certificate.get()));
    if (!issuer) {
      auto* can_sign =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
      X509_add_ext(made, can_sign, -1);
      X509_EXTENSION_free(can_sign);
    }
    X509_sign(made, by.key.get(), nullptr);
  }
};

struct identity_test : ::testing::Test {
  const std::filesystem::path place = std::filesystem::temp_directory_path()
                                      / ("weir-identity-" + std::to_string(::getpid()));
  holder authority{"authority"};
  holder a{"a", &authority};
  holder b{"b", &authority};

  identity_test() {
    std::filesystem::create_directories(place);
    write(authority, "ca");
    write(a, "a");
    write(b, "b");
  }
  ~identity_test() override { std::filesystem::remove_all(place); }

  std::string path(const std::string& name) const { return (place / name).string(); }
  void write(const holder& one, const std::string& name) {
    auto* file = std::fopen(path(name + ".pem").c_str(), "w");
    PEM_write_X509(file, one.certificate.get());
    std::fclose(file);
    file = std::fopen(path(name + ".key").c_str(), "w");
    PEM_write_PrivateKey(file, one.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }
  wire_identity identity(const std::string& certificate, const std::string& key) const {
    wire_identity made;
    made.ca = path("ca.pem");
    made.certificate = path(certificate + ".pem");
    made.key = path(key + ".key");
    return made;
  }
};

/// Both sides speak until neither has anything to say. True: the server let the client in.
bool lets_in(SSL_CTX* server, SSL_CTX* client) {
  const ssl_ptr there{SSL_new(server)}, here{SSL_new(client)};
  BIO *one = nullptr, *other = nullptr;
  BIO_new_bio_pair(&one, 0, &other, 0);
  SSL_set_bio(there.get(), one, one);
  SSL_set_bio(here.get(), other, other);
  SSL_set_accept_state(there.get());
  SSL_set_connect_state(here.get());
  int done = 0;
  for (int i = 0; i < 20 && done != 1; ++i) {
    SSL_do_handshake(here.get());
    done = SSL_do_handshake(there.get());
  }
  return done == 1;
}

context_ptr client_of(const holder* who, int version = TLS1_3_VERSION) {
  context_ptr made{SSL_CTX_new(TLS_client_method())};
  SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(made.get(), version);
  if (who) {
    SSL_CTX_use_certificate(made.get(), who->certificate.get());
    SSL_CTX_use_PrivateKey(made.get(), who->key.get());
  }
  return made;
}

} // namespace

TEST_F(identity_test, a_node_takes_its_own_certificate_only) {
  EXPECT_TRUE(make_wire_context(identity("a", "a"), "a"));
  const auto other = make_wire_context(identity("b", "b"), "a");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().text.find("is for b, but node.name is a"), std::string::npos);
  EXPECT_FALSE(make_wire_context(identity("a", "b"), "a")) << "the key of another";
  EXPECT_FALSE(make_wire_context(identity("none", "a"), "a"));
  EXPECT_FALSE(make_wire_context(identity("a", "none"), "a"));
}

TEST_F(identity_test, only_who_has_a_certificate_of_the_authority_is_let_in) {
  const auto server = make_wire_context(identity("a", "a"), "a");
  ASSERT_TRUE(server) << server.error().text;
  auto* const there = (*server)->native_handle();
  EXPECT_TRUE(lets_in(there, client_of(&b).get()));
  EXPECT_FALSE(lets_in(there, client_of(nullptr).get())) << "none at all";
  const holder strange_authority{"authority"};
  const holder stranger{"b", &strange_authority};
  EXPECT_FALSE(lets_in(there, client_of(&stranger).get()));
  const holder self_made{"b"};
  EXPECT_FALSE(lets_in(there, client_of(&self_made).get()));
}

TEST_F(identity_test, nobody_is_let_in_with_an_older_tls) {
  const auto server = make_wire_context(identity("a", "a"), "a");
  ASSERT_TRUE(server) << server.error().text;
  EXPECT_FALSE(lets_in((*server)->native_handle(), client_of(&b, TLS1_2_VERSION).get()));
}
