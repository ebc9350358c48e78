#include "actors/worker.hpp"

#include "actors/exits.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>

#include <stdexcept>
#include <utility>

namespace weir {

namespace {

using worker_ptr = worker_actor::stateful_pointer<worker_state>;

void pull(worker_ptr self) {
  if (self->state.stage)
    self->send(caf::actor_cast<stage_actor>(self->state.stage), pull_atom_v);
}

work_result do_work(const worker_functions& does, const work_order& order) {
  auto& mark = order.progress->record;
  if (!order.fused)
    return {order.job, does.work(*order.batch, mark)};
  auto done = does.fused_work(*order.batch, mark);
  return {order.job, std::move(done.batch), {done.transformed, done.took}};
}

void on_order(worker_ptr self, const work_order& order) {
  auto result = do_work(self->state.does, order);
  // Job numbers mean something only to the stage that gave the order.
  const auto giver = self->current_sender();
  if (giver)
    self->send(caf::actor_cast<stage_actor>(giver), std::move(result));
  if (giver != self->state.stage)
    pull(self);
}

} // namespace

worker_actor::behavior_type worker(worker_actor::stateful_pointer<worker_state> self,
                                   worker_config config) {
  self->set_exception_handler(
    [](std::exception_ptr& thrown) { return crashed_by(thrown); });
  self->state.does = config.make_work();
  self->state.stage_role = std::move(config.stage_role);
  // Subscribing brings a role_change, and with it the first pull.
  config.roles->subscribe(self->state.stage_role, role_rank::worker,
                          caf::actor_cast<caf::strong_actor_ptr>(self));
  return {
    [self](const work_order& order) { on_order(self, order); },
    [self](role_change& change) {
      if (change.role != self->state.stage_role)
        return;
      self->state.stage = std::move(change.handle);
      pull(self);
    },
    [](crash_atom) { throw std::runtime_error("crash requested"); },
    [self](drain_atom) { self->quit(caf::exit_reason::user_shutdown); },
  };
}

} // namespace weir
