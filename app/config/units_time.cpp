// RFC 3339 in both directions, over std::chrono's civil calendar: no locale, no time zone
// database.
#include "app/config/units.hpp"

#include <charconv>

#include <fmt/format.h>

namespace weir {
namespace {

constexpr int64_t second_us = 1'000'000;

/// Takes fields off the front of a text; `ok` turns false at the first surprise and stays
/// so.
struct field_reader {
  std::string_view rest;
  bool ok = true;

  int digits(size_t count) {
    int value = 0;
    if (rest.size() < count)
      return fail();
    for (const char c : rest.substr(0, count)) {
      if (c < '0' || c > '9')
        return fail();
      value = value * 10 + (c - '0');
    }
    rest.remove_prefix(count);
    return value;
  }
  void literal(char expected) {
    if (rest.empty() || rest.front() != expected)
      fail();
    else
      rest.remove_prefix(1);
  }
  bool take(std::string_view any_of) {
    if (rest.empty() || any_of.find(rest.front()) == any_of.npos)
      return false;
    rest.remove_prefix(1);
    return true;
  }
  int fail() {
    ok = false;
    return 0;
  }
};

int64_t fraction_us(field_reader& in) {
  if (!in.take("."))
    return 0;
  int64_t value = 0;
  size_t digits = 0;
  for (; !in.rest.empty() && in.rest.front() >= '0' && in.rest.front() <= '9'; ++digits) {
    // Digits beyond the microseconds are read and dropped.
    if (digits < 6)
      value = value * 10 + (in.rest.front() - '0');
    in.rest.remove_prefix(1);
  }
  if (digits == 0)
    in.fail();
  for (; digits < 6; ++digits)
    value *= 10;
  return value;
}

int64_t offset_us(field_reader& in) {
  if (in.take("Zz"))
    return 0;
  const bool east = !in.rest.empty() && in.rest.front() == '+';
  if (!in.take("+-")) {
    in.fail();
    return 0;
  }
  const int hours = in.digits(2);
  in.literal(':');
  const int minutes = in.digits(2);
  if (hours > 23 || minutes > 59)
    in.fail();
  // East of Greenwich clocks are ahead: the caller subtracts the offset.
  return (east ? 1 : -1) * (hours * 3600 + minutes * 60) * second_us;
}

int64_t time_of_day_us(field_reader& in) {
  if (!in.take("Tt ")) {
    in.fail();
    return 0;
  }
  const int hour = in.digits(2);
  in.literal(':');
  const int minute = in.digits(2);
  in.literal(':');
  const int second = in.digits(2);
  // A leap second is allowed and counts as the first second after it.
  if (hour > 23 || minute > 59 || second > 60)
    in.fail();
  const int64_t fraction = fraction_us(in);
  return (hour * 3600 + minute * 60 + second) * second_us + fraction - offset_us(in);
}

} // namespace

parsed<int64_t> parse_rfc3339_us(std::string_view text) {
  field_reader in{text};
  const int year = in.digits(4);
  in.literal('-');
  const int month = in.digits(2);
  in.literal('-');
  const int day = in.digits(2);
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  int64_t us = 0;
  // A date alone is midnight UTC.
  if (in.ok && !in.rest.empty())
    us = time_of_day_us(in);
  if (!in.ok || !in.rest.empty() || !date.ok() || year < 1970)
    return tl::unexpected(
      std::string{"expected a time like 2024-05-17T10:05:03Z or a date like 2024-05-17"});
  return us + std::chrono::sys_days{date}.time_since_epoch().count() * 86'400 * second_us;
}

std::string format_rfc3339_us(int64_t unix_us) {
  const std::chrono::sys_time<std::chrono::microseconds> time{
    std::chrono::microseconds{unix_us}};
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss clock{time - days};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
                     static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

} // namespace weir
