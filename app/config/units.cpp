#include "app/config/units.hpp"

#include "base/printable.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace weir {
namespace {

struct unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array<unit, 5> time_units{
  {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<unit, 5> byte_units{{{"B", 1},
                                          {"KiB", uint64_t{1} << 10},
                                          {"MiB", uint64_t{1} << 20},
                                          {"GiB", uint64_t{1} << 30},
                                          {"TiB", uint64_t{1} << 40}}};

struct quantity {
  uint64_t number = 0;
  std::string_view unit;
};

parsed<quantity> split(std::string_view text, std::string_view expected) {
  quantity found;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, found.number);
  if (error == std::errc::result_out_of_range)
    return tl::unexpected(std::string{"the number is too large"});
  if (error != std::errc{})
    return tl::unexpected(std::string{expected});
  found.unit = text.substr(static_cast<size_t>(rest - text.data()));
  return found;
}

template <size_t N>
parsed<uint64_t> parse_quantity(std::string_view text, const std::array<unit, N>& units,
                                std::string_view expected,
                                std::string_view example_unit) {
  const auto found = split(text, expected);
  if (!found)
    return tl::unexpected(found.error());
  if (found->unit.empty())
    return tl::unexpected(
      fmt::format("has no unit: write {}{} ({})", found->number, example_unit, expected));
  for (const auto& [name, factor] : units)
    if (name == found->unit) {
      // Amounts go on into signed numbers.
      if (found->number > UINT64_MAX / factor || found->number * factor > INT64_MAX)
        return tl::unexpected(std::string{"the amount is too large"});
      return found->number * factor;
    }
  return tl::unexpected(std::string{expected});
}

template <size_t N>
std::string format_quantity(uint64_t value, const std::array<unit, N>& units) {
  auto best = units.front();
  for (const auto& candidate : units)
    if (value != 0 && value % candidate.factor == 0)
      best = candidate;
  return fmt::format("{}{}", value / best.factor, best.name);
}

} // namespace

parsed<std::chrono::milliseconds> parse_duration(std::string_view text) {
  return parse_quantity(text, time_units,
                        "expected a whole number with a unit: ms, s, m, h or d", "s")
    .map([](uint64_t ms) { return std::chrono::milliseconds{static_cast<int64_t>(ms)}; });
}

parsed<uint64_t> parse_bytes(std::string_view text) {
  return parse_quantity(text, byte_units,
                        "expected a whole number with a unit: B, KiB, MiB, GiB or TiB",
                        "MiB");
}

parsed<uint64_t> parse_count(std::string_view text) {
  constexpr std::string_view expected = "expected a whole number without a unit";
  const auto found = split(text, expected);
  if (!found)
    return tl::unexpected(found.error());
  if (!found->unit.empty())
    return tl::unexpected(std::string{expected});
  return found->number;
}

parsed<double> parse_real(std::string_view text) {
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || rest != end || !std::isfinite(value))
    return tl::unexpected(std::string{"expected a number"});
  return value;
}

std::string format_duration(std::chrono::milliseconds value) {
  return format_quantity(static_cast<uint64_t>(value.count()), time_units);
}

std::string format_bytes(uint64_t bytes) {
  return format_quantity(bytes, byte_units);
}

std::string format_real(double value) {
  return fmt::format("{}", value == 0 ? 0.0 : value);
}

std::string one_line(std::string_view text, size_t bytes_max) {
  return printable_line(text, bytes_max);
}

std::string in_quotes(std::string_view text) {
  return '"' + one_line(text, 80) + '"';
}

} // namespace weir
