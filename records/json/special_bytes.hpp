// Finds the bytes that end a run of plain text inside a JSON string: `"`, `\` and everything
// below 0x20.
#pragma once

#include <bit>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace weir::steps {

constexpr bool is_special(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

inline constexpr int special_block = 16; ///< bytes that special_mask reads

/// Bit i is set when byte i of the 16 at `p` is special.
inline unsigned special_mask(const char* p) noexcept {
#ifdef __SSE2__
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i last_control = _mm_set1_epi8(0x1f);
  // SSE2 compares bytes as signed numbers only; the unsigned minimum gets around that.
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
  const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  const __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  return static_cast<unsigned>(
    _mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, slash))));
#else
  unsigned mask = 0;
  for (int i = 0; i < special_block; ++i)
    mask |= (is_special(p[i]) ? 1u : 0u) << i;
  return mask;
#endif
}

} // namespace weir::steps
