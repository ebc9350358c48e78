// GATEWAY: stands between the stages' health and the sockets. It closes admission while a
// stage is away, has every batch without a receipt submitted again once all are back, and
// at shutdown waits until every admitted request is answered. The sockets themselves live
// outside the tree.
//
//   Accepts:     role_change   of every stage in `roles`
//                drain_atom    stops accepting, waits for what is in flight, then quits
//                tick_atom     from itself while draining
//   Supervised:  by the root, one_for_one, permanent; started last, stopped first.
//   Queues:      its mailbox: one role_change per restart of a stage, one tick.
//   On failure:  it keeps nothing: its successor reads the roles anew. As it may have
//                missed a comeback while it was dead, it has everything submitted
//                again once.
#pragma once

#include "actors/roles.hpp"
#include "proto/health.hpp"
#include "proto/role_names.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace weir {

struct gateway_config {
  std::vector<std::string> stages{role_name::validate, role_name::transform,
                                  role_name::journal};
  std::chrono::milliseconds drain_deadline{8000};
  std::chrono::milliseconds drain_poll{20};
  std::function<void()> resubmit;       ///< pipeline::resubmit
  std::function<void()> stop_accepting; ///< no new connections or requests from now on
  std::function<uint64_t()> in_flight;  ///< admitted requests that are not answered
  node_health* health = nullptr;        ///< outlives the actor system
  role_table* roles = nullptr;          ///< outlives the actor system
};

struct gateway_state {
  static inline const char* name = role_name::gateway;

  gateway_config config;
  std::map<std::string, caf::actor_id> seen; ///< who played each role last
  std::map<std::string, bool> up;
  bool missed = false; ///< a stage has been away or replaced since the last resubmission
  std::chrono::steady_clock::time_point drain_until{}; ///< 0: not draining

  enum class reaction : uint8_t { nothing, resubmit };
  /// Sets the node's conditions from what is up now.
  reaction on_change(const role_change& change);
};

gateway_actor::behavior_type gateway(gateway_actor::stateful_pointer<gateway_state> self,
                                     gateway_config config);

} // namespace weir
