#include "http/wire/auth.hpp"

#include "http/wire/request_head.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

namespace weir {

bool api_key::may_send_to(std::string_view stream) const noexcept {
  return streams.empty()
         || std::find(streams.begin(), streams.end(), stream) != streams.end();
}

namespace {

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

/// The token of "Bearer token", empty when it is something else.
std::string_view bearer_token(std::string_view authorization) noexcept {
  static constexpr std::string_view scheme = "bearer ";
  if (authorization.size() <= scheme.size()
      || !same_text(authorization.substr(0, scheme.size()), scheme))
    return {};
  authorization.remove_prefix(scheme.size());
  const auto start = authorization.find_first_not_of(' ');
  return start == std::string_view::npos ? std::string_view{}
                                         : authorization.substr(start);
}

} // namespace

result<std::array<uint8_t, 32>> parse_digest(std::string_view hex) {
  std::array<uint8_t, 32> digest{};
  if (hex.size() != 64)
    return fail(ec::invalid_config, "an API key's sha256 is 64 hex digits, not "
                                      + std::to_string(hex.size()) + " characters");
  for (size_t i = 0; i < digest.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0)
      return fail(ec::invalid_config, "an API key's sha256 has a character at "
                                        + std::to_string(2 * i)
                                        + " that is no hex digit");
    digest[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return digest;
}

result<const api_key*> authenticate(const std::vector<api_key>& keys,
                                    std::string_view authorization) {
  const auto token = bearer_token(authorization);
  if (token.empty())
    return fail(ec::unauthorized, "this listener wants Authorization: Bearer <API key>");
  std::array<uint8_t, 32> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         digest.data());
  const api_key* found = nullptr;
  // All keys are compared: the time must not tell which one matched.
  for (const auto& key : keys)
    if (CRYPTO_memcmp(key.digest.data(), digest.data(), digest.size()) == 0)
      found = &key;
  if (!found)
    return fail(ec::unauthorized, "the API key is not known");
  return found;
}

} // namespace weir
