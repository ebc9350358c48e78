#include "actors/supervision/supervisor.hpp"

#include "actors/exits.hpp"
#include "actors/supervision/notes.hpp"
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

void start_child(supervisor_ptr self, size_t i);
void stop_child(supervisor_ptr self, size_t i);
void arm_restart(supervisor_ptr self, steady_time now, steady_time until);
void finish(supervisor_ptr self);

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

} // namespace

child_spec supervised(supervisor_spec spec, std::string plays) {
  child_spec child;
  child.id = spec.id;
  child.role = "supervisor";
  child.plays = std::move(plays);
  child.supervises = std::make_shared<const supervisor_spec>(std::move(spec));
  return child;
}

void supervisor_state::open(supervisor_spec with, std::shared_ptr<const tree_context> of,
                            const std::string& parent) {
  spec = std::move(with);
  context = std::move(of);
  root = parent.empty();
  path = root ? spec.id : parent + '/' + spec.id;
  std::vector<restart_type> types;
  for (const auto& child : spec.children)
    types.push_back(child.restart);
  policy.emplace(spec.rules, std::move(types), seed_for(context->seed, path));
  // The policy knows children by their index, and only these facts of them.
  for (size_t i = 0; i < spec.children.size(); ++i)
    if (spec.children[i].drains)
      policy->needed_to_drain(i);
  slots.resize(spec.children.size());
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

caf::behavior supervisor(caf::stateful_actor<supervisor_state>* self,
                         supervisor_spec spec,
                         std::shared_ptr<const tree_context> context,
                         std::string parent) {
  self->state.open(std::move(spec), std::move(context), parent);
  note_nodes(self->state, caf::actor_cast<caf::strong_actor_ptr>(self));
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
