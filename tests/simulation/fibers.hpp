// FIBERS: let a handler stop in the middle, as a thread does that waits for a disk, while
// the rest of the simulated world goes on. One thread; who runs next is never the kernel's
// choice.
//
// A loop of steps runs on one fiber. A step that parks leaves its fiber standing where it
// is, and the loop goes on on another one. A step that names a parked fiber hands the
// loop to it: it finishes the step it stands in, and goes on with the loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace weir::simulation {

class fibers {
 public:
  using ticket = uint64_t;

  fibers();
  ~fibers();
  fibers(const fibers&) = delete;
  fibers& operator=(const fibers&) = delete;

  struct verdict {
    enum class kind : uint8_t { again, wake, stop } what = kind::again;
    ticket whom = 0; ///< wake: a parked one
  };

  /// Runs steps until one says stop. Nobody may be parked then.
  void run(std::function<verdict()> step);

  // -- from inside a step
  /// Names the next park().
  ticket next_ticket() noexcept { return ++last_ticket_; }
  /// Returns when a step has said to wake the ticket.
  void park(ticket which);
  bool parked(ticket which) const { return parked_.contains(which); }

 private:
  struct fiber;

  static void enter(unsigned high, unsigned low);
  void loop();
  void wake(ticket which);
  void switch_to(fiber& next);
  fiber& idle_fiber();

  std::function<verdict()> step_;
  std::vector<std::unique_ptr<fiber>> all_;
  std::unique_ptr<fiber> outside_; ///< who called run()
  fiber* current_ = nullptr;
  fiber* before_ = nullptr; ///< who was left last
  std::vector<fiber*> idle_;
  std::map<ticket, fiber*> parked_;
  ticket last_ticket_ = 0;
};

} // namespace weir::simulation
