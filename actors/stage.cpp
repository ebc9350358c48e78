#include "actors/stage.hpp"

#include "actors/exits.hpp"
#include "actors/receipts.hpp"
#include "base/log.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <caf/system_messages.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace weir {

namespace {

using stage_ptr = stage_actor::stateful_pointer<stage_state>;

constexpr size_t reason_bytes_max = 128;
constexpr int ticks_per_deadline = 4;

/// Hands queued work to idle workers. A worker that holds an order has asked twice; it
/// asks again when it is done.
void give_orders(stage_ptr self) {
  auto& st = self->state;
  while (st.table->has_queued() && !st.idle.empty()) {
    const auto worker = std::move(st.idle.back());
    st.idle.pop_back();
    if (auto order = st.table->take(worker->id(), self->clock().now()))
      self->send(caf::actor_cast<worker_actor>(worker), std::move(*order));
  }
}

void pass_on(stage_ptr self) {
  auto& st = self->state;
  while (st.can_pass_on()) {
    auto done = st.table->take_done();
    if (!done)
      return;
    st.count(*done, self->clock().now());
    caf::anon_send(caf::actor_cast<caf::actor>(done->fused ? st.behind_next : st.next),
                   std::move(done->batch));
  }
}

/// Called after every change: moves whatever can move.
void pump(stage_ptr self) {
  give_orders(self);
  pass_on(self);
  self->state.show();
  if (self->state.draining && self->state.table->empty())
    self->quit(caf::exit_reason::user_shutdown);
}

void on_batch(stage_ptr self, const batch_ptr& batch) {
  auto& st = self->state;
  if (!batch || !batch->source)
    return; // nobody to answer
  if (st.draining)
    return answer_failed(batch, ec::draining, st.config.role + " is draining");
  if (st.table->submit(batch, self->clock().now()) == work_table::admission::saturated) {
    log_event(log_level::warning, "stage_saturated",
              {{"stage", st.config.role}, {"capacity", st.config.limits.capacity}});
    return answer_failed(batch, ec::saturated,
                         "the queue of " + st.config.role + " is full");
  }
  pump(self);
}

void get_to_know(stage_ptr self, const caf::strong_actor_ptr& worker) {
  if (self->state.known.emplace(worker->id(), worker).second)
    self->monitor(worker);
}

/// Expects the workers that were here before this stage: one may hang over an order of
/// the last stage, and will never ask.
void expect_workers(stage_ptr self) {
  auto& st = self->state;
  const auto now = self->clock().now();
  for (const auto& worker :
       st.config.roles->subscribers(st.config.role, role_rank::worker)) {
    get_to_know(self, worker);
    st.unheard.emplace(worker->id(), now);
  }
}

void note_idle(stage_ptr self) {
  auto& st = self->state;
  const auto worker = self->current_sender();
  if (!worker || st.abandoned.count(worker->id()) != 0)
    return;
  get_to_know(self, worker);
  st.unheard.erase(worker->id());
  if (std::find(st.idle.begin(), st.idle.end(), worker) == st.idle.end())
    st.idle.push_back(worker);
}

void forget(stage_state& st, caf::actor_id worker) {
  st.known.erase(worker);
  st.unheard.erase(worker);
  std::erase_if(st.idle, [&](const auto& who) { return who->id() == worker; });
}

void on_down(stage_ptr self, const caf::down_msg& msg) {
  auto& st = self->state;
  const auto worker = msg.source.id();
  st.abandoned.erase(worker);
  forget(st, worker);
  // A kill comes from a supervisor that is stopping or gone: no record is to blame for
  // it.
  const bool crashed = is_abnormal(msg.reason) && msg.reason != caf::exit_reason::kill;
  const auto reason = reason_text(self->system(), msg.reason, reason_bytes_max);
  if (st.table->lost(worker, crashed ? loss::crashed : loss::left, reason) && crashed) {
    add(st.counts->errors);
    log_event(log_level::warning, "worker_crashed",
              {{"stage", st.config.role}, {"actor", worker}, {"reason", reason}});
  }
  pump(self);
}

/// The worker stays monitored, so that it is forgotten for good if it ever ends.
void give_up(stage_ptr self, caf::actor_id worker) {
  auto& st = self->state;
  const auto handle = st.known[worker];
  forget(st, worker);
  st.abandoned.insert(worker);
  st.table->lost(worker, loss::hung, {});
  add(st.counts->errors);
  log_event(log_level::error, "worker_hung",
            {{"stage", st.config.role}, {"actor", worker}});
  if (const auto supervisor = st.config.roles->find(st.config.workers_role))
    caf::anon_send(caf::actor_cast<caf::actor>(supervisor), abandon_atom_v, handle);
}

void on_role_change(stage_ptr self, role_change& change) {
  auto& st = self->state;
  if (change.role == st.config.next_role)
    st.next = std::move(change.handle);
  else if (change.role == st.config.fused_role)
    st.behind_next = std::move(change.handle);
  pump(self);
}

auto tick_period(const stage_state& st) {
  return st.config.limits.deadline / ticks_per_deadline;
}

void arm_tick(stage_ptr self) {
  self->state.ticked = self->clock().now();
  self->delayed_send(self, tick_period(self->state), tick_atom_v);
}

/// A tick that is late by more than its period means that the process or its machine was
/// stopped. The workers stood as still as this stage, and hang no more than it does.
void excuse_standstill(stage_ptr self, caf::actor_clock::time_point now) {
  auto& st = self->state;
  const auto period = tick_period(st);
  const auto late = now - st.ticked - period;
  if (late <= period)
    return;
  st.table->excuse(late);
  for (auto& [worker, since] : st.unheard)
    since += late;
}

void give_up_overdue(stage_ptr self, caf::actor_clock::time_point now) {
  auto& st = self->state;
  auto late = st.table->overdue(now);
  for (const auto& [worker, since] : st.unheard)
    if (now - since > st.config.limits.deadline)
      late.push_back(worker);
  for (const auto worker : late)
    give_up(self, worker);
}

void on_tick(stage_ptr self) {
  auto& st = self->state;
  const auto now = self->clock().now();
  excuse_standstill(self, now);
  give_up_overdue(self, now);
  for (const auto& batch : st.table->expire(now))
    answer_failed(batch, ec::deadline_exceeded,
                  "it waited too long in " + st.config.role);
  arm_tick(self);
  pump(self);
}

} // namespace

void stage_state::open(stage_config with) {
  config = std::move(with);
  table.emplace(config.limits);
  counts = &config.metrics->stage(config.role);
  if (!config.fused_role.empty())
    next_counts = &config.metrics->stage(config.next_role);
  queue = &config.metrics->describe_queue(
    config.role, static_cast<int64_t>(config.limits.capacity),
    {"batches", config.bound, config.who_blocks, config.acceptable, config.failure_mode});
  show();
}

void stage_state::count(const work_table::finished& done,
                        caf::actor_clock::time_point now) const {
  using seconds = std::chrono::duration<double>;
  add(counts->records_processed, done.records);
  counts->latency.observe(seconds{now - done.since - done.next.took}.count());
  if (!done.fused)
    return;
  add(next_counts->records_processed, done.next.records);
  next_counts->latency.observe(seconds{done.next.took}.count());
}

void stage_state::show() const {
  const auto depth = static_cast<int64_t>(table->depth());
  queue->depth.store(depth, std::memory_order_relaxed);
  counts->credit_available.store(static_cast<int64_t>(config.limits.capacity) - depth,
                                 std::memory_order_relaxed);
}

stage_actor::behavior_type stage(stage_actor::stateful_pointer<stage_state> self,
                                 stage_config config) {
  auto& st = self->state;
  st.open(std::move(config));
  self->set_down_handler([self](const caf::down_msg& msg) { on_down(self, msg); });
  self->set_exception_handler(
    [](std::exception_ptr& thrown) { return crashed_by(thrown); });
  const auto own = caf::actor_cast<caf::strong_actor_ptr>(self);
  st.config.roles->subscribe(st.config.next_role, role_rank::stage, own);
  if (!st.config.fused_role.empty())
    st.config.roles->subscribe(st.config.fused_role, role_rank::stage, own);
  // Workers outlive a stage, and one that hangs over the last stage's order never asks.
  expect_workers(self);
  arm_tick(self);
  return {
    [self](const batch_ptr& batch) { on_batch(self, batch); },
    [self](pull_atom) {
      note_idle(self);
      pump(self);
    },
    [self](work_result& result) {
      self->state.table->finish(std::move(result));
      note_idle(self);
      pump(self);
    },
    [self](role_change& change) { on_role_change(self, change); },
    [self](tick_atom) { on_tick(self); },
    [](crash_atom) { throw std::runtime_error("crash requested"); },
    [self](drain_atom) {
      self->state.draining = true;
      pump(self);
    },
  };
}

} // namespace weir
