// Latencies in buckets 1/64 wide relative to their value: percentiles to 1.6 %, 15 KiB,
// no allocation while it counts.
#pragma once

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
    const auto wanted = static_cast<uint64_t>(fraction * static_cast<double>(total_));
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i)
      if ((seen += counts_[i]) > wanted)
        return edge_of(i);
    return total_ == 0 ? 0 : edge_of(counts_.size() - 1);
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
