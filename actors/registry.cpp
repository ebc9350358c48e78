#include "actors/registry.hpp"

#include "actors/exits.hpp"

#include <caf/exit_reason.hpp>

#include <stdexcept>
#include <utility>

namespace weir {

namespace {

/// -1 if there is no queue of that name.
int64_t depth_of(telemetry& metrics, const std::string& role) {
  for (const auto* queue : metrics.queues())
    if (queue->name == role)
      return queue->depth.load(std::memory_order_relaxed);
  return -1;
}

} // namespace

void registry_state::measure(std::chrono::steady_clock::time_point now) {
  for (const auto& role : config.roles->played()) {
    const stage_gauge* stage = nullptr;
    for (const auto* known : config.metrics->stages())
      if (known->name == role)
        stage = known;
    if (stage == nullptr)
      continue; // a role without metrics, such as a supervisor's
    const sample fresh{stage->records_processed.load(std::memory_order_relaxed), now};
    const auto before = last.emplace(role, fresh).first;
    const std::chrono::duration<double> spent = now - before->second.at;
    const double rate =
      spent.count() > 0
        ? static_cast<double>(fresh.records - before->second.records) / spent.count()
        : 0.0;
    before->second = fresh;
    const auto depth = depth_of(*config.metrics, role);
    const auto credit = stage->credit_available.load(std::memory_order_relaxed);
    const bool shown = depth >= 0 && credit != stage_gauge::no_credit;
    config.roles->set_flow(role, rate, depth, shown ? credit : -1);
  }
}

registry_actor::behavior_type
registry(registry_actor::stateful_pointer<registry_state> self, registry_config config) {
  self->state.config = config;
  self->set_exception_handler(
    [](std::exception_ptr& thrown) { return crashed_by(thrown); });
  // The first tick takes the sample from which the first rates are measured.
  self->send(self, tick_atom_v);
  return {
    [self](tick_atom) {
      self->state.measure(self->clock().now());
      self->delayed_send(self, self->state.config.interval, tick_atom_v);
    },
    [](crash_atom) { throw std::runtime_error("crash requested"); },
    [self](drain_atom) { self->quit(caf::exit_reason::user_shutdown); },
  };
}

} // namespace weir
