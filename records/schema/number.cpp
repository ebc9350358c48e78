#include "records/schema/number.hpp"

#include "records/json/limits.hpp"
#include "records/json/scan.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace weir::schema_detail {

namespace {

constexpr double two_63 = 9223372036854775808.0;
constexpr double two_64 = 18446744073709551616.0;

template <class Value>
int order(Value left, Value right) noexcept {
  return left < right ? -1 : left > right ? 1 : 0;
}

/// Truncates the double instead of rounding the integer: both its parts are representable, so
/// the comparison is exact.
int compare_real(int64_t left, double right) noexcept {
  if (right >= two_63)
    return -1;
  if (right < -two_63)
    return 1;
  const auto whole = static_cast<int64_t>(right);
  return left != whole ? order(left, whole)
                       : order(0.0, right - static_cast<double>(whole));
}

int compare_real(uint64_t left, double right) noexcept {
  if (right >= two_64)
    return -1;
  if (right < 0)
    return 1;
  const auto whole = static_cast<uint64_t>(right);
  return left != whole ? order(left, whole)
                       : order(0.0, right - static_cast<double>(whole));
}

int compare_real(const number& left, double right) noexcept {
  switch (left.what) {
  case number::kind::int64:
    return compare_real(left.i, right);
  case number::kind::uint64:
    return compare_real(left.u, right);
  case number::kind::real:
    return order(left.d, right);
  }
  return 0;
}

/// Precondition: `value` is of an integer kind.
uint64_t magnitude(const number& value) noexcept {
  if (value.what == number::kind::uint64)
    return value.u;
  return value.i < 0 ? uint64_t{0} - static_cast<uint64_t>(value.i)
                     : static_cast<uint64_t>(value.i);
}

double to_double(const number& value) noexcept {
  switch (value.what) {
  case number::kind::int64:
    return static_cast<double>(value.i);
  case number::kind::uint64:
    return static_cast<double>(value.u);
  case number::kind::real:
    return value.d;
  }
  return 0;
}

bool is_multiple_real(double value, double divisor) noexcept {
  const double quotient = value / divisor;
  if (!std::isfinite(quotient)) // it overflows, but the remainder is still exact
    return std::fmod(value, divisor) == 0;
  const double tolerance = 4 * std::numeric_limits<double>::epsilon();
  return std::abs(quotient - std::round(quotient)) <= tolerance * std::abs(quotient);
}

} // namespace

number number::of(uint64_t value) noexcept {
  if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return of(static_cast<int64_t>(value));
  number made;
  made.what = kind::uint64;
  made.u = value;
  return made;
}

number number::of(double value) noexcept {
  number made;
  made.what = kind::real;
  made.d = value;
  return made;
}

number number::of(simdjson::dom::element value) noexcept {
  switch (value.type()) {
  case simdjson::dom::element_type::INT64:
    return of(value.get_int64().value_unsafe());
  case simdjson::dom::element_type::UINT64:
    return of(value.get_uint64().value_unsafe());
  default:
    return of(value.get_double().value_unsafe());
  }
}

/// The digits and the power of ten are exact doubles, so their quotient is the double
/// nearest to the number (Clinger, "How to Read Floating Point Numbers Accurately", 1990).
std::optional<number> read_short_number(std::string_view text) noexcept {
  static constexpr std::array powers{1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                     1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
  const bool negative = text.starts_with('-');
  if (negative)
    text.remove_prefix(1);
  const bool zero_first = text.size() > 1 && text[0] == '0' && text[1] != '.';
  if (text.empty() || text.size() > 16 || zero_first)
    return std::nullopt;
  int64_t value = 0;
  size_t point = text.size();
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
    if (digit <= 9)
      value = value * 10 + digit;
    else if (text[i] == '.' && point == text.size() && i != 0)
      point = i;
    else
      return std::nullopt;
  }
  if (negative && value == 0) // -0.0 has a sign that `value` can't hold
    return std::nullopt;
  const int64_t whole = negative ? -value : value;
  if (point == text.size())
    return number::of(whole);
  const size_t decimals = text.size() - point - 1;
  if (decimals == 0)
    return std::nullopt;
  return number::of(static_cast<double>(whole) / powers[decimals]);
}

std::optional<number> read_number(std::string_view text) noexcept {
  if (const auto short_one = read_short_number(text))
    return short_one;
  if (steps::is_json_integer(text)) {
    const char* const end = text.data() + text.size();
    int64_t narrow = 0;
    if (std::from_chars(text.data(), end, narrow).ec == std::errc{})
      return number::of(narrow);
    uint64_t wide = 0;
    if (std::from_chars(text.data(), end, wide).ec == std::errc{})
      return number::of(wide);
    // A parser refuses such an integer; it doesn't make a double of it.
    return std::nullopt;
  }
  if (!steps::is_json_number(text))
    return std::nullopt;
  const auto real = read_double(text);
  return real ? std::optional{number::of(*real)} : std::nullopt;
}

int compare_mixed(const number& left, const number& right) noexcept {
  if (right.what == number::kind::real)
    return compare_real(left, right.d);
  if (left.what == number::kind::real)
    return -compare_real(right, left.d);
  if (left.what != right.what) // a uint64 kind is above every int64
    return left.what == number::kind::uint64 ? 1 : -1;
  return left.what == number::kind::int64 ? order(left.i, right.i)
                                          : order(left.u, right.u);
}

bool is_integral(double value) noexcept {
  return std::trunc(value) == value;
}

number normalized(const number& value) noexcept {
  if (value.what != number::kind::real || !is_integral(value.d))
    return value;
  if (value.d >= -two_63 && value.d < two_63)
    return number::of(static_cast<int64_t>(value.d));
  if (value.d > 0 && value.d < two_64)
    return number::of(static_cast<uint64_t>(value.d));
  return value;
}

bool is_multiple(const number& value, const number& divisor) noexcept {
  const number left = normalized(value);
  const number right = normalized(divisor);
  if (left.what != number::kind::real && right.what != number::kind::real)
    return magnitude(left) % magnitude(right) == 0;
  return is_multiple_real(to_double(left), to_double(right));
}

std::string_view to_text(const number& value, number_buffer& buffer) noexcept {
  char* const begin = buffer.data();
  char* const limit = begin + buffer.size();
  std::to_chars_result end{};
  // The longest, a double, has 24 characters: to_chars() can't fail.
  switch (value.what) {
  case number::kind::int64:
    end = std::to_chars(begin, limit, value.i);
    break;
  case number::kind::uint64:
    end = std::to_chars(begin, limit, value.u);
    break;
  case number::kind::real:
    end = std::to_chars(begin, limit, value.d);
    break;
  }
  return {begin, static_cast<size_t>(end.ptr - begin)};
}

std::string to_text(const number& value) {
  number_buffer buffer;
  return std::string{to_text(value, buffer)};
}

} // namespace weir::schema_detail
