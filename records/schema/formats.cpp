#include "records/schema/formats.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace weir::schema_detail {

namespace {

constexpr std::array<format, 9> formats{{
  {"date-time", is_date_time, "an RFC 3339 date-time"},
  {"date", is_date, "an RFC 3339 date"},
  {"time", is_time, "an RFC 3339 time with offset"},
  {"email", is_email, "an e-mail address"},
  {"ipv4", is_ipv4, "an IPv4 address"},
  {"ipv6", is_ipv6, "an IPv6 address"},
  {"uuid", is_uuid, "a UUID"},
  {"uri", is_uri, "a URI with a scheme"},
  {"hostname", is_hostname, "a host name"},
}};

/// The number of the two digits at `at`, or one that is too large for any use of it.
constexpr uint32_t pair(std::string_view text, size_t at) noexcept {
  if (!is_digit(text[at]) || !is_digit(text[at + 1]))
    return 1000;
  return static_cast<uint32_t>(text[at] - '0') * 10
         + static_cast<uint32_t>(text[at + 1] - '0');
}

uint32_t days_in(uint32_t year, uint32_t month) noexcept {
  static constexpr uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

/// Reads `Z` or `±hh:mm` as minutes east of UTC. Nothing for any other text.
std::optional<int> offset_minutes(std::string_view text) noexcept {
  if (text.size() == 1)
    return text[0] == 'Z' || text[0] == 'z' ? std::optional{0} : std::nullopt;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
    return std::nullopt;
  const uint32_t hour = pair(text, 1);
  const uint32_t minute = pair(text, 4);
  if (hour > 23 || minute > 59)
    return std::nullopt;
  const int total = static_cast<int>(hour * 60 + minute);
  return text[0] == '-' ? -total : total;
}

} // namespace

const format* find_format(std::string_view name) noexcept {
  const auto found = std::find_if(formats.begin(), formats.end(),
                                  [&](const format& f) { return f.name == name; });
  return found == formats.end() ? nullptr : &*found;
}

std::string_view format_names() noexcept {
  return "date-time, date, time, email, ipv4, ipv6, uuid, uri, hostname";
}

bool is_date(std::string_view text) noexcept {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-')
    return false;
  const uint32_t century = pair(text, 0);
  const uint32_t rest = pair(text, 2);
  const uint32_t month = pair(text, 5);
  const uint32_t day = pair(text, 8);
  if (century > 99 || rest > 99 || month < 1 || month > 12 || day < 1)
    return false;
  return day <= 28 || day <= days_in(century * 100 + rest, month);
}

bool is_time(std::string_view text) noexcept {
  if (text.size() < 9 || text[2] != ':' || text[5] != ':')
    return false;
  const uint32_t hour = pair(text, 0);
  const uint32_t minute = pair(text, 3);
  const uint32_t second = pair(text, 6);
  if (hour > 23 || minute > 59 || second > 60)
    return false;
  size_t at = 8;
  if (text[at] == '.') {
    while (++at < text.size() && is_digit(text[at])) {
    }
    if (at == 9)
      return false;
  }
  const auto offset = offset_minutes(text.substr(at));
  if (!offset)
    return false;
  const int utc = (static_cast<int>(hour * 60 + minute) - *offset + 2 * 1440) % 1440;
  return second < 60 || utc == 1439; // leap seconds are inserted at the end of a UTC day
}

bool is_date_time(std::string_view text) noexcept {
  return text.size() > 11 && (text[10] == 'T' || text[10] == 't')
         && is_date(text.substr(0, 10)) && is_time(text.substr(11));
}

bool is_uuid(std::string_view text) noexcept {
  if (text.size() != 36)
    return false;
  for (size_t i = 0; i < 36; ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const auto lower = static_cast<char>(c | 0x20);
    if (dash ? c != '-' : !is_digit(c) && (lower < 'a' || lower > 'f'))
      return false;
  }
  return true;
}

} // namespace weir::schema_detail
