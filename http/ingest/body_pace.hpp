// BODY PACE: whether a body comes fast enough. It fails when no byte of it came for too long, and
// when it came at less than the minimum rate over a whole window. Windows follow each other
// without a gap; since only whole ones count, the first is the grace for a slow start.
//
//   Pure:     time is passed in; who owns it looks at each tick.
//   Restarts: begin() starts anew, as when a body goes on that was left unread on purpose.
#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstddef>

namespace weir {

struct body_pace_limits {
  std::chrono::milliseconds stall_timeout{0}; ///< without a byte
  std::chrono::milliseconds window{0};
  size_t rate_min = 0; ///< bytes a second over a window
};

class body_pace {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  void begin(time_point at) noexcept;
  void count(size_t bytes, time_point at) noexcept;
  /// Fails with request_timeout. Begins the next window if this one is over and was kept.
  result<void> check(const body_pace_limits& limits, time_point at);

 private:
  time_point last_byte_{};
  time_point window_began_{};
  size_t window_bytes_ = 0;
};

} // namespace weir
