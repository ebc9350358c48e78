// TEXT: small questions about bytes that are, or may be, text. All but is_utf8 know only
// ASCII and no locale.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
constexpr bool is_hex_digit(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
/// -1 if `c` is not a hexadecimal digit.
constexpr int hex_value(char c) noexcept {
  return is_digit(c) ? c - '0' : is_hex_digit(c) ? (c | 0x20) - 'a' + 10 : -1;
}
inline constexpr char hex_lower[] = "0123456789abcdef"; ///< the digit of each half byte
inline constexpr char hex_upper[] = "0123456789ABCDEF";

inline constexpr uint64_t fnv1a_basis = 0xcbf29ce484222325;
/// FNV-1a, 64 bits (the Fowler, Noll and Vo hash): for tables and seeds, not where an
/// adversary chooses the text. `hash` continues the hash of the text before.
constexpr uint64_t fnv1a(std::string_view text, uint64_t hash = fnv1a_basis) noexcept {
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

/// Validates as RFC 3629 says, with SIMD.
bool is_utf8(std::string_view text) noexcept;

} // namespace weir
