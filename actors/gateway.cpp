#include "actors/gateway.hpp"

#include "actors/exits.hpp"
#include "base/log.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace weir {

gateway_state::reaction gateway_state::on_change(const role_change& change) {
  const auto known = up.find(change.role);
  if (known == up.end())
    return reaction::nothing;
  known->second = change.handle != nullptr;
  auto& last = seen[change.role];
  // The role is away, or another actor plays it: what the last one held is lost.
  missed = missed || !change.handle || (last != 0 && last != change.handle->id());
  if (change.handle)
    last = change.handle->id();
  const bool all =
    std::all_of(up.begin(), up.end(), [](const auto& role) { return role.second; });
  config.health->set(condition::stage_away, !all);
  if (!all)
    return reaction::nothing;
  config.health->set(condition::starting, false);
  return std::exchange(missed, false) ? reaction::resubmit : reaction::nothing;
}

namespace {

using gateway_ptr = gateway_actor::stateful_pointer<gateway_state>;

void on_role(gateway_ptr self, const role_change& change) {
  auto& st = self->state;
  // A role that has not been up yet is no news: it is being started.
  const auto known = st.up.find(change.role);
  const bool was_up = known != st.up.end() && known->second;
  const auto what = st.on_change(change);
  if (change.handle || was_up)
    log_event(log_level::info, change.handle ? "stage_up" : "stage_away",
              {{"role", change.role}});
  if (what == gateway_state::reaction::resubmit && st.config.resubmit)
    st.config.resubmit();
}

void look_whether_done(gateway_ptr self) {
  auto& st = self->state;
  const auto left = st.config.in_flight ? st.config.in_flight() : 0;
  if (left > 0 && self->clock().now() < st.drain_until)
    return self->delayed_send(self, st.config.drain_poll, tick_atom_v);
  if (left > 0)
    log_event(log_level::warning, "drain_deadline_passed", {{"in_flight", left}});
  self->quit(caf::exit_reason::user_shutdown);
}

void on_drain(gateway_ptr self) {
  auto& st = self->state;
  st.config.health->set(condition::draining, true);
  if (st.config.stop_accepting)
    st.config.stop_accepting();
  st.drain_until = self->clock().now() + st.config.drain_deadline;
  look_whether_done(self);
}

} // namespace

gateway_actor::behavior_type gateway(gateway_actor::stateful_pointer<gateway_state> self,
                                     gateway_config config) {
  auto& st = self->state;
  st.config = std::move(config);
  // A predecessor may have missed a comeback; at the very first start nothing is lost.
  st.missed = true;
  self->set_exception_handler(
    [](std::exception_ptr& thrown) { return crashed_by(thrown); });
  for (const auto& role : st.config.stages)
    st.up[role] = false;
  for (const auto& role : st.config.stages)
    st.config.roles->subscribe(role, role_rank::gateway,
                               caf::actor_cast<caf::strong_actor_ptr>(self));
  return {
    [self](const role_change& change) { on_role(self, change); },
    [self](tick_atom) {
      if (self->state.drain_until != std::chrono::steady_clock::time_point{})
        look_whether_done(self);
    },
    [](crash_atom) { throw std::runtime_error("crash requested"); },
    [self](drain_atom) { on_drain(self); },
  };
}

} // namespace weir
