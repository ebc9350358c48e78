// WORLD: one run of the simulation, from its plan to its verdict. It owns time and chance,
// and decides at every step who goes on: an actor with mail, a handler whose wait is over,
// an I/O thread, a client, or the clock.
#pragma once

#include "tests/simulation/client.hpp"
#include "tests/simulation/faults.hpp"
#include "tests/simulation/fibers.hpp"
#include "tests/simulation/ledger.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/timeline.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::simulation {

struct outcome {
  std::string violation; ///< empty: every invariant held
  uint64_t trace_hash = 0;
  uint64_t steps = 0;
  uint64_t lives = 0; ///< of the process
  duration virtual_time{0};
};

class world {
 public:
  world(const plan& what, fibers& threads, bool printed);
  outcome run();

 private:
  fibers::verdict step();
  fibers::verdict bury();
  bool somebody_goes_on();
  size_t choose_job(size_t jobs);
  void move_time();
  void drift();

  // -- what the plan says
  void next_deed();
  void schedule_deed();
  void perform(const simulation::step& what);
  void send(const request_plan& request);
  void trouble_disk(const simulation::step& what);
  void trouble_store(store_mood& mood, const simulation::step& what);
  void mend();

  // -- the node
  void start_process();
  void kill_process(power_loss how, duration pause);
  void drain_process();
  void lose_power(power_loss how);
  void watch_process();

  // -- rest
  bool at_rest() const;
  void look_for_rest();
  void fail(std::string why);
  std::string unrest() const;

  const plan& plan_;
  fibers& threads_;
  trace log_;
  virtual_clock clock_;
  timeline events_{clock_};
  chance dice_;
  ledger book_;
  machine machine_;
  std::unique_ptr<process> process_;
  std::vector<std::shared_ptr<client>> clients_;

  size_t deed_ = 0;
  bool settling_ = false;
  time_point settling_since_{};
  std::optional<time_point> rest_since_;
  bool draining_ = false;
  std::optional<power_loss> dying_of_;
  duration restart_after_{0};
  bool ending_ = false; ///< the run is over; only the process is still to be buried
  uint64_t steps_ = 0;
  uint64_t lives_ = 0;
  uint64_t mood_ = 0; ///< of the unfair order: whom it passes over
  std::string violation_;
};

/// Runs the plan of a seed, or one that was cut.
outcome simulate(const plan& what, fibers& threads, bool printed = false,
                 bite mistake = bite::none);

} // namespace weir::simulation
