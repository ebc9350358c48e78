#include "proto/body_hash.hpp"

#include <openssl/evp.h>

#include <new>

namespace weir {

namespace {

evp_md_ctx_st* checked(evp_md_ctx_st* made, bool ready) {
  if (made == nullptr || !ready) {
    EVP_MD_CTX_free(made);
    throw std::bad_alloc{};
  }
  return made;
}

evp_md_ctx_st* copy_of(const evp_md_ctx_st* other) {
  auto* made = EVP_MD_CTX_new();
  return checked(made, made != nullptr && EVP_MD_CTX_copy_ex(made, other) == 1);
}

} // namespace

void body_hash::free_context::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

body_hash::body_hash() {
  auto* made = EVP_MD_CTX_new();
  context_.reset(checked(made, made != nullptr
                                 && EVP_DigestInit_ex(made, EVP_sha256(), nullptr) == 1));
}

body_hash::body_hash(const body_hash& other) : context_(copy_of(other.context_.get())) {}

body_hash& body_hash::operator=(const body_hash& other) {
  if (this != &other)
    context_.reset(copy_of(other.context_.get()));
  return *this;
}

void body_hash::add(std::string_view bytes) {
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1)
    throw std::bad_alloc{};
}

uint64_t body_hash::value() const {
  const body_hash ending{*this}; // finalizing ends a digest, so a copy is finalized
  unsigned char digest[EVP_MAX_MD_SIZE];
  if (EVP_DigestFinal_ex(ending.context_.get(), digest, nullptr) != 1)
    throw std::bad_alloc{};
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) // big-endian, as in body_fingerprint()
    value = value << 8 | digest[i];
  return value;
}

} // namespace weir
