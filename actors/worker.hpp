// WORKER: does one batch at a time. Its work is a function of records/: validate or transform, and
// for a fused order one that does the next stage's work as well. It gets work from the stage that
// plays `stage_role` now.
//
//   Accepts:     work_order    runs the function, answers the stage with work_result,
//                              which is a pull as well
//                role_change   of its stage: pulls when there is one
//                drain_atom    quits after the mail it has
//   Supervised:  one_for_one among its siblings, permanent.
//   Queues:      its mailbox: at most one order, as it pulls only when it has none.
//   On failure:  an exception is a bug in the function: the worker dies of it on
//                purpose, the stage still has the batch and, by the progress mark, knows
//                the suspect.
//
// The spawn options decide whether it runs detached or on the scheduler.
#pragma once

#include "actors/roles.hpp"
#include "records/fused_batch.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <functional>
#include <string>

namespace weir {

/// Makes a new batch of `batch`; stores the index of each record in `mark` before working on it.
using work_function =
  std::function<batch_ptr(const record_batch& batch, std::atomic<uint32_t>& mark)>;

/// The same, followed by the next stage's work on it.
using fused_function =
  std::function<fused_batch(const record_batch& batch, std::atomic<uint32_t>& mark)>;

/// What one worker does; both functions work with its own scratch memory.
struct worker_functions {
  work_function work;
  fused_function fused_work{}; ///< empty where no order is fused
};

struct worker_config {
  std::string stage_role;
  /// Called once by each worker at its start.
  std::function<worker_functions()> make_work;
  role_table* roles = nullptr; ///< outlives the actor system
};

struct worker_state {
  static inline const char* name = "worker";
  worker_functions does;
  std::string stage_role;
  caf::strong_actor_ptr stage; ///< null while it is away
};

worker_actor::behavior_type worker(worker_actor::stateful_pointer<worker_state> self,
                                   worker_config config);

} // namespace weir
