// JSON LIMITS: finds what is refused though RFC 8259 allows it: values nested too deep, and
// numbers that neither 64 bits nor a double hold. Readers stop at either without saying which
// and where. These functions look for it in what the readers refused, and in what steps are
// about to write.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace weir {

inline constexpr std::string_view unheld_number_text =
  "a number outside of what 64 bits or a double hold";

/// True if more than `levels` arrays and objects are open at once. In text that is no JSON
/// the brackets outside strings count.
bool nests_deeper(std::string_view json, size_t levels) noexcept;

/// The double nearest to a decimal number, which is written as in JSON or without digits on
/// one side of the point. A number too small for a double is zero, as for every parser here.
/// Nothing when it is too large or no number.
std::optional<double> read_double(std::string_view number) noexcept;

/// True if a JSON number is an integer that fits 64 bits, with or without sign, or else has a
/// finite double.
bool is_held(std::string_view number) noexcept;

/// The first number for which is_held() is false, or an empty view.
std::string_view find_unheld_number(std::string_view json) noexcept;

} // namespace weir
