// NODE: a machine of the simulated world and what runs on it: a process that ends in many ways
// and is started again.
#pragma once

#include "tests/simulation/fibers.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/timeline.hpp"

#include <memory>
#include <optional>
#include <string>

namespace weir::simulation {

class node {
 public:
  node(const world_parts& with, size_t number);

  // -- what befalls it
  void start();
  void terminate();
  /// The process is gone; it comes back after `pause`.
  void kill(power_loss how, duration pause);
  /// So is the disk.
  void wipe(duration pause);
  void stand_still(duration lasts);
  void go_on();
  void trouble_disk(const step& what);
  void mend();
  /// What it did by itself since: ends, gives up, loses its power. Returns what is wrong.
  std::string watch();
  /// One step of what is to be done behind a process that is gone. Then it is started
  /// again, unless `for_good`.
  fibers::verdict bury(bool for_good);
  void end();

  // -- how it is
  process* alive() const noexcept {
    return process_ && !process_->dying() ? process_.get() : nullptr;
  }
  bool dying() const noexcept { return process_ && process_->dying(); }
  /// Who goes on here: null while it stands still.
  process* running() const noexcept { return stands_still_ ? nullptr : alive(); }
  /// In these happens what its listener waits for.
  timeline& own_events() noexcept { return own_; }
  letter_contents& letters() noexcept { return machine_.letters; }
  uint64_t lives() const noexcept { return lives_; }
  bool at_rest() const;
  /// Empty: nothing speaks against it.
  std::string unrest() const;

 private:
  template <class... Ts>
  void note(std::string_view pattern, const Ts&... xs);
  void lose_power(power_loss how);

  const world_parts with_;
  const size_t number_;
  const std::string name_;
  timeline own_;
  machine machine_;
  std::unique_ptr<process> process_;
  bool draining_ = false;
  bool stands_still_ = false;
  uint64_t stops_ = 0;
  bool disk_lost_ = false;
  std::optional<power_loss> dying_of_;
  duration restart_after_{0};
  uint64_t lives_ = 0;
};

} // namespace weir::simulation
