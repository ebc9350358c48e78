// REGISTRY: once a second writes records/s, queue depth and credit of every role into the
// live tree, from the stages' own counters.
//
//   Accepts:     tick_atom    from itself
//                drain_atom   quits
//   Supervised:  by the root, one_for_one, permanent; started first.
//   Queues:      its mailbox: one tick.
//   On failure:  nothing is lost: tree and counters live outside; rates begin anew.
#pragma once

#include "actors/roles.hpp"
#include "proto/telemetry.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace weir {

struct registry_config {
  std::chrono::milliseconds interval{1000};
  role_table* roles = nullptr;  ///< outlives the actor system
  telemetry* metrics = nullptr; ///< outlives the actor system
};

struct registry_state {
  static inline const char* name = "registry";

  struct sample {
    uint64_t records = 0;
    std::chrono::steady_clock::time_point at{};
  };
  registry_config config;
  std::map<std::string, sample> last; ///< by role

  void measure(std::chrono::steady_clock::time_point now);
};

registry_actor::behavior_type
registry(registry_actor::stateful_pointer<registry_state> self, registry_config config);

} // namespace weir
