// WIRE WORDS: which names, numbers and texts a certified peer may send. A certificate says who a
// node is, not that it runs without a fault: what goes on into files, tables and answers must
// follow the rules of the configuration, and is checked here, where it enters. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

/// 9999-12-31T23:59:59.999999Z in unix microseconds: the last time every sink can write.
inline constexpr int64_t unix_us_max = 253'402'300'799'999'999;
/// Records and lines of one request: up to here counters can't overflow.
inline constexpr uint64_t position_max = uint64_t{1} << 53;

/// A stream's name: ^[a-z0-9][a-z0-9_-]{0,63}$, as config.md says.
inline bool is_stream_name(std::string_view text) noexcept {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= 64 && plain(text.front())
         && std::all_of(text.begin(), text.end(),
                        [&](char c) { return plain(c) || c == '_' || c == '-'; });
}

/// A node's name: ^[A-Za-z0-9._-]{1,64}$.
inline bool is_peer_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64
         && std::all_of(text.begin(), text.end(), [](char c) {
              return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                     || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
            });
}

/// Printable ASCII without what JSON and SQL escape; it may be empty.
inline bool is_plain_text(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < '\x7f' && c != '"' && c != '\\' && c != '\'';
  });
}

/// At most `bytes_max` bytes of `text`, without a UTF-8 sequence cut in two.
inline std::string_view cut_text(std::string_view text, size_t bytes_max) noexcept {
  if (text.size() <= bytes_max)
    return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80)
    --bytes_max;
  return text.substr(0, bytes_max);
}

} // namespace weir
