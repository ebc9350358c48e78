// NUMBER: a JSON number as simdjson gives it, compared without losing a bit. 64-bit integers
// stay integers; only a number written with a fraction or an exponent is a double.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

namespace weir::schema_detail {

struct number {
  enum class kind : uint8_t { int64, uint64, real };

  /// uint64 only above INT64_MAX, so equal integers have equal kinds.
  kind what = kind::int64;
  union {
    int64_t i = 0;
    uint64_t u;
    double d;
  };

  static number of(int64_t value) noexcept {
    number made;
    made.i = value;
    return made;
  }
  static number of(uint64_t value) noexcept;
  static number of(double value) noexcept;
  /// Precondition: `value.is_number()`.
  static number of(simdjson::dom::element value) noexcept;
};

/// Reads a JSON number of at most 15 digits without an exponent, exactly as a parser does.
/// Nothing for any other text, which may be a number all the same.
std::optional<number> read_short_number(std::string_view text) noexcept;

/// Reads any JSON number as a parser does: an integer of 64 bits exactly, else the nearest
/// double. Nothing for other texts, and for numbers that neither holds.
std::optional<number> read_number(std::string_view text) noexcept;

/// -1, 0 or 1, by mathematical value: 9007199254740993 is above 9007199254740992.0.
int compare(const number& left, const number& right) noexcept;
/// Does what compare() does where one of them is a double or above INT64_MAX.
int compare_mixed(const number& left, const number& right) noexcept;

/// True if `value` has no fraction: 1, 1.0 and 1e300 are integers (JSON Schema 2020-12,
/// validation §6.1.1).
bool is_integral(double value) noexcept;

/// The same value as an integer kind if it is an integer of 64 bits: 2.0 becomes 2.
number normalized(const number& value) noexcept;

/// Exact for integers. Otherwise `value / divisor` must lie within 4 rounding errors (relative
/// 2^-50) of an integer, so that 0.3 is a multiple of 0.1. Precondition: divisor > 0.
bool is_multiple(const number& value, const number& divisor) noexcept;

/// The shortest text that reads back as the same value.
std::string to_text(const number& value);
using number_buffer = std::array<char, 40>;
std::string_view to_text(const number& value, number_buffer& buffer) noexcept;

inline int compare(const number& left, const number& right) noexcept {
  if (left.what != number::kind::int64 || right.what != number::kind::int64)
    return compare_mixed(left, right);
  return (left.i > right.i) - (left.i < right.i);
}

} // namespace weir::schema_detail
