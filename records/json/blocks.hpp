// Turns 64 bytes of JSON at a time into bit masks: bit i says what byte i is. The method is
// that of G. Langdale and D. Lemire, "Parsing Gigabytes of JSON per Second" (2019), §3.1,
// cut down to what framing needs: strings and brackets.
#pragma once

#include <bit>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace weir {

struct json_block {
  static constexpr int bytes = 64;
  uint64_t quotes = 0;
  uint64_t backslashes = 0;
  uint64_t opens = 0;  ///< { and [
  uint64_t closes = 0; ///< } and ]
  uint64_t line_ends = 0;
};

#if defined(__SSE2__)

/// Reads 64 bytes at `text`.
inline json_block classify(const char* text) noexcept {
  json_block block;
  for (int i = 0; i < 4; ++i) {
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + 16 * i));
    // [ and { differ in this bit only, and so do ] and }
    const __m128i folded = _mm_or_si128(part, _mm_set1_epi8(0x20));
    const auto mask = [i](__m128i bytes, char wanted) noexcept {
      const int bits = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted)));
      return static_cast<uint64_t>(bits) << (16 * i);
    };
    block.quotes |= mask(part, '"');
    block.backslashes |= mask(part, '\\');
    block.opens |= mask(folded, '{');
    block.closes |= mask(folded, '}');
    block.line_ends |= mask(part, '\n');
  }
  return block;
}

#else

inline json_block classify(const char* text) noexcept {
  json_block block;
  for (int i = 0; i < json_block::bytes; ++i) {
    const uint64_t bit = uint64_t{1} << i;
    switch (text[i]) {
    case '"':
      block.quotes |= bit;
      break;
    case '\\':
      block.backslashes |= bit;
      break;
    case '{':
    case '[':
      // Framing counts both kinds of brackets alike: whether they match is not its business.
      block.opens |= bit;
      break;
    case '}':
    case ']':
      block.closes |= bit;
      break;
    case '\n':
      block.line_ends |= bit;
      break;
    default:
      break;
    }
  }
  return block;
}

#endif

/// The bytes that follow an unescaped backslash, among the first `size`. `carry` says whether
/// byte 0 is one, and afterwards whether the byte after the block is.
inline uint64_t escaped_bytes(uint64_t backslashes, int size, bool& carry) noexcept {
  uint64_t escaped = carry ? 1 : 0;
  carry = false;
  for (uint64_t left = backslashes & ~escaped; left != 0;) {
    const int next = std::countr_zero(left) + 1;
    if (next == size) {
      carry = true;
      break;
    }
    escaped |= uint64_t{1} << next;
    left &= left - 1;
    // An escaped backslash escapes nothing itself.
    left &= ~(uint64_t{1} << next);
  }
  return escaped;
}

/// Bit i is set if the number of quotes up to and including byte i is odd: the byte is inside
/// a string (or opens one).
inline uint64_t parity(uint64_t quotes) noexcept {
  for (int shift = 1; shift < 64; shift *= 2)
    quotes ^= quotes << shift;
  return quotes;
}

} // namespace weir
