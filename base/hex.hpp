// HEX: the digits of 128 bits, for answers that are written many times a millisecond.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace weir {

/// Makes eight digits at a time: each nibble gets a byte of its own, which then becomes a
/// digit or a letter.
inline std::array<char, 32> hex_digits(uint64_t high, uint64_t low) noexcept {
  constexpr uint64_t ones = 0x0101010101010101;
  std::array<char, 32> text{};
  for (size_t word = 0; word < 4; ++word) {
    const uint64_t half = (word < 2 ? high : low) >> (word % 2 == 0 ? 32 : 0);
    uint64_t x = half & 0xffffffff;
    // Spread the eight nibbles of 32 bits over eight bytes.
    x = (x | x << 16) & 0x0000ffff0000ffff;
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    x = (x | x << 4) & (ones * 0x0f);
    // Adding 6 carries into bit 4 only from 10 upwards: those nibbles become letters.
    const uint64_t is_letter = (x + ones * 6) >> 4 & ones;
    x += ones * '0' + is_letter * ('a' - '0' - 10);
    // The most significant nibble is the first digit in memory.
    if constexpr (std::endian::native == std::endian::little)
      x = __builtin_bswap64(x);
    std::memcpy(text.data() + 8 * word, &x, 8);
  }
  return text;
}

} // namespace weir
