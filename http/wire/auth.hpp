// AUTH: API keys. The configuration holds SHA-256 digests, never the keys themselves.
#pragma once

#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct api_key {
  std::string name; ///< the tenant: names the client in limits and batch keys
  std::array<uint8_t, 32> digest{}; ///< SHA-256 of the key's bytes
  std::vector<std::string> streams; ///< empty: all
  double records_per_second = 0;    ///< 0: the listener's limit for clients
  double burst_records = 0;

  bool may_send_to(std::string_view stream) const noexcept;
};

/// 64 hex digits, either case. Failure: invalid_config with what is wrong; the digest
/// itself is not repeated.
result<std::array<uint8_t, 32>> parse_digest(std::string_view hex);

/// The key that `authorization` ("Bearer …") proves, or unauthorized. Every key is
/// compared, each in constant time, so the time taken tells nothing about them. The
/// pointer is into `keys`.
result<const api_key*> authenticate(const std::vector<api_key>& keys,
                                    std::string_view authorization);

} // namespace weir
