// BODY HASH: SHA-256 over a body that comes in pieces, with the value so far at any time.
// A copy goes on independently. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

struct evp_md_ctx_st;

namespace weir {

class body_hash {
 public:
  /// The hash over no bytes yet; throws std::bad_alloc when OpenSSL has no memory.
  body_hash();
  body_hash(const body_hash& other);
  body_hash& operator=(const body_hash& other);
  body_hash(body_hash&&) noexcept = default;
  body_hash& operator=(body_hash&&) noexcept = default;
  ~body_hash() = default;

  void add(std::string_view bytes);
  /// The first 64 bits: what body_fingerprint() gives for all bytes at once.
  uint64_t value() const;

 private:
  struct free_context {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, free_context> context_;
};

} // namespace weir
