#include "app/commands/certificates.hpp"

#include "app/config/config_text.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace weir {

namespace {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* x) const noexcept {
    Free(x);
  }
};
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>>;
using names_ptr = std::unique_ptr<GENERAL_NAMES, freed_by<GENERAL_NAMES_free>>;
using number_ptr = std::unique_ptr<BIGNUM, freed_by<BN_free>>;

constexpr long seconds_per_day = 86'400;
constexpr long backdated_seconds = 3600;

/// What OpenSSL says about the failure; leaves its queue of errors empty.
tl::unexpected<fault> refused(const std::string& what) {
  std::array<char, 256> text{"no reason given"};
  if (const auto code = ERR_get_error(); code != 0)
    ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return fail(ec::io_failed, "cannot " + what + ": " + text.data());
}

tl::unexpected<fault> refused_authority(const std::string& why) {
  ERR_clear_error();
  return fail(ec::invalid_config, "the authority " + why);
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

bio_ptr bio_of(const std::string& text) {
  return bio_ptr{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

certificate_ptr read_certificate(const std::string& pem) {
  const auto bio = bio_of(pem);
  return certificate_ptr{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)};
}

/// Never asks a terminal for a passphrase: an encrypted key is one that cannot be read.
key_ptr read_key(const std::string& pem) {
  const auto bio = bio_of(pem);
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  return key_ptr{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr)};
}

result<certificate_pair> to_pem(X509* certificate, EVP_PKEY* key) {
  const bio_ptr first{BIO_new(BIO_s_mem())};
  const bio_ptr second{BIO_new(BIO_s_secmem())};
  if (!first || !second || PEM_write_bio_X509(first.get(), certificate) != 1
      || PEM_write_bio_PKCS8PrivateKey(second.get(), key, nullptr, nullptr, 0, nullptr,
                                       nullptr)
           != 1)
    return refused("write a certificate as PEM");
  return certificate_pair{text_of(first.get()), text_of(second.get())};
}

bool add_extension(X509* to, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  const extension_ptr made{X509V3_EXT_conf_nid(nullptr, &context, nid, value)};
  return made && X509_add_ext(to, made.get(), -1) == 1;
}

/// Sets a serial number of 127 random bits, which is positive.
bool set_serial(X509* certificate) {
  const number_ptr number{BN_new()};
  return number && BN_rand(number.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1
         && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
}

/// Begins a certificate with version 3, serial, times, public key and CN.
certificate_ptr begin_certificate(EVP_PKEY* key, const std::string& name, int days) {
  certificate_ptr made{X509_new()};
  if (!made || X509_set_version(made.get(), X509_VERSION_3) != 1
      || !set_serial(made.get())
      || !X509_gmtime_adj(X509_getm_notBefore(made.get()), -backdated_seconds)
      || !X509_gmtime_adj(X509_getm_notAfter(made.get()), days * seconds_per_day)
      || X509_set_pubkey(made.get(), key) != 1
      || X509_NAME_add_entry_by_NID(
           X509_get_subject_name(made.get()), NID_commonName, MBSTRING_ASC,
           reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0)
           != 1)
    return nullptr;
  return made;
}

/// The bytes of an address, 4 or 16; empty when `host` is not one.
std::string address_bytes(const std::string& host) {
  std::array<char, 16> bytes{};
  if (::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1)
    return {bytes.data(), 4};
  if (::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1)
    return {bytes.data(), 16};
  return {};
}

bool add_name(GENERAL_NAMES* to, const std::string& host) {
  const auto address = address_bytes(host);
  const auto& bytes = address.empty() ? host : address;
  auto* value = address.empty() ? static_cast<ASN1_STRING*>(ASN1_IA5STRING_new())
                                : static_cast<ASN1_STRING*>(ASN1_OCTET_STRING_new());
  auto* name = GENERAL_NAME_new();
  if (!value || !name
      || ASN1_STRING_set(value, bytes.data(), static_cast<int>(bytes.size())) != 1) {
    ASN1_STRING_free(value);
    GENERAL_NAME_free(name);
    return false;
  }
  // From here on `name` owns `value`.
  GENERAL_NAME_set0_value(name, address.empty() ? GEN_DNS : GEN_IPADD, value);
  if (sk_GENERAL_NAME_push(to, name) > 0)
    return true;
  GENERAL_NAME_free(name);
  return false;
}

bool add_names(X509* to, const certificate_request& request) {
  const names_ptr names{GENERAL_NAMES_new()};
  if (!names || !add_name(names.get(), request.name + ".weir"))
    return false;
  for (const auto& host : request.hosts)
    if (!add_name(names.get(), host))
      return false;
  return X509_add1_ext_i2d(to, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT)
         == 1;
}

/// Shortens the certificate to its authority's end: one that outlives it would stop
/// working without a word.
bool end_with(X509* certificate, const X509* authority) {
  const auto* end = X509_get0_notAfter(authority);
  return ASN1_TIME_compare(X509_get0_notAfter(certificate), end) <= 0
         || X509_set1_notAfter(certificate, end) == 1;
}

} // namespace

bool is_certificate_name(std::string_view name) noexcept {
  return is_node_name(name) && name != "ca" && name.front() != '.' && name.front() != '-';
}

bool is_certificate_host(const std::string& host) {
  if (!address_bytes(host).empty())
    return true;
  const std::string_view name =
    host.starts_with("*.") ? std::string_view{host}.substr(2) : std::string_view{host};
  return name.size() <= 253 && is_node_name(name.substr(0, 64)) && name.front() != '.'
         && name.front() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
              return is_node_name({&c, 1});
            });
}

result<certificate_pair> make_authority(int days) {
  const key_ptr key{EVP_EC_gen("P-256")};
  std::array<unsigned char, 4> random{};
  if (!key || RAND_bytes(random.data(), random.size()) != 1)
    return refused("make a key");
  // The random part tells the authorities of two clusters apart.
  std::string name = "weir CA ";
  for (const auto byte : random)
    for (const auto digit : {byte >> 4, byte & 15})
      name += hex_lower[digit];
  const auto made = begin_certificate(key.get(), name, days);
  if (!made || X509_set_issuer_name(made.get(), X509_get_subject_name(made.get())) != 1
      || !add_extension(made.get(), made.get(), NID_basic_constraints,
                        "critical,CA:TRUE,pathlen:0")
      || !add_extension(made.get(), made.get(), NID_key_usage,
                        "critical,keyCertSign,cRLSign")
      || !add_extension(made.get(), made.get(), NID_subject_key_identifier, "hash")
      || X509_sign(made.get(), key.get(), EVP_sha256()) == 0)
    return refused("make the authority's certificate");
  return to_pem(made.get(), key.get());
}

result<certificate_pair> issue_certificate(const certificate_pair& authority,
                                           const certificate_request& request) {
  const auto issuer = read_certificate(authority.certificate);
  const auto issuer_key = read_key(authority.key);
  if (!issuer || !issuer_key)
    return refused_authority("is not a certificate and an unencrypted key in PEM");
  if (X509_check_private_key(issuer.get(), issuer_key.get()) != 1)
    return refused_authority("has a key that is not its certificate's");
  if (X509_check_ca(issuer.get()) != 1)
    return refused_authority("is a certificate that may not sign others");
  if (X509_cmp_current_time(X509_get0_notAfter(issuer.get())) <= 0)
    return refused_authority("has ended; make a new one with `weir certs init`");
  const key_ptr key{EVP_EC_gen("P-256")};
  if (!key)
    return refused("make a key");
  const auto made = begin_certificate(key.get(), request.name, request.days);
  // Both ends of a link show their certificate: it serves as server and as client.
  if (!made || !end_with(made.get(), issuer.get())
      || X509_set_issuer_name(made.get(), X509_get_subject_name(issuer.get())) != 1
      || !add_extension(made.get(), issuer.get(), NID_basic_constraints,
                        "critical,CA:FALSE")
      || !add_extension(made.get(), issuer.get(), NID_key_usage,
                        "critical,digitalSignature")
      || !add_extension(made.get(), issuer.get(), NID_ext_key_usage,
                        "serverAuth,clientAuth")
      || !add_extension(made.get(), issuer.get(), NID_subject_key_identifier, "hash")
      || !add_extension(made.get(), issuer.get(), NID_authority_key_identifier, "keyid")
      || !add_names(made.get(), request)
      || X509_sign(made.get(), issuer_key.get(), EVP_sha256()) == 0)
    return refused("make a certificate for " + request.name);
  return to_pem(made.get(), key.get());
}

result<std::string> certificate_end(const std::string& pem) {
  const auto certificate = read_certificate(pem);
  std::tm end{};
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1)
    return refused("read a certificate");
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", end.tm_year + 1900,
                     end.tm_mon + 1, end.tm_mday, end.tm_hour, end.tm_min, end.tm_sec);
}

} // namespace weir
