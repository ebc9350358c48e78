// LIFE: one life of a process: where its handlers wait, and that it ends. What a process
// does after its end has no effect on anything that outlives it.
#pragma once

#include "tests/simulation/clock.hpp"
#include "tests/simulation/fibers.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

namespace weir::simulation {

/// Thrown where a handler stands when its process ends. Not a std::exception: nobody in
/// the product may take it for an error of theirs.
struct process_gone {};

class life {
 public:
  life(fibers& threads, const virtual_clock& clock) : threads_(threads), clock_(clock) {}

  bool over() const noexcept { return over_; }
  void end() noexcept { over_ = true; }

  /// The handler stands for so long; others go on. Throws process_gone when the process
  /// ends meanwhile.
  void wait(duration time) {
    if (over_)
      throw process_gone{};
    const auto mine = threads_.next_ticket();
    waiting_.emplace(mine, clock_.now() + time);
    threads_.park(mine);
    waiting_.erase(mine);
    if (over_)
      throw process_gone{};
  }

  /// Somebody whose time has come, or anybody once it is over.
  std::optional<fibers::ticket> ready() const {
    for (const auto& [who, until] : waiting_)
      if (over_ || until <= clock_.now())
        return who;
    return std::nullopt;
  }
  std::optional<time_point> next() const {
    std::optional<time_point> first;
    for (const auto& [who, until] : waiting_)
      first = first ? std::min(*first, until) : until;
    return first;
  }

 private:
  fibers& threads_;
  const virtual_clock& clock_;
  std::map<fibers::ticket, time_point> waiting_;
  bool over_ = false;
};

} // namespace weir::simulation
