// WORLD: one run of the simulation, from its plan to its verdict. It owns time and chance,
// and decides at every step who goes on: an actor with mail, a handler whose wait is over,
// an I/O thread, a client, or the clock.
#pragma once

#include "tests/simulation/client.hpp"
#include "tests/simulation/faults.hpp"
#include "tests/simulation/fibers.hpp"
#include "tests/simulation/ledger.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/node.hpp"
#include "tests/simulation/plan.hpp"
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
  uint64_t lives = 0; ///< how often processes were started, over all nodes
  duration virtual_time{0};
};

class world {
 public:
  world(const plan& what, fibers& threads, bool printed);
  outcome run();

 private:
  fibers::verdict step();
  node* dying_node();
  bool any_alive() const;
  std::optional<fibers::ticket> woken() const;
  bool somebody_goes_on();
  size_t choose_job(const process& of, size_t jobs);
  void move_time();
  void follow_clock();
  void drift();

  // -- what the plan says
  void next_deed();
  void schedule_deed();
  void settle();
  void perform(const simulation::step& what);
  void send(const request_plan& request);
  ingest* a_listener();
  void cut_off(const simulation::step& what);
  void trouble_store(store_mood& mood, const simulation::step& what);
  void mend();
  void hung_up(const ingest& gone);

  // -- rest
  bool at_rest();
  void look_for_rest();
  std::string check_accounts();
  std::string check_all();
  void fail(std::string why);
  std::string unrest() const;

  const plan& plan_;
  fibers& threads_;
  trace log_;
  virtual_clock clock_;
  timeline events_{clock_};
  chance dice_;
  ledger book_;
  sink_contents sink_;
  std::unique_ptr<network> net_; ///< null: there is one node
  std::vector<std::unique_ptr<node>> nodes_;
  std::vector<std::shared_ptr<client>> clients_;

  size_t deed_ = 0;
  bool probed_ = false; ///< the request behind the last step was sent
  bool settling_ = false;
  time_point settling_since_{};
  std::optional<time_point> rest_since_;
  bool ending_ = false; ///< the run is over; only processes are still to be buried
  uint64_t steps_ = 0;
  uint64_t mood_ = 0; ///< the unfair order's: whom it passes over
  std::string violation_;
};

/// Runs the plan of a seed, or one that was cut.
outcome simulate(const plan& what, fibers& threads, bool printed = false,
                 bite mistake = bite::none);

} // namespace weir::simulation
