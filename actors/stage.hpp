// STAGE: the bounded queue of batches before a pool of workers that pull. work_table.hpp
// holds the queue and decides; this actor does the sending. `validate` and `transform`
// are two of these.
//
//   Accepts:     batch_ptr     from the stage before; answered through its origin
//                              only if it is refused (saturated, draining) or given
//                              up (deadline_exceeded)
//                pull_atom     the sender is a worker with nothing to do
//                work_result   goes on to the next stage, or to the one after it if
//                              it was fused, or waits here while either is away; its
//                              sender has nothing to do now
//                role_change   of these stages
//                tick_atom     looks for workers past their deadline, with an order or
//                              without a word since this stage began, and for batches
//                              past theirs
//                drain_atom    finishes what it owns, then quits
//   Supervised:  one_for_one beside the supervisor of its workers, permanent. The
//                workers' supervisor stands left of the stage: the stage drains while
//                they still work.
//   Queues:      the table, `capacity` batches in all states; its mailbox, bounded by the
//                credit of the gateway (batches) and by the number of workers (all else).
//   On failure:  queue and orders are gone, nothing else: the origins, which own the
//                batches, send them again once the stage is back; what workers still
//                return is ignored.
#pragma once

#include "actors/roles.hpp"
#include "actors/work_table.hpp"
#include "proto/telemetry.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace weir {

struct stage_config {
  std::string role;      ///< the role it plays and the name of its metrics: validate
  std::string next_role; ///< where its batches go: transform
  /// Where fused batches go, whose next stage's work is done here: journal; empty: none are fused.
  std::string fused_role{};
  /// Played by its workers' supervisor, which is told of workers that hang.
  std::string workers_role;
  work_limits limits;
  // The queue's four answers, for /queues; the bound is the formula that gives
  // limits.capacity.
  std::string bound;
  std::string who_blocks;
  std::string acceptable;
  std::string failure_mode;
  role_table* roles = nullptr;  ///< outlives the actor system
  telemetry* metrics = nullptr; ///< outlives the actor system
};

struct stage_state {
  static inline const char* name = "stage";

  stage_config config;
  std::optional<work_table> table;
  queue_gauge* queue = nullptr;
  stage_gauge* counts = nullptr;
  stage_gauge* next_counts = nullptr; ///< for work of the next stage that is done here
  caf::strong_actor_ptr next;         ///< null while the next stage is away
  caf::strong_actor_ptr behind_next;  ///< likewise; needed only for fused batches
  std::map<caf::actor_id, caf::strong_actor_ptr> known; ///< monitored workers
  /// Workers that were here before this stage and have not asked yet, with the time it met them.
  std::map<caf::actor_id, caf::actor_clock::time_point> unheard;
  std::vector<caf::strong_actor_ptr> idle; ///< the last to ask is served first
  std::set<caf::actor_id> abandoned;       ///< hung: what they still send is ignored
  bool draining = false;
  caf::actor_clock::time_point ticked{}; ///< when it last looked

  void open(stage_config with);
  /// True if what is done has somewhere to go.
  bool can_pass_on() const noexcept {
    return next && (behind_next || config.fused_role.empty());
  }
  void count(const work_table::finished& done, caf::actor_clock::time_point now) const;
  /// Sets depth and credit to what the table says.
  void show() const;
};

stage_actor::behavior_type stage(stage_actor::stateful_pointer<stage_state> self,
                                 stage_config config);

} // namespace weir
