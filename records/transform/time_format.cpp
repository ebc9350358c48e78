#include "records/transform/time_format.hpp"

#include "base/text.hpp"
#include "records/json/text.hpp"

#include <array>
#include <charconv>

namespace weir::steps {

namespace {

constexpr std::string_view conversions = "YymdeHMSjbBhaAfszZ";

constexpr std::array<std::string_view, 12> month_names = {
  "january", "february", "march",     "april",   "may",      "june",
  "july",    "august",   "september", "october", "november", "december"};
constexpr std::array<std::string_view, 7> day_names = {
  "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

constexpr bool is_white(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool starts_with_any_case(std::string_view text, std::string_view lower) noexcept {
  if (text.size() < lower.size())
    return false;
  for (size_t i = 0; i < lower.size(); ++i)
    if ((text[i] | 0x20) != lower[i])
      return false;
  return true;
}

// Takes a name, long or three letters, off the front of `text`. Its index from 1, 0 if there is
// none.
template <size_t Count>
int take_name(std::string_view& text,
              const std::array<std::string_view, Count>& names) noexcept {
  for (size_t i = 0; i < Count; ++i)
    for (const auto name : {names[i], names[i].substr(0, 3)})
      if (starts_with_any_case(text, name)) {
        text.remove_prefix(name.size());
        return static_cast<int>(i) + 1;
      }
  return 0;
}

} // namespace

// Holds what has been understood so far.
struct time_format::reading {
  std::string_view rest;
  civil_time civil;
  int day_of_year = 0; ///< 0 if it was not given
  std::optional<int64_t> unix_seconds;
  bool before_1970 = false; ///< the sign of unix_seconds, which -0 has too
  bool ok = true;

  void skip_white() noexcept {
    while (!rest.empty() && is_white(rest.front()))
      rest.remove_prefix(1);
  }
  // Takes `at_least` to `at_most` digits off the front; `taken` says how many there were.
  int number(size_t at_least, size_t at_most, size_t& taken) noexcept {
    taken = 0;
    while (taken < at_most && taken < rest.size() && is_digit(rest[taken]))
      ++taken;
    ok = ok && taken >= at_least;
    const int value = digits_of(rest.substr(0, taken));
    rest.remove_prefix(taken);
    return value;
  }
  int number(size_t at_least, size_t at_most) noexcept {
    size_t taken = 0;
    return number(at_least, at_most, taken);
  }
  void fraction(int width) noexcept {
    size_t taken = 0;
    const auto exact = static_cast<size_t>(width);
    int value = number(width ? exact : 1, width ? exact : 9, taken);
    for (size_t i = taken; i < 9; ++i)
      value *= 10;
    if (ok)
      civil.nanoseconds = static_cast<uint32_t>(value);
    // Digits after the ninth are dropped, as from_rfc3339() does.
    while (!width && !rest.empty() && is_digit(rest.front()))
      rest.remove_prefix(1);
  }
  void offset() noexcept;
  void zone_name() noexcept;
  void unix_number() noexcept;
  std::optional<instant> finish() noexcept;
};

void time_format::reading::offset() noexcept {
  if (!rest.empty() && (rest.front() | 0x20) == 'z') {
    rest.remove_prefix(1);
    return;
  }
  ok = ok && !rest.empty() && (rest.front() == '+' || rest.front() == '-');
  if (!ok)
    return;
  const int sign = rest.front() == '-' ? -1 : 1;
  rest.remove_prefix(1);
  const int hours = number(2, 2);
  int minutes = 0;
  const bool colon = !rest.empty() && rest.front() == ':';
  // The minutes may be missing, but not after a colon.
  if (colon)
    rest.remove_prefix(1);
  if (colon || (!rest.empty() && is_digit(rest.front())))
    minutes = number(2, 2);
  ok = ok && hours <= 23 && minutes <= 59;
  civil.offset_seconds = sign * (hours * 3600 + minutes * 60);
}

void time_format::reading::zone_name() noexcept {
  for (const std::string_view name : {"utc", "gmt", "z"})
    if (starts_with_any_case(rest, name)) {
      rest.remove_prefix(name.size());
      return;
    }
  ok = false;
}

void time_format::reading::unix_number() noexcept {
  int64_t number = 0;
  const auto [end, error] =
    std::from_chars(rest.data(), rest.data() + rest.size(), number);
  ok = ok && error == std::errc{};
  unix_seconds = number;
  before_1970 = rest.starts_with('-');
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
}

std::optional<instant> time_format::reading::finish() noexcept {
  if (!ok || !rest.empty())
    return std::nullopt;
  if (unix_seconds)
    // %s is the whole time in UTC: other parts of it, but the fraction, don't count.
    return from_unix_parts(*unix_seconds, before_1970, civil.nanoseconds);
  if (day_of_year) {
    if (day_of_year > 365 + (is_leap_year(civil.year) ? 1 : 0))
      return std::nullopt;
    civil.month = 1;
    while (day_of_year > days_in_month(civil.year, civil.month))
      day_of_year -= days_in_month(civil.year, civil.month++);
    civil.day = day_of_year;
  }
  return to_instant(civil);
}

void time_format::read_part(const part& p, reading& r) noexcept {
  switch (p.conversion) {
  case 0:
    r.ok = r.ok && !r.rest.empty() && r.rest.front() == p.literal;
    if (r.ok)
      r.rest.remove_prefix(1);
    break;
  case ' ':
    r.skip_white();
    break;
  case 'Y':
    r.civil.year = r.number(4, 4);
    break;
  case 'y': {
    const int year = r.number(2, 2);
    // POSIX: 69 to 99 are the last century's.
    r.civil.year = year + (year >= 69 ? 1900 : 2000);
    break;
  }
  case 'm':
    r.civil.month = r.number(1, 2);
    break;
  case 'e':
    r.skip_white();
    [[fallthrough]];
  case 'd':
    r.civil.day = r.number(1, 2);
    break;
  case 'H':
    r.civil.hour = r.number(1, 2);
    break;
  case 'M':
    r.civil.minute = r.number(1, 2);
    break;
  case 'S':
    r.civil.second = r.number(1, 2);
    break;
  case 'j':
    r.day_of_year = r.number(1, 3);
    r.ok = r.ok && r.day_of_year > 0;
    break;
  case 'b':
  case 'B':
  case 'h':
    r.civil.month = take_name(r.rest, month_names);
    r.ok = r.ok && r.civil.month > 0;
    break;
  case 'a':
  case 'A':
    r.ok = take_name(r.rest, day_names) > 0 && r.ok;
    break;
  case 'f':
    r.fraction(p.width);
    break;
  case 's':
    r.unix_number();
    break;
  case 'z':
    r.offset();
    break;
  case 'Z':
    r.zone_name();
    break;
  }
}

std::optional<instant> time_format::parse(std::string_view text) const noexcept {
  reading r;
  r.rest = text;
  for (const auto& p : parts_) {
    read_part(p, r);
    if (!r.ok)
      return std::nullopt;
  }
  return r.finish();
}

bool time_format::has(char conversion) const noexcept {
  for (const auto& p : parts_)
    if (p.conversion == conversion)
      return true;
  return false;
}

bool time_format::names_a_date() const noexcept {
  const bool year = has('Y') || has('y');
  const bool month = has('m') || has('b') || has('B') || has('h');
  const bool day = has('d') || has('e');
  return has('s') || (year && (has('j') || (month && day)));
}

result<time_format> time_format::compile(std::string_view format) {
  time_format compiled;
  std::string text;
  for (size_t i = 0; i < format.size(); ++i) { // spells out the two abbreviations
    const auto two = format.substr(i, 2);
    const bool known = two == "%T" || two == "%F" || two == "%%";
    text += two == "%T"   ? "%H:%M:%S"
            : two == "%F" ? "%Y-%m-%d"
            : known       ? "%%"
                          : format.substr(i, 1);
    i += known ? 1 : 0;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    part p;
    if (is_white(text[i])) {
      p.conversion = ' ';
    } else if (text[i] != '%' || text.substr(i, 2) == "%%") {
      p.literal = text[i];
      i += text[i] == '%' ? 1 : 0;
    } else {
      if (++i < text.size() && text[i] >= '1' && text[i] <= '9')
        p.width = text[i++] - '0';
      if (i >= text.size() || conversions.find(text[i]) == std::string_view::npos
          || (p.width && text[i] != 'f'))
        return fail(ec::invalid_config,
                    "time format " + echo(format)
                      + " has a conversion that is "
                        "none of %Y %y %m %d %e %H %M %S %j %b %B %h %a %A %f %3f "
                        "%s %z %Z %T %F %%");
      p.conversion = text[i];
    }
    compiled.parts_.push_back(p);
  }
  if (!compiled.names_a_date())
    return fail(ec::invalid_config,
                "time format " + echo(format)
                  + " names no date: it needs a year, a month and a day (or "
                    "%j), or %s");
  return compiled;
}

} // namespace weir::steps
