#include "tests/simulation/node.hpp"

namespace weir::simulation {

node::node(const world_parts& with, size_t number)
  : with_(with), number_(number),
    name_(with.shape.clustered() ? with.shape.nodes[number].name : "node"),
    own_(with.clock), machine_((with.shape.seed + number * 104'729) * 7919 + 1) {
  machine_.mood.latency = with.shape.disk_latency;
  machine_.journal = number;
}

template <class... Ts>
void node::note(std::string_view pattern, const Ts&... xs) {
  with_.log.note("{}: {}", name_, fmt::format(fmt::runtime(pattern), xs...));
}

// -- what befalls it

void node::start() {
  ++lives_;
  note("starts, life {}", lives_);
  draining_ = false;
  auto& front = with_.shape.clustered() ? own_ : with_.events;
  process_ = std::make_unique<process>(
    surroundings{with_, machine_, front, number_,
                 (with_.shape.seed + number_ * 7'368'787) * 31 + lives_, lives_});
}

void node::kill(power_loss how, duration pause) {
  if (!process_)
    return lose_power(how); // it is about to be started
  if (process_->dying())
    return;
  stands_still_ = false;
  dying_of_ = how;
  restart_after_ = pause;
  with_.hung_up(process_->front());
  process_->kill(how == power_loss::process);
}

void node::wipe(duration pause) {
  disk_lost_ = true;
  kill(power_loss::rollback, pause);
}

void node::lose_power(power_loss how) {
  using loss = simulated_disk::loss;
  if (std::exchange(disk_lost_, false)) {
    machine_.disk.lose_everything();
    machine_.letters = {};
    if (!seeded(bite::one_cursor_for_lost_disk))
      machine_.journal += with_.shape.nodes.size(); // another one
    return;
  }
  switch (how) {
  case power_loss::process:
    return;
  case power_loss::rollback:
    return machine_.disk.crash(loss::rolled_back);
  case power_loss::torn:
    return machine_.disk.crash(loss::torn_write);
  case power_loss::sectors:
    return machine_.disk.crash(loss::by_coin);
  }
}

void node::terminate() {
  if (!alive() || std::exchange(draining_, true))
    return;
  process_->drain();
  with_.events.in(duration{9'000'000}, [this, life = lives_] {
    if (life == lives_ && alive()) {
      note("exits with work left");
      kill(power_loss::process, duration{100'000});
    }
  });
}

void node::stand_still(duration lasts) {
  if (!alive())
    return;
  stands_still_ = true;
  with_.net->freeze(number_, true);
  with_.events.in(lasts, [this, mine = ++stops_] {
    if (mine == stops_)
      go_on();
  });
}

void node::go_on() {
  if (!std::exchange(stands_still_, false))
    return;
  note("goes on");
  with_.net->freeze(number_, false);
  process_->follow_clock();
}

void node::trouble_disk(const step& what) {
  auto& faults = machine_.disk.faults;
  const auto soon = static_cast<int>(what.count);
  switch (what.disk) {
  case disk_fault::failed_sync:
    faults.syncs_until_error = soon;
    return;
  case disk_fault::failed_write:
    faults.writes_until_error = soon;
    return;
  case disk_fault::failed_directory_sync:
    faults.directory_syncs_until_error = soon;
    return;
  case disk_fault::failed_create:
    faults.creates_until_error = soon;
    return;
  case disk_fault::full:
    faults.quota_bytes = machine_.disk.used_bytes();
    return with_.events.in(what.lasts,
                           [this] { machine_.disk.faults.quota_bytes = UINT64_MAX; });
  case disk_fault::no_space:
    faults.writes_find_no_space = true;
    return with_.events.in(what.lasts,
                           [this] { machine_.disk.faults.writes_find_no_space = false; });
  case disk_fault::dead:
    faults.dead = true;
    return with_.events.in(what.lasts, [this] {
      if (!machine_.last_gasp)
        machine_.disk.faults.dead = false;
    });
  case disk_fault::slow:
    machine_.mood.slow = what.takes;
    return with_.events.in(what.lasts, [this] { machine_.mood.slow = duration{0}; });
  case disk_fault::last_gasp:
    faults.operations_until_dead = soon;
    machine_.last_gasp = what.loses;
    return;
  }
}

void node::mend() {
  machine_.disk.faults = {};
  machine_.mood.slow = duration{0};
  machine_.last_gasp.reset();
  machine_.letters.mood = {};
  go_on();
}

std::string node::watch() {
  if (machine_.last_gasp && machine_.disk.faults.dead) {
    note("power goes");
    const auto how = *machine_.last_gasp;
    machine_.last_gasp.reset();
    kill(how, duration{100'000});
    return {};
  }
  if (!alive())
    return {};
  if (auto wrong = process_->check_bounds(); !wrong.empty())
    return wrong;
  if (!process_->fatal().empty() && with_.shape.calm())
    return "I12: the node gives up: " + process_->fatal();
  if (!process_->fatal().empty() && !draining_)
    terminate();
  if (process_->drained()) {
    if (!draining_)
      note("its root is gone");
    note("exits");
    kill(power_loss::process, duration{100'000});
  }
  return {};
}

fibers::verdict node::bury(bool for_good) {
  std::optional<fibers::ticket> woken;
  if (!process_->bury(woken))
    return woken ? fibers::verdict{fibers::verdict::kind::wake, *woken}
                 : fibers::verdict{};
  process_.reset();
  if (for_good)
    return {};
  lose_power(dying_of_.value_or(power_loss::process));
  machine_.last_gasp.reset();
  dying_of_.reset();
  with_.events.in(restart_after_, [this] { start(); });
  return {};
}

void node::end() {
  if (alive())
    process_->kill(false);
}

// -- how it is

bool node::at_rest() const {
  return running() && !draining_ && process_->ready() && process_->front().idle()
         && process_->check_accounts().empty();
}

std::string node::unrest() const {
  const auto whose = with_.shape.clustered() ? name_ + ": " : std::string{};
  if (!process_)
    return whose + "the node is down";
  return whose + process_->state() + process_->check_accounts()
         + (process_->front().idle() ? "" : "; requests are open");
}

} // namespace weir::simulation
