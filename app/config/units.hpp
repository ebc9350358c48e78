// UNITS: amounts as an operator writes them: `100ms`, `64MiB`, `4096`. Nothing here looks
// at the locale.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace weir {

/// The error is what was expected, to be put after the value: `"64" has no unit: write
/// 64MiB …`.
template <class T>
using parsed = tl::expected<T, std::string>;

/// A whole number and ms, s, m, h or d.
parsed<std::chrono::milliseconds> parse_duration(std::string_view text);
/// A whole number and B, KiB, MiB, GiB or TiB.
parsed<uint64_t> parse_bytes(std::string_view text);
/// A whole number without a unit.
parsed<uint64_t> parse_count(std::string_view text);
/// A finite decimal number.
parsed<double> parse_real(std::string_view text);
/// RFC 3339 (`2024-05-17T10:05:03Z`, fractions and offsets allowed), or a date alone
/// (midnight UTC), as unix microseconds. Years 1970 … 9999.
parsed<int64_t> parse_rfc3339_us(std::string_view text);

/// Uses the largest unit that gives a whole number: 90000ms is `90s`, 65536 is `64KiB`.
std::string format_duration(std::chrono::milliseconds value);
std::string format_bytes(uint64_t bytes);
/// Shortest text that reads back as the same number.
std::string format_real(double value);
/// `2024-05-17T10:05:03.123456Z`
std::string format_rfc3339_us(int64_t unix_us);

/// At most `bytes_max` bytes of `text`, fit for a terminal: control bytes escaped, cut
/// between characters.
std::string one_line(std::string_view text, size_t bytes_max = 512);
/// The same in quotes, at most about 80 bytes of it.
std::string in_quotes(std::string_view text);

} // namespace weir
