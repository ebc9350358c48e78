// TIMELINE: what happens at which virtual time. Events of one instant come in the order
// they were put down.
#pragma once

#include "tests/simulation/clock.hpp"

#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace weir::simulation {

class timeline {
 public:
  explicit timeline(const virtual_clock& clock) : clock_(clock) {}

  void in(duration delay, std::function<void()> what) {
    events_.emplace(clock_.now() + delay, std::move(what));
  }
  bool due() const { return !events_.empty() && events_.begin()->first <= clock_.now(); }
  std::optional<time_point> next() const {
    return events_.empty() ? std::nullopt : std::optional{events_.begin()->first};
  }
  void run_first() {
    const auto what = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    what();
  }
  const virtual_clock& clock() const noexcept { return clock_; }

 private:
  const virtual_clock& clock_;
  std::multimap<time_point, std::function<void()>> events_;
};

} // namespace weir::simulation
