// JSON TEXT: writes the inside of JSON strings (RFC 8259 §7) at the end of a std::string
// through a raw pointer, 16 bytes at a time as long as nothing needs an escape.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace weir {

/// Says which bytes can't be copied as they are.
enum class stop_at : uint8_t { escapes, escapes_and_comma, escapes_and_delimiter };

template <stop_at Stop>
constexpr bool stops(char c, char delimiter = ',') noexcept {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'
         || (Stop == stop_at::escapes_and_comma && c == ',')
         || (Stop == stop_at::escapes_and_delimiter && c == delimiter);
}

/// Copies [in, end) to `out` up to the first byte that `Stop` names, and returns how many bytes
/// it copied. It may overwrite the 15 bytes after them: `out` needs room for end - in + 16.
template <stop_at Stop>
inline size_t copy_plain(const char* in, const char* end, char* out,
                         [[maybe_unused]] char delimiter = ',') noexcept {
  const char* const begin = in;
#if defined(__SSE2__)
  for (; end - in >= 16; in += 16, out += 16) {
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    // All 16 bytes are stored first; the caller counts only those before the hit.
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), part);
    const __m128i control = _mm_set1_epi8(0x1f);
    __m128i hit = _mm_cmpeq_epi8(_mm_max_epu8(part, control), control);
    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(part, _mm_set1_epi8('"')));
    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(part, _mm_set1_epi8('\\')));
    if constexpr (Stop == stop_at::escapes_and_comma)
      hit = _mm_or_si128(hit, _mm_cmpeq_epi8(part, _mm_set1_epi8(',')));
    if constexpr (Stop == stop_at::escapes_and_delimiter)
      hit = _mm_or_si128(hit, _mm_cmpeq_epi8(part, _mm_set1_epi8(delimiter)));
    if (const auto mask = static_cast<uint32_t>(_mm_movemask_epi8(hit)); mask != 0)
      return static_cast<size_t>(in - begin + std::countr_zero(mask));
  }
#endif
  for (; in != end && !stops<Stop>(*in, delimiter); ++in, ++out)
    *out = *in;
  return static_cast<size_t>(in - begin);
}

/// Appends to a string through a pointer. Call `finish` or `undo` before the string is read;
/// until then the bytes after what was written are undefined.
class json_writer {
 public:
  /// So many bytes are always writable: one escape and copy_plain's overrun.
  static constexpr size_t slack = 32;

  /// `bytes_expected`: how much will be written if nothing needs an escape.
  json_writer(std::string& out, size_t bytes_expected) : out_(out), begin_(out.size()) {
    out_.resize(begin_ + bytes_expected + slack);
    at_ = out_.data() + begin_;
  }

  /// Afterwards `bytes` bytes, and `slack` more, can be written at at().
  void reserve(size_t bytes) {
    if (static_cast<size_t>(out_.data() + out_.size() - at_) < bytes + slack)
      grow(bytes);
  }
  char* at() noexcept { return at_; }
  void wrote(size_t bytes) noexcept { at_ += bytes; }

  void raw(std::string_view text) {
    reserve(text.size());
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  /// Writes one byte as an escape: at most 6 bytes, out of the slack.
  void escape(char c) noexcept;
  /// Writes `text` as the inside of a JSON string.
  void escaped(std::string_view text);

  void finish() { out_.resize(static_cast<size_t>(at_ - out_.data())); }
  void undo() { out_.resize(begin_); }

 private:
  void grow(size_t bytes);

  std::string& out_;
  size_t begin_;
  char* at_ = nullptr;
};

/// Appends `text` as the inside of a JSON string: quotes, backslashes and control bytes
/// escaped (RFC 8259 §7). `text` must be valid UTF-8.
void append_json_escaped(std::string& out, std::string_view text);

} // namespace weir
