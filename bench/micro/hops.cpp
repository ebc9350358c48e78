// What a message costs from one actor to another and back, on the scheduler's threads and on
// threads of their own: ./dev bench micro.
#include "proto/messages.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <benchmark/benchmark.h>

namespace weir::bench {
namespace {

struct config : caf::actor_system_config {
  config() {
    register_protocol(*this);
    set("scheduler.policy", caf::atom("sharing")); // as app/node/node.cpp has it
    set("scheduler.max-threads", size_t{2});
  }
};

/// Sends what it gets back to who sent it.
caf::behavior echo(caf::event_based_actor* self) {
  return {[self](uint64_t left) {
    if (const auto from = self->current_sender())
      self->send(caf::actor_cast<caf::actor>(from), left);
  }};
}

/// Plays so many rounds with `partner`, then tells who asked.
caf::behavior player(caf::event_based_actor* self, const caf::actor& partner,
                     const caf::actor& asker) {
  return {[=](uint64_t left) {
    if (left == 0)
      self->send(asker, uint64_t{0});
    else
      self->send(partner, left - 1);
  }};
}

template <caf::spawn_options Options>
void round_trip(benchmark::State& state) {
  config settings;
  caf::actor_system system{settings};
  caf::scoped_actor self{system};
  const auto partner = system.spawn<Options>(echo);
  const auto one =
    system.spawn<Options>(player, partner, caf::actor_cast<caf::actor>(self));
  constexpr uint64_t rounds = 1000;
  uint64_t hops = 0;
  for (auto _ : state) {
    self->send(one, rounds);
    self->receive([](uint64_t) {});
    hops += 2 * rounds;
  }
  state.counters["per_hop"] = benchmark::Counter(
    static_cast<double>(hops), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  for (const auto& actor : {partner, one})
    self->send_exit(actor, caf::exit_reason::user_shutdown);
}

BENCHMARK_TEMPLATE(round_trip, caf::no_spawn_options)
  ->UseRealTime()
  ->MeasureProcessCPUTime();
BENCHMARK_TEMPLATE(round_trip, caf::detached)->UseRealTime()->MeasureProcessCPUTime();

} // namespace
} // namespace weir::bench

BENCHMARK_MAIN();
