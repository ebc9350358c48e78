// Time and chance come in from outside, so that tests and the simulation own them.
#pragma once

#include <chrono>
#include <cstdint>

namespace weir {

/// Any thread; never throws.
class clock_source {
 public:
  virtual ~clock_source() = default;
  virtual std::chrono::steady_clock::time_point now() const noexcept = 0;
  /// Unix microseconds; may jump when the operator sets the clock.
  virtual int64_t unix_us() const noexcept = 0;
};

class system_clock_source final : public clock_source {
 public:
  std::chrono::steady_clock::time_point now() const noexcept override {
    return std::chrono::steady_clock::now();
  }
  int64_t unix_us() const noexcept override {
    using namespace std::chrono;
    return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  }
};

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, good enough for jitter and sampling;
/// never for secrets. One per owner, not shared between threads.
class random_source {
 public:
  explicit random_source(uint64_t seed) noexcept : state_(seed) {}

  uint64_t next() noexcept {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, 1).
  double fraction() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

} // namespace weir
