// KEY AGES: which keys are too old, counted on the monotonic clock from when this process learned
// of them. The time a batch was received does not tell: the wall clock may have been wrong then or
// be wrong now, and if a key is forgotten too early, its batch is stored twice. A restart counts
// anew: keys live longer then, never shorter.
//
// Keys are numbered in the order they were learned, so a moment stands for all keys before it.
// Ages are exact in the last 256th of the longest age; older ones are known to a 256th.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

namespace weir {

class key_ages {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  explicit key_ages(std::chrono::milliseconds age_max) : age_max_(age_max) {}

  /// At `now` all keys are below `next`. If `next` falls, these are other keys, and ages are
  /// counted anew.
  void learned(uint64_t next, time_point now);
  /// Keys below this are older than age_max; 0: none are.
  uint64_t too_old(time_point now);

 private:
  struct moment {
    time_point at;
    uint64_t next = 0;
  };
  std::chrono::milliseconds age_max_;
  std::deque<moment> moments_; ///< at most 258, oldest first, none too old
  uint64_t too_old_ = 0;
};

} // namespace weir
