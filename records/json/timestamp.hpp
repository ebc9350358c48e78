// Points in time as text: RFC 3339 in and out, unix numbers, and the calendar between
// them. No locale, no time zone database, no libc clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::steps {

/// Unix time. Between 0001-01-01 and 9999-12-31 UTC.
struct instant {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0; ///< below 1e9
  bool operator==(const instant&) const = default;
};

/// A clock on a wall: date, time of day and how far ahead of UTC.
struct civil_time {
  int year = 1970;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0; ///< 60 is a leap second, taken as the second behind it
  uint32_t nanoseconds = 0;
  int offset_seconds = 0; ///< of its zone, east positive
};

bool is_leap_year(int year) noexcept;
int days_in_month(int year, int month) noexcept;
/// Days since 1970-01-01. Source: Howard Hinnant, "chrono-compatible low-level date
/// algorithms".
int64_t days_from_civil(int year, int month, int day) noexcept;

/// Nothing when a part is out of its range or the year is, in UTC.
std::optional<instant> to_instant(const civil_time& civil) noexcept;

using rfc3339_buffer = std::array<char, 40>;
/// `2015-05-17T10:05:03Z`, with 3, 6 or 9 digits of fraction when there is one. The text
/// is in `buffer`.
std::string_view to_rfc3339(const instant& at, rfc3339_buffer& buffer) noexcept;
/// The same with always 6 digits of fraction.
std::string_view micros_to_rfc3339(int64_t unix_us, rfc3339_buffer& buffer) noexcept;

/// RFC 3339 §5.6 (`T` may be a space); digits behind the ninth of a fraction are dropped.
std::optional<instant> from_rfc3339(std::string_view text) noexcept;

enum class unix_unit : uint8_t { seconds, milliseconds, microseconds, nanoseconds };
/// A decimal number, taken by its value: `1.7e9` is 1700000000. Only seconds may have a
/// fraction, of whole nanoseconds.
std::optional<instant> from_unix(std::string_view text, unix_unit unit) noexcept;
/// The whole seconds of a number, its sign, which zero has too, and its fraction.
std::optional<instant> from_unix_parts(int64_t seconds, bool negative,
                                       uint32_t nanoseconds) noexcept;

/// English month by its first three letters in any case, 1 to 12; 0 if it is none.
int month_of(std::string_view name) noexcept;

/// All of `text` (1 to 9 digits) as a number, or -1.
int digits_of(std::string_view text) noexcept;

} // namespace weir::steps
