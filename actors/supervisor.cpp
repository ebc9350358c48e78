#include "actors/supervisor.hpp"

#include "actors/exits.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <caf/system_messages.hpp>

#include <stdexcept>
#include <utility>

namespace weir {

namespace {

using supervisor_ptr = caf::stateful_actor<supervisor_state>*;
using action = restart_policy::action;
using verdict = restart_policy::verdict;

/// Gives each supervisor its own jitter from the tree's one seed.
uint64_t seed_for(uint64_t seed, std::string_view path) noexcept {
  return fnv1a(path, seed);
}

void advance(supervisor_ptr self);

// -- what is noted and logged, one function per event -----------------------------------

void note_up(supervisor_state& st, size_t i) {
  const auto& child = st.spec.children[i];
  if (!child.plays.empty())
    st.context->roles->up(child.plays, st.slots[i].handle);
}

void note_started(supervisor_state& st, size_t i) {
  const auto& child = st.spec.children[i];
  const auto& handle = st.slots[i].handle;
  if (st.context->roles->started(st.path_of(i), handle)) {
    if (!child.stage.empty())
      add(st.context->figures->stage(child.stage).restarts);
    log_event(log_level::info, "actor_restarted",
              {{"path", st.path_of(i)}, {"actor", handle->id()}});
  }
  if (!child.opens)
    note_up(st, i);
}

void note_gone(supervisor_state& st, size_t i, verdict what, const std::string& crash) {
  const auto& child = st.spec.children[i];
  if (!child.plays.empty())
    st.context->roles->down(child.plays, st.slots[i].handle);
  const bool again = what == verdict::restart;
  st.context->roles->ended(st.path_of(i), again ? "restarting" : "stopped", crash);
  if (again)
    st.context->roles->noted_restart(st.path);
  if (!crash.empty())
    log_event(
      log_level::warning, "actor_ended",
      {{"path", st.path_of(i)}, {"reason", crash}, {"then", again ? "restart" : "stop"}});
}

/// Runs on the thread on which the actor ended, maybe long after the supervisor that gave it up.
void note_recovered(const tree_context& context, const std::string& path,
                    caf::actor_id actor) {
  context.figures->workers_hung.fetch_sub(1);
  context.roles->released(path, actor);
  log_event(log_level::warning, "hung_actor_ended", {{"path", path}, {"actor", actor}});
}

void note_hung(supervisor_state& st, size_t i) {
  auto& handle = st.slots[i].handle;
  const auto path = st.path_of(i);
  st.context->roles->abandoned(path, handle->id());
  const auto now_hung = st.context->figures->workers_hung.fetch_add(1) + 1;
  log_event(log_level::error, "actor_abandoned",
            {{"path", path}, {"actor", handle->id()}, {"hung_now", now_hung}});
  // It counts as hung until it ends, not until its supervisor does.
  handle->get()->attach_functor([context = st.context, path, actor = handle->id()] {
    note_recovered(*context, path, actor);
  });
  if (now_hung < st.context->hung_workers_max || st.policy->draining()
      || st.context->health->is(condition::workers_hung))
    return;
  st.context->health->set(condition::workers_hung, true);
  if (st.context->on_fatal)
    st.context->on_fatal(std::to_string(now_hung) + " actors hang, the last was " + path);
}

void note_overdue(supervisor_state& st, size_t i) {
  log_event(log_level::error, "actor_overdue",
            {{"path", st.path_of(i)}, {"actor", st.slots[i].handle->id()}});
  if (++st.slots[i].overdue == 2 && st.context->on_fatal)
    st.context->on_fatal(st.path_of(i)
                         + " does not end, and has no successor while it lives");
}

void note_limit(supervisor_state& st) {
  const auto text = st.path + ": more than " + std::to_string(st.spec.rules.restarts_max)
                    + " restarts within " + std::to_string(st.spec.rules.window.count())
                    + " ms";
  log_event(log_level::error, "restart_limit_reached",
            {{"path", st.path},
             {"restarts_max", st.spec.rules.restarts_max},
             {"window_ms", st.spec.rules.window.count()}});
  if (st.root && st.context->on_fatal)
    st.context->on_fatal(text);
}

// -- children ---------------------------------------------------------------------------

caf::strong_actor_ptr spawn_child(supervisor_ptr self, const child_spec& child) {
  if (!child.supervises)
    return child.start(*self);
  auto spec = *child.supervises;
  spec.id = child.id;
  auto handle = self->system().spawn(supervisor, std::move(spec), self->state.context,
                                     self->state.path);
  return caf::actor_cast<caf::strong_actor_ptr>(handle);
}

void arm_deadline(supervisor_ptr self, size_t i, std::chrono::milliseconds after) {
  auto& slot = self->state.slots[i];
  slot.stop = ++self->state.stops;
  self->delayed_send(self, after, deadline_atom_v, slot.stop);
}

/// Does everything that follows from the end of child `i`, however it came about.
void child_gone(supervisor_ptr self, size_t i, bool abnormal, const std::string& reason) {
  auto& st = self->state;
  const bool crash = abnormal && !st.slots[i].killed; // a kill is our own doing
  const auto what = st.policy->down(i, crash, self->clock().now());
  note_gone(st, i, what, crash ? reason : std::string{});
  st.slots[i] = {};
  if (what == verdict::too_many)
    note_limit(st);
}

void start_child(supervisor_ptr self, size_t i) {
  auto& st = self->state;
  auto& slot = st.slots[i];
  // A crashed supervisor may have left this child running: it must end before its
  // successor starts.
  if (auto old = st.context->roles->leftover(st.path_of(i))) {
    slot.handle = old;
    slot.killed = true;
    st.policy->blocked(i);
    self->monitor(old);
    kill(old);
    arm_deadline(self, i, kill_grace);
    return;
  }
  st.policy->started(i, self->clock().now(), st.spec.children[i].opens);
  try {
    slot.handle = spawn_child(self, st.spec.children[i]);
  } catch (const std::exception& e) {
    child_gone(self, i, true, printable(std::string{"cannot start: "} + e.what(), 256));
    return;
  }
  self->monitor(slot.handle);
  note_started(st, i);
}

void stop_child(supervisor_ptr self, size_t i) {
  auto& st = self->state;
  st.context->roles->set_state(st.path_of(i), "stopping");
  self->send(caf::actor_cast<caf::actor>(st.slots[i].handle), drain_atom_v);
  if (!st.spec.children[i].supervises)
    arm_deadline(self, i, st.spec.children[i].shutdown);
}

void abandon_child(supervisor_ptr self, size_t i, const std::string& reason) {
  note_hung(self->state, i);
  kill(self->state.slots[i].handle); // ends it should its handler ever return
  child_gone(self, i, true, reason);
}

void on_deadline(supervisor_ptr self, uint64_t stop) {
  auto& st = self->state;
  for (size_t i = 0; i < st.slots.size(); ++i) {
    auto& slot = st.slots[i];
    if (slot.stop != stop || !slot.handle)
      continue;
    // A sole owner has no successor while it lives, so it is waited for, except in a drain.
    if (slot.killed && st.spec.children[i].sole_owner && !st.policy->draining()) {
      note_overdue(st, i);
      arm_deadline(self, i, st.spec.children[i].shutdown);
    } else if (slot.killed) {
      abandon_child(self, i, "did not stop");
    } else {
      slot.killed = true;
      log_event(
        log_level::warning, "actor_killed",
        {{"path", st.path_of(i)}, {"deadline_ms", st.spec.children[i].shutdown.count()}});
      kill(slot.handle);
      arm_deadline(self, i, kill_grace);
    }
    return advance(self);
  }
}

void on_abandon(supervisor_ptr self, const caf::strong_actor_ptr& who) {
  const auto child = self->state.child_of(caf::actor_cast<caf::actor_addr>(who));
  if (!child)
    return; // already replaced, or not ours
  abandon_child(self, *child, "hung: it missed its work deadline");
  advance(self);
}

void on_opened(supervisor_ptr self, caf::actor_id who) {
  auto& st = self->state;
  for (size_t i = 0; i < st.slots.size(); ++i)
    if (st.slots[i].handle && st.slots[i].handle->id() == who && st.policy->opened(i))
      note_up(st, i);
  advance(self);
}

void on_down(supervisor_ptr self, const caf::down_msg& msg) {
  auto& st = self->state;
  const auto child = st.child_of(msg.source);
  if (!child)
    return; // it was abandoned
  child_gone(self, *child, is_abnormal(msg.reason),
             reason_text(self->system(), msg.reason));
  advance(self);
}

// -- the supervisor itself --------------------------------------------------------------

void finish(supervisor_ptr self) {
  if (self->state.root)
    self->state.context->roles->ended(self->state.path, "stopped", {});
  if (self->state.policy->failing())
    self->quit(caf::make_error(ec::restart_limit_reached, self->state.path));
  else
    self->quit(caf::exit_reason::user_shutdown);
}

void arm_restart(supervisor_ptr self, steady_time now, steady_time until) {
  auto& armed = self->state.armed_until;
  if (armed > now && armed <= until)
    return; // an earlier one will ask again
  armed = until;
  self->delayed_send(self, until - now, restart_atom_v);
}

/// Carries out what the policy wants until it has to wait for something.
void advance(supervisor_ptr self) {
  const auto now = self->clock().now();
  for (;;) {
    const auto step = self->state.policy->next(now);
    // Each step changes what the policy wants next, also if a child fails to start.
    switch (step.what) {
    case action::start:
      start_child(self, step.child);
      break;
    case action::stop:
      stop_child(self, step.child);
      break;
    case action::wait:
      return arm_restart(self, now, step.until);
    case action::finished:
      return finish(self);
    case action::none:
      return;
    }
  }
}

actor_view fixed_view(const child_spec& child, const std::string& parent) {
  actor_view view;
  view.id = parent + '/' + child.id;
  view.parent = parent;
  view.role = child.supervises ? "supervisor" : child.role;
  view.kind = child.supervises ? "supervisor" : "worker";
  view.state = "starting";
  return view;
}

void describe(actor_view& view, const restart_rules& rules) {
  view.strategy = to_string(rules.strategy);
  view.restarts_max = static_cast<uint32_t>(rules.restarts_max);
  view.window_seconds = std::chrono::duration<double>(rules.window).count();
}

} // namespace

child_spec supervised(supervisor_spec spec, std::string plays) {
  child_spec child;
  child.id = spec.id;
  child.role = "supervisor";
  child.plays = std::move(plays);
  child.supervises = std::make_shared<const supervisor_spec>(std::move(spec));
  return child;
}

supervisor_state::~supervisor_state() {
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!slots[i].handle)
      continue;
    if (!spec.children[i].plays.empty())
      context->roles->down(spec.children[i].plays, slots[i].handle);
    context->roles->set_state(path_of(i), "stopping");
    kill(slots[i].handle);
  }
}

std::optional<size_t> supervisor_state::child_of(const caf::actor_addr& who) const {
  for (size_t i = 0; i < slots.size(); ++i)
    if (slots[i].handle && slots[i].handle->id() == who.id()
        && caf::actor_cast<caf::actor_addr>(slots[i].handle) == who)
      return i;
  return std::nullopt;
}

void supervisor_state::declare_nodes() const {
  for (const auto& child : spec.children) {
    auto view = fixed_view(child, path);
    if (child.supervises)
      describe(view, child.supervises->rules);
    context->roles->declare(view, child.plays);
  }
}

caf::behavior supervisor(caf::stateful_actor<supervisor_state>* self,
                         supervisor_spec spec,
                         std::shared_ptr<const tree_context> context,
                         std::string parent) {
  auto& st = self->state;
  st.root = parent.empty();
  st.path = st.root ? spec.id : parent + '/' + spec.id;
  std::vector<restart_type> types;
  for (const auto& child : spec.children)
    types.push_back(child.restart);
  st.policy.emplace(spec.rules, std::move(types), seed_for(context->seed, st.path));
  for (size_t i = 0; i < spec.children.size(); ++i)
    if (spec.children[i].drains)
      st.policy->needed_to_drain(i);
  st.slots.resize(spec.children.size());
  st.spec = std::move(spec);
  st.context = std::move(context);
  // Every other supervisor is declared by the one above it.
  if (st.root) {
    actor_view view;
    view.id = st.path;
    view.role = view.kind = "supervisor";
    describe(view, st.spec.rules);
    st.context->roles->declare(view, {});
    st.context->roles->started(st.path, caf::actor_cast<caf::strong_actor_ptr>(self));
  }
  st.declare_nodes();
  self->set_down_handler([self](const caf::down_msg& msg) { on_down(self, msg); });
  self->set_exception_handler(
    [](std::exception_ptr& thrown) { return crashed_by(thrown); });
  advance(self);
  return {
    [self](drain_atom) {
      self->state.policy->drain();
      advance(self);
    },
    [self](abandon_atom, const caf::strong_actor_ptr& who) { on_abandon(self, who); },
    [self](opened_atom, uint64_t who) { on_opened(self, who); },
    [self](restart_atom) {
      self->state.armed_until = {};
      advance(self);
    },
    [self](deadline_atom, uint64_t stop) { on_deadline(self, stop); },
    [](crash_atom) { throw std::runtime_error("crash requested"); },
  };
}

} // namespace weir
