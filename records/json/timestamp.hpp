// Reads and writes points in time: RFC 3339 in and out, unix numbers, and the calendar between
// them. It uses no locale, no time zone database and no libc clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::steps {

/// A unix time between 0001-01-01 and 9999-12-31 UTC.
struct instant {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0; ///< below 1e9
  bool operator==(const instant&) const = default;
};

/// What a clock on a wall shows: date, time of day and how far it is ahead of UTC.
struct civil_time {
  int year = 1970;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0; ///< 60 is a leap second, taken as the second after it
  uint32_t nanoseconds = 0;
  int offset_seconds = 0; ///< ahead of UTC; positive in the east
};

bool is_leap_year(int year) noexcept;
int days_in_month(int year, int month) noexcept;
/// The days since 1970-01-01. Source: Howard Hinnant, "chrono-compatible low-level date
/// algorithms".
int64_t days_from_civil(int year, int month, int day) noexcept;

/// Nothing when a part is out of its range, or the year is once it is in UTC.
std::optional<instant> to_instant(const civil_time& civil) noexcept;

using rfc3339_buffer = std::array<char, 40>;
/// Writes `2015-05-17T10:05:03Z`, with 3, 6 or 9 digits of fraction when there is one. The
/// text is in `buffer`.
std::string_view to_rfc3339(const instant& at, rfc3339_buffer& buffer) noexcept;
/// Writes the same with always 6 digits of fraction.
std::string_view micros_to_rfc3339(int64_t unix_us, rfc3339_buffer& buffer) noexcept;

/// Reads RFC 3339 §5.6 (`T` may be a space); a fraction's digits after the ninth are dropped.
std::optional<instant> from_rfc3339(std::string_view text) noexcept;

enum class unix_unit : uint8_t { seconds, milliseconds, microseconds, nanoseconds };
/// Reads a decimal number by its value: `1.7e9` is 1700000000. Only seconds may have a
/// fraction, and it must be whole nanoseconds.
std::optional<instant> from_unix(std::string_view text, unix_unit unit) noexcept;
/// Takes a number's whole seconds, its sign (zero has one too) and its fraction.
std::optional<instant> from_unix_parts(int64_t seconds, bool negative,
                                       uint32_t nanoseconds) noexcept;

/// The number of an English month by its first three letters in any case, 1 to 12; 0: none.
int month_of(std::string_view name) noexcept;

/// All of `text` (1 to 9 digits) as a number, or -1.
int digits_of(std::string_view text) noexcept;

} // namespace weir::steps
