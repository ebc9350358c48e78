#include "records/json/timestamp.hpp"

#include <algorithm>

namespace weir::steps {

namespace {

__extension__ using int128 = __int128; // nanoseconds of 10,000 years need 68 bits

constexpr int64_t seconds_per_day = 86'400;
constexpr int64_t first_second = -62'135'596'800; // 0001-01-01T00:00:00Z
constexpr int64_t last_second = 253'402'300'799;  // 9999-12-31T23:59:59Z

bool in_range(const civil_time& c) noexcept {
  return c.year >= 0 && c.year <= 9999 && c.month >= 1 && c.month <= 12 && c.day >= 1
         && c.day <= days_in_month(c.year, c.month) && c.hour >= 0 && c.hour <= 23
         && c.minute >= 0 && c.minute <= 59 && c.second >= 0 && c.second <= 60;
}

// Writes `width` digits, padded with zeros.
char* put_digits(char* out, uint64_t number, int width) noexcept {
  for (int i = width; i-- > 0; number /= 10)
    out[i] = static_cast<char>('0' + number % 10);
  return out + width;
}

// The inverse of days_from_civil, from the same source.
civil_time civil_from_days(int64_t days) noexcept {
  days += 719'468;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<int>(days - era * 146'097);
  const int year_of_era =
    (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int day_of_year =
    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int shifted = (5 * day_of_year + 2) / 153;
  civil_time civil;
  // The shifted year begins in March, so that a leap day is its last day.
  civil.day = day_of_year - (153 * shifted + 2) / 5 + 1;
  civil.month = shifted < 10 ? shifted + 3 : shifted - 9;
  civil.year = static_cast<int>(era * 400) + year_of_era + (civil.month <= 2 ? 1 : 0);
  return civil;
}

int64_t floor_div(int64_t a, int64_t b) noexcept {
  return a / b - (a % b < 0 ? 1 : 0);
}

char* put_seconds(char* out, int64_t seconds) noexcept {
  const int64_t days = floor_div(seconds, seconds_per_day);
  // Before 1970 days are negative, but the second of the day is not: floor_div rounds down.
  const auto of_day = static_cast<uint64_t>(seconds - days * seconds_per_day);
  const civil_time date = civil_from_days(days);
  out = put_digits(out, static_cast<uint64_t>(date.year), 4);
  *out++ = '-';
  out = put_digits(out, static_cast<uint64_t>(date.month), 2);
  *out++ = '-';
  out = put_digits(out, static_cast<uint64_t>(date.day), 2);
  *out++ = 'T';
  out = put_digits(out, of_day / 3600, 2);
  *out++ = ':';
  out = put_digits(out, of_day / 60 % 60, 2);
  *out++ = ':';
  return put_digits(out, of_day % 60, 2);
}

char* put_fraction(char* out, uint32_t nanoseconds, int digits) noexcept {
  *out++ = '.';
  for (int i = digits; i < 9; ++i)
    nanoseconds /= 10;
  return put_digits(out, nanoseconds, digits);
}

std::string_view written(const rfc3339_buffer& buffer, char* end) noexcept {
  *end++ = 'Z';
  return {buffer.data(), static_cast<size_t>(end - buffer.data())};
}

// Takes `.` and digits off the front of `text`, if they are there, as nanoseconds. False: a
// lone dot.
bool take_fraction(std::string_view& text, uint32_t& nanoseconds) noexcept {
  if (text.empty() || text.front() != '.')
    return true;
  size_t digits = 1;
  uint32_t scale = 100'000'000;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    nanoseconds += static_cast<uint32_t>(text[digits] - '0') * scale;
    scale /= 10;
  }
  text.remove_prefix(digits);
  return digits > 1;
}

// Reads `Z` or `±hh:mm`, which must be all of `text`.
bool take_offset(std::string_view text, int& offset_seconds) noexcept {
  if (text == "Z" || text == "z")
    return true;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
    return false;
  const int hours = digits_of(text.substr(1, 2));
  const int minutes = digits_of(text.substr(4, 2));
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
    return false;
  offset_seconds = (hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
  return true;
}

/// The number `digits` times ten to the `power`; `power` is below 0 only if that is no whole
/// number.
struct decimal {
  int128 digits = 0;
  int64_t power = 0;
  bool negative = false;
};

/// Takes an exponent off `text`: up to 9 digits, with a sign or without.
std::optional<int64_t> take_exponent(std::string_view& text) noexcept {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+'))
    text.remove_prefix(1);
  const size_t size = std::min(text.find_first_not_of("0123456789"), text.size());
  const int value = digits_of(text.substr(0, size));
  text.remove_prefix(size);
  return value < 0 ? std::nullopt : std::optional<int64_t>(negative ? -value : value);
}

/// Reads `-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?` with at most 29 digits that count.
std::optional<decimal> read_decimal(std::string_view text) noexcept {
  constexpr auto digits_max =
    static_cast<int128>(10'000'000'000'000'000) * 1'000'000'000'000;
  decimal made;
  made.negative = text.starts_with('-');
  if (made.negative)
    text.remove_prefix(1);
  size_t zeros = 0; // they count only if another digit follows
  const auto take_digits = [&](bool fraction) {
    size_t size = 0;
    for (; size < text.size() && text[size] >= '0' && text[size] <= '9'; ++size) {
      made.power -= fraction ? 1 : 0;
      if (text[size] == '0') {
        zeros += made.digits > 0 ? 1 : 0;
        continue;
      }
      for (++zeros; zeros > 0; --zeros) {
        if (made.digits > digits_max)
          return false;
        made.digits *= 10;
      }
      made.digits += text[size] - '0';
    }
    text.remove_prefix(size);
    return size > 0;
  };
  if (!take_digits(false))
    return std::nullopt;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!take_digits(true))
      return std::nullopt;
  }
  made.power += static_cast<int64_t>(zeros);
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    const auto exponent = take_exponent(text);
    if (!exponent)
      return std::nullopt;
    made.power += *exponent;
  }
  if (made.digits == 0)
    made.power = 0;
  return text.empty() ? std::optional{made} : std::nullopt;
}

std::optional<instant> checked(int64_t seconds, uint32_t nanoseconds) noexcept {
  if (seconds < first_second || seconds > last_second)
    return std::nullopt;
  return instant{seconds, nanoseconds};
}

} // namespace

bool is_leap_year(int year) noexcept {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int days_in_month(int year, int month) noexcept {
  static constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

int64_t days_from_civil(int year, int month, int day) noexcept {
  const int shifted = month <= 2 ? year - 1 : year;
  const int era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  const int year_of_era = shifted - era * 400;
  const int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const int day_of_era =
    year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return int64_t{era} * 146'097 + day_of_era - 719'468;
}

std::optional<instant> to_instant(const civil_time& civil) noexcept {
  if (!in_range(civil))
    return std::nullopt;
  const int64_t days = days_from_civil(civil.year, civil.month, civil.day);
  const int64_t seconds = days * seconds_per_day + civil.hour * 3600 + civil.minute * 60
                          + civil.second - civil.offset_seconds;
  return checked(seconds, civil.nanoseconds);
}

std::string_view to_rfc3339(const instant& at, rfc3339_buffer& buffer) noexcept {
  char* end = put_seconds(buffer.data(), at.seconds);
  if (at.nanoseconds % 1000)
    end = put_fraction(end, at.nanoseconds, 9);
  else if (at.nanoseconds % 1'000'000)
    end = put_fraction(end, at.nanoseconds, 6);
  else if (at.nanoseconds)
    end = put_fraction(end, at.nanoseconds, 3);
  return written(buffer, end);
}

std::string_view micros_to_rfc3339(int64_t unix_us, rfc3339_buffer& buffer) noexcept {
  const int64_t seconds = floor_div(unix_us, 1'000'000);
  const auto micros = static_cast<uint32_t>(unix_us - seconds * 1'000'000);
  char* const end = put_seconds(buffer.data(), seconds);
  return written(buffer, put_fraction(end, micros * 1000, 6));
}

std::optional<instant> from_rfc3339(std::string_view text) noexcept {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':'
      || text[16] != ':' || (text[10] != 'T' && text[10] != 't' && text[10] != ' '))
    return std::nullopt;
  civil_time c;
  c.year = digits_of(text.substr(0, 4));
  c.month = digits_of(text.substr(5, 2));
  c.day = digits_of(text.substr(8, 2));
  c.hour = digits_of(text.substr(11, 2));
  c.minute = digits_of(text.substr(14, 2));
  c.second = digits_of(text.substr(17, 2));
  // What was no number is -1 by now, which to_instant() refuses.
  text.remove_prefix(19);
  if (!take_fraction(text, c.nanoseconds) || !take_offset(text, c.offset_seconds))
    return std::nullopt;
  return to_instant(c);
}

std::optional<instant> from_unix(std::string_view text, unix_unit unit) noexcept {
  static constexpr int64_t to_nanoseconds[] = {9, 6, 3, 0}; // powers of ten
  const auto number = read_decimal(text);
  if (!number || (number->power < 0 && unit != unix_unit::seconds))
    return std::nullopt;
  int128 nanoseconds = number->digits;
  int64_t power = number->power + to_nanoseconds[static_cast<size_t>(unit)];
  if (power < 0)
    return std::nullopt;
  constexpr auto limit = static_cast<int128>(last_second + 1) * 1'000'000'000;
  for (; power > 0 && nanoseconds != 0 && nanoseconds <= limit; --power)
    nanoseconds *= 10;
  if (nanoseconds > limit)
    return std::nullopt;
  if (number->negative)
    nanoseconds = -nanoseconds;
  const auto below = static_cast<int64_t>(nanoseconds % 1'000'000'000);
  const auto whole = static_cast<int64_t>(nanoseconds / 1'000'000'000);
  // -1.25 is 0.75 s after -2
  return below < 0 ? checked(whole - 1, static_cast<uint32_t>(below + 1'000'000'000))
                   : checked(whole, static_cast<uint32_t>(below));
}

std::optional<instant> from_unix_parts(int64_t seconds, bool negative,
                                       uint32_t nanoseconds) noexcept {
  return negative && nanoseconds > 0 ? checked(seconds - 1, 1'000'000'000 - nanoseconds)
                                     : checked(seconds, nanoseconds);
}

int month_of(std::string_view name) noexcept {
  static constexpr std::string_view names = "janfebmaraprmayjunjulaugsepoctnovdec";
  if (name.size() < 3)
    return 0;
  const char lower[3] = {static_cast<char>(name[0] | 0x20),
                         static_cast<char>(name[1] | 0x20),
                         static_cast<char>(name[2] | 0x20)};
  for (size_t i = 0; i < names.size(); i += 3)
    if (names[i] == lower[0] && names[i + 1] == lower[1] && names[i + 2] == lower[2])
      return static_cast<int>(i / 3) + 1;
  return 0;
}

int digits_of(std::string_view text) noexcept {
  if (text.empty() || text.size() > 9)
    return -1;
  int number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9')
      return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

} // namespace weir::steps
