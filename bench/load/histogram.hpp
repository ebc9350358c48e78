// Latencies in buckets 1/64 wide relative to their value: percentiles to 1.6 %, 15 KiB,
// no allocation while it counts.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace weir::bench {

class histogram {
 public:
  void add(uint64_t nanoseconds) noexcept {
    ++counts_[index_of(nanoseconds)];
    ++total_;
  }

  /// The upper edge of the bucket that `fraction` of all values lie in or below; 0 of none.
  uint64_t percentile(double fraction) const noexcept {
    if (total_ == 0)
      return 0;
    const auto wanted =
      std::min(static_cast<uint64_t>(fraction * static_cast<double>(total_)), total_ - 1);
    size_t at = 0;
    for (auto seen = counts_[0]; seen <= wanted; seen += counts_[at])
      ++at;
    return edge_of(at);
  }
  uint64_t total() const noexcept { return total_; }

 private:
  static constexpr unsigned precision = 6;
  static constexpr size_t steps = size_t{1} << precision;

  static size_t index_of(uint64_t value) noexcept {
    if (value < steps)
      return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - precision;
    return (size_t{shift} + 1) * steps + ((value >> shift) & (steps - 1));
  }
  static uint64_t edge_of(size_t index) noexcept {
    if (index < steps)
      return index;
    const auto shift = index / steps - 1;
    return ((steps + index % steps + 1) << shift) - 1;
  }

  std::array<uint64_t, (64 - precision + 1) * steps> counts_{};
  uint64_t total_ = 0;
};

} // namespace weir::bench
