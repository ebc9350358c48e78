#include "tests/simulation/world.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace weir::simulation {

namespace {

constexpr auto settling_max = std::chrono::minutes{10};
/// Longer than any backoff in the tree: what is still to come comes within it.
constexpr auto rest_checked_after = std::chrono::seconds{12};
constexpr uint32_t tries_max = 3;         ///< pipeline.tries_max
constexpr uint64_t steps_max = 3'000'000; ///< more is a busy loop

uint64_t scatter(uint64_t x) noexcept {
  x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15ULL;
  return x ^ (x >> 29);
}

} // namespace

world::world(const plan& what, fibers& threads, bool printed)
  : plan_(what), threads_(threads), log_(printed), dice_(what.seed ^ 0x5eed), book_(what),
    machine_(what.seed * 7919 + 1) {
  machine_.mood.latency = what.disk_latency;
}

outcome world::run() {
  start_process();
  schedule_deed();
  threads_.run([this] { return step(); });
  return {violation_, log_.hash(), steps_, lives_,
          std::chrono::duration_cast<duration>(clock_.now() - beginning)};
}

// -- who goes on ------------------------------------------------------------------------

fibers::verdict world::step() {
  using kind = fibers::verdict::kind;
  ++steps_;
  if (process_ && process_->dying())
    return bury();
  if (ending_)
    return {kind::stop};
  if (steps_ > steps_max) {
    fail("no rest: the node is busy without an end; " + unrest());
    return {kind::again};
  }
  if (!book_.complaint().empty()) {
    fail(book_.complaint());
    return {kind::again};
  }
  watch_process();
  if (process_ && process_->dying())
    return {kind::again};
  if (plan_.order != ordering::fair && dice_.one_in(16))
    drift();
  if (process_ && dice_.one_in(2))
    if (const auto woken = process_->own_life().ready())
      return {kind::wake, *woken};
  if (somebody_goes_on())
    return {kind::again};
  if (process_)
    if (const auto woken = process_->own_life().ready())
      return {kind::wake, *woken};
  if (settling_)
    look_for_rest();
  if (!ending_ && !(process_ && process_->dying()))
    move_time();
  return {kind::again};
}

bool world::somebody_goes_on() {
  const size_t jobs = process_ ? process_->scheduler().jobs.size() : 0;
  const size_t io = process_ ? process_->front().ready() : 0;
  const size_t events = events_.due() ? 1 : 0;
  if (jobs + io + events == 0)
    return false;
  const auto which = dice_.below((jobs > 0 ? 2 : 0) + io + events);
  if (which < events) {
    events_.run_first();
  } else if (which < events + io) {
    log_.note_quietly(1, which);
    process_->front().run(which - events);
  } else {
    const auto n = choose_job(jobs);
    process_->run_job(n);
  }
  return true;
}

size_t world::choose_job(size_t jobs) {
  size_t n = 0;
  if (plan_.order != ordering::fair)
    n = dice_.below(jobs);
  if (plan_.order == ordering::unfair) {
    if (dice_.one_in(100))
      mood_ = dice_.word();
    for (size_t tries = 0; tries < jobs; ++tries, n = (n + 1) % jobs)
      if (scatter(process_->actor_of(n) ^ mood_) % 4 != 0)
        break;
  }
  log_.note_quietly(2, process_->actor_of(n));
  return n;
}

/// Time goes on a little although somebody could run.
void world::drift() {
  clock_.advance_to(clock_.now() + duration{static_cast<int64_t>(dice_.below(300))});
  log_.move_time(clock_.now());
  if (process_)
    process_->follow_clock();
}

void world::move_time() {
  auto next = events_.next();
  const auto consider = [&](std::optional<time_point> t) {
    if (t)
      next = next ? std::min(*next, *t) : *t;
  };
  if (process_) {
    consider(process_->own_life().next());
    const auto& timers = process_->scheduler().clock().schedule();
    if (!timers.empty())
      consider(timers.begin()->first);
  }
  if (!next)
    return fail("no rest: nothing will ever happen again; " + unrest());
  clock_.advance_to(std::max(clock_.now(), *next));
  log_.move_time(clock_.now());
  if (process_)
    process_->follow_clock();
}

// -- what the plan says -----------------------------------------------------------------

void world::schedule_deed() {
  if (deed_ < plan_.steps.size()) {
    events_.in(plan_.steps[deed_].gap, [this] { next_deed(); });
    return;
  }
  events_.in(duration{0}, [this] {
    mend();
    settling_ = true;
    settling_since_ = clock_.now();
  });
}

void world::next_deed() {
  const auto& what = plan_.steps[deed_++];
  perform(what);
  if (!settling_)
    schedule_deed();
}

void world::perform(const simulation::step& what) {
  if (what.what != deed::send)
    log_.note("{}", std::string_view{describe(what)}.substr(13));
  switch (what.what) {
  case deed::send:
    return send(what.request);
  case deed::crash:
    if (process_) {
      process_->crash(what.path);
      if (!what.second_path.empty())
        process_->crash(what.second_path);
    }
    return;
  case deed::kill:
    return kill_process(what.loses, duration{100'000});
  case deed::terminate:
    return drain_process();
  case deed::disk:
    return trouble_disk(what);
  case deed::sink:
    return trouble_store(machine_.sink.mood, what);
  case deed::letters:
    return trouble_store(machine_.letters.mood, what);
  case deed::wall:
    return clock_.set_wall(what.shift);
  case deed::settle:
    mend();
    settling_ = true;
    settling_since_ = clock_.now();
    return;
  }
}

void world::send(const request_plan& request) {
  clients_.push_back(std::make_shared<client>(
    request,
    [this]() -> ingest* {
      return process_ && !process_->dying() ? &process_->front() : nullptr;
    },
    events_, log_, book_, machine_.sink, plan_.seed ^ (uint64_t{request.number} << 32)));
  clients_.back()->start();
}

void world::trouble_disk(const simulation::step& what) {
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
    return events_.in(what.lasts,
                      [this] { machine_.disk.faults.quota_bytes = UINT64_MAX; });
  case disk_fault::no_space:
    faults.writes_find_no_space = true;
    return events_.in(what.lasts,
                      [this] { machine_.disk.faults.writes_find_no_space = false; });
  case disk_fault::dead:
    faults.dead = true;
    return events_.in(what.lasts, [this] {
      if (!machine_.last_gasp)
        machine_.disk.faults.dead = false;
    });
  case disk_fault::slow:
    machine_.mood.slow = what.takes;
    return events_.in(what.lasts, [this] { machine_.mood.slow = duration{0}; });
  case disk_fault::last_gasp:
    faults.operations_until_dead = soon;
    machine_.last_gasp = what.loses;
    return;
  }
}

void world::trouble_store(store_mood& mood, const simulation::step& what) {
  switch (what.store) {
  case store_fault::away:
    mood.away = true;
    return events_.in(what.lasts, [&mood] { mood.away = false; });
  case store_fault::slow:
    mood.slow = what.takes;
    return events_.in(what.lasts, [&mood] { mood.slow = duration{0}; });
  case store_fault::doubtful:
    mood.doubtful = true;
    return;
  }
}

void world::mend() {
  machine_.disk.faults = {};
  machine_.mood.slow = duration{0};
  machine_.last_gasp.reset();
  machine_.sink.mood = machine_.letters.mood = {};
}

// -- the node ---------------------------------------------------------------------------

void world::start_process() {
  ++lives_;
  log_.note("node: starts, life {}", lives_);
  draining_ = false;
  process_ = std::make_unique<process>(surroundings{
    plan_, machine_, threads_, clock_, events_, log_, book_, plan_.seed * 31 + lives_});
}

/// The process is gone; it comes back after `pause`.
void world::kill_process(power_loss how, duration pause) {
  if (!process_)
    return lose_power(how); // it is about to be started
  if (process_->dying())
    return;
  dying_of_ = how;
  restart_after_ = pause;
  for (const auto& one : clients_)
    one->disconnected();
  process_->kill();
}

void world::lose_power(power_loss how) {
  using loss = simulated_disk::loss;
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

fibers::verdict world::bury() {
  std::optional<fibers::ticket> woken;
  if (!process_->bury(woken))
    return woken ? fibers::verdict{fibers::verdict::kind::wake, *woken}
                 : fibers::verdict{};
  process_.reset();
  if (ending_)
    return {};
  lose_power(dying_of_.value_or(power_loss::process));
  machine_.last_gasp.reset();
  dying_of_.reset();
  events_.in(restart_after_, [this] { start_process(); });
  return {};
}

void world::drain_process() {
  if (!process_ || process_->dying() || std::exchange(draining_, true))
    return;
  process_->drain();
  events_.in(duration{9'000'000}, [this, life = lives_] {
    if (life == lives_ && process_ && !process_->dying()) {
      log_.note("node: exits with work left");
      kill_process(power_loss::process, duration{100'000});
    }
  });
}

void world::watch_process() {
  if (machine_.last_gasp && machine_.disk.faults.dead) {
    log_.note("power goes");
    const auto how = *machine_.last_gasp;
    machine_.last_gasp.reset();
    return kill_process(how, duration{100'000});
  }
  if (!process_ || process_->dying())
    return;
  if (auto wrong = process_->check_bounds(); !wrong.empty())
    return fail(std::move(wrong));
  if (!process_->fatal().empty() && plan_.calm())
    return fail("I12: the node gives up: " + process_->fatal());
  if (!process_->fatal().empty() && !draining_)
    drain_process();
  if (process_->drained()) {
    if (!draining_)
      log_.note("node: its root is gone");
    log_.note("node: exits");
    kill_process(power_loss::process, duration{100'000});
  }
}

// -- rest -------------------------------------------------------------------------------

bool world::at_rest() const {
  return process_ && !draining_ && process_->ready() && process_->front().idle()
         && std::all_of(clients_.begin(), clients_.end(),
                        [](const auto& one) { return one->done(); })
         && process_->check_accounts().empty()
         && book_.letters_complete(machine_.letters);
}

void world::look_for_rest() {
  const auto waited = clock_.now() - settling_since_;
  if (!at_rest() && waited < settling_max)
    return rest_since_.reset();
  if (!at_rest() && process_ && process_->ready() && process_->front().idle())
    if (auto wrong = process_->check_accounts(); !wrong.empty())
      return fail(std::move(wrong));
  // What is still to come comes within the longest backoff.
  if (!rest_since_)
    rest_since_ = clock_.now();
  if (at_rest() && clock_.now() - *rest_since_ < rest_checked_after)
    return;
  auto wrong = book_.check(machine_.sink, machine_.letters);
  if (wrong.empty())
    wrong = book_.check_tries(tries_max);
  if (!at_rest() && wrong.empty())
    wrong = "I4: no rest; " + unrest();
  if (!wrong.empty())
    return fail(std::move(wrong));
  rest_since_.reset();
  log_.note("at rest: {} records in the sink, {} dead letters", machine_.sink.rows.size(),
            machine_.letters.letters.size());
  settling_ = false;
  if (deed_ < plan_.steps.size())
    return schedule_deed();
  ending_ = true;
  process_->kill();
}

std::string world::unrest() const {
  std::string text;
  if (process_)
    text += process_->state() + process_->check_accounts()
            + (process_->front().idle() ? "" : "; requests are open");
  else
    text += "the node is down";
  for (const auto& one : clients_)
    if (!one->done())
      text += fmt::format("; request {} is not done", one->number());
  return text;
}

void world::fail(std::string why) {
  if (violation_.empty())
    violation_ = std::move(why);
  log_.note("VIOLATION {}", violation_);
  ending_ = true;
  for (const auto& one : clients_)
    one->disconnected();
  if (process_ && !process_->dying())
    process_->kill();
}

outcome simulate(const plan& what, fibers& threads, bool printed, bite mistake) {
  current_seeded_fault = mistake;
  auto end = world{what, threads, printed}.run();
  current_seeded_fault = bite::none;
  return end;
}

} // namespace weir::simulation
