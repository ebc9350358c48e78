// CLOCK: the virtual time of a run. Steady time moves when the world says so; the wall
// clock follows it and may be set by the operator.
#pragma once

#include "base/clock.hpp"
#include "tests/simulation/trace.hpp"

namespace weir::simulation {

class virtual_clock final : public clock_source {
 public:
  time_point now() const noexcept override { return now_; }
  int64_t unix_us() const noexcept override {
    return wall_at_beginning_us + wall_shift_us_
           + std::chrono::duration_cast<duration>(now_ - beginning).count();
  }

  void advance_to(time_point t) noexcept { now_ = t; }
  void set_wall(duration shift) noexcept { wall_shift_us_ += shift.count(); }

 private:
  static constexpr int64_t wall_at_beginning_us = 1'700'000'000'000'000;
  time_point now_ = beginning;
  int64_t wall_shift_us_ = 0;
};

} // namespace weir::simulation
