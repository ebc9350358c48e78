#include "app/config/tls_files.hpp"

#include "app/config/units.hpp"
#include "cluster/tunnel/wire_identity.hpp"
#include "http/wire/transport.hpp"

#include <memory>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace weir {
namespace {

struct free_bio {
  void operator()(BIO* x) const { BIO_free(x); }
};

int note_question(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

bool is_encrypted(const std::string& key_file) {
  const std::unique_ptr<BIO, free_bio> file{BIO_new_file(key_file.c_str(), "r")};
  bool asked = false;
  if (file)
    EVP_PKEY_free(PEM_read_bio_PrivateKey(file.get(), nullptr, note_question, &asked));
  ERR_clear_error();
  return asked;
}

std::string encrypted(std::string_view key, const std::string& file) {
  return fmt::format("{}: {} is encrypted, and a node has nobody to ask: decrypt it with "
                     "openssl pkey, and keep the file to its user",
                     key, in_quotes(file));
}

} // namespace

std::optional<std::string> problem_of_ingest_tls(const config& settings) {
  const auto& tls = settings.ingest.tls;
  if (tls.certificate.empty() || tls.key.empty())
    return std::nullopt;
  if (is_encrypted(tls.key))
    return encrypted("ingest.tls.key", tls.key);
  const auto loaded = tls_context::load(tls.certificate, tls.key);
  return loaded ? std::nullopt : std::optional{"ingest.tls: " + loaded.error().text};
}

std::optional<std::string> problem_of_cluster_tls(const config& settings) {
  const auto& c = settings.cluster;
  if (!c.enabled() || c.ca.empty() || c.certificate.empty() || c.key.empty())
    return std::nullopt;
  if (is_encrypted(c.key))
    return encrypted("cluster.tls.key", c.key);
  const auto made = make_wire_context({c.ca, c.certificate, c.key}, settings.node_name);
  return made ? std::nullopt : std::optional{made.error().text};
}

} // namespace weir
