#include "records/json/limits.hpp"

#include "records/json/scan.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace weir {

namespace {

constexpr std::string_view number_bytes = "0123456789+-.eE";

// The offset after the string whose opening quote is at `at`.
size_t behind_string(std::string_view json, size_t at) noexcept {
  for (++at; at < json.size() && json[at] != '"'; ++at)
    at += json[at] == '\\' ? 1 : 0;
  return at + 1;
}

template <class Integer>
bool fits(std::string_view digits) noexcept {
  Integer value = 0;
  return std::from_chars(digits.data(), digits.data() + digits.size(), value).ec
         == std::errc{};
}

// The exponent of a number, 0 if it has none. One that is itself out of range is replaced by
// another large one: the number is too large or too small either way.
int64_t exponent_of(std::string_view number) noexcept {
  auto digits =
    number.substr(std::min(number.find_first_of("eE"), number.size() - 1) + 1);
  digits.remove_prefix(digits.starts_with('+') ? 1 : 0);
  int64_t value = 0;
  const auto end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, value).ec == std::errc::result_out_of_range)
    return digits.starts_with('-') ? INT64_MIN / 2 : INT64_MAX / 2;
  return value;
}

// True if a number that no double comes near is too large, not too small. The place of its
// first digit that is not 0, before or after the point, tells.
bool is_large(std::string_view number) noexcept {
  const auto digits = number.substr(0, number.find_first_of("eE"));
  const auto point = static_cast<int64_t>(std::min(digits.find('.'), digits.size()));
  const auto first = digits.find_first_of("123456789");
  return first != digits.npos
         && point - static_cast<int64_t>(first) + exponent_of(number) > 0;
}

} // namespace

bool nests_deeper(std::string_view json, size_t levels) noexcept {
  size_t open = 0;
  for (size_t at = 0; at < json.size();) {
    const char c = json[at];
    if (c == '"') {
      at = behind_string(json, at);
      continue;
    }
    // In text that is no JSON too many brackets may close: they count for nothing.
    if ((c == '{' || c == '[') && ++open > levels)
      return true;
    open -= (c == '}' || c == ']') && open > 0 ? 1 : 0;
    ++at;
  }
  return false;
}

bool is_held(std::string_view number) noexcept {
  return steps::is_json_integer(number) ? fits<int64_t>(number) || fits<uint64_t>(number)
                                        : read_double(number).has_value();
}

std::optional<double> read_double(std::string_view number) noexcept {
  double value = 0;
  const auto [end, error] =
    std::from_chars(number.data(), number.data() + number.size(), value);
  if (end != number.data() + number.size() || error == std::errc::invalid_argument)
    return std::nullopt;
  if (error == std::errc{})
    return std::isfinite(value) ? std::optional{value} : std::nullopt;
  if (is_large(number))
    return std::nullopt;
  return number.starts_with('-') ? -0.0 : 0.0;
}

std::string_view find_unheld_number(std::string_view json) noexcept {
  for (size_t at = 0; at < json.size();) {
    const char c = json[at];
    if (c == '"') {
      at = behind_string(json, at);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
      const auto end = std::min(json.find_first_not_of(number_bytes, at), json.size());
      const auto number = json.substr(at, end - at);
      // What is no number of JSON is a mistake that others report.
      if (steps::is_json_number(number) && !is_held(number))
        return number;
      at = end;
    } else {
      ++at;
    }
  }
  return {};
}

} // namespace weir
