// CHANCE: draws from one seeded source.
#pragma once

#include "base/clock.hpp"

#include <cstddef>
#include <initializer_list>

namespace weir::simulation {

class chance {
 public:
  explicit chance(uint64_t seed) : source_(seed) {}

  uint64_t word() noexcept { return source_.next(); }
  /// 0 … bound - 1; `bound` ≥ 1.
  uint64_t below(uint64_t bound) noexcept { return source_.next() % bound; }
  uint64_t between(uint64_t low, uint64_t high) noexcept {
    return low + below(high - low + 1);
  }
  bool one_in(uint64_t n) noexcept { return below(n) == 0; }
  template <class T>
  T one_of(std::initializer_list<T> all) noexcept {
    return *(all.begin() + below(all.size()));
  }

 private:
  random_source source_;
};

} // namespace weir::simulation
