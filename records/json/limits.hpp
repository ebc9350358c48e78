// JSON LIMITS: what is refused though RFC 8259 allows it: values nested too deep, and numbers
// that neither 64 bits nor a double hold. Readers stop at either without saying which and
// where; these look for it in what they refused, and in what steps are about to write.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace weir {

inline constexpr std::string_view unheld_number_text =
  "a number outside of what 64 bits or a double hold";

/// More than `levels` arrays and objects are open at once. Of text that is no JSON, the
/// brackets outside of strings count.
bool nests_deeper(std::string_view json, size_t levels) noexcept;

/// The double nearest to a decimal number, as JSON writes them or without digits on one side of
/// the point. What is too small for a double is zero, as for every parser here. Nothing when it
/// is too large, or no number.
std::optional<double> read_double(std::string_view number) noexcept;

/// Of one JSON number: an integer that fits 64 bits, with or without sign; else a double that
/// is finite.
bool is_held(std::string_view number) noexcept;

/// The first number that is not held, or nothing.
std::string_view find_unheld_number(std::string_view json) noexcept;

} // namespace weir
