// SUPERVISOR: starts its children, starts them again when they end as its policy says,
// and fails upwards when they end too often. restart_policy.hpp decides, this actor
// carries out, and notes.hpp tells of it.
//
//   Accepts:     drain_atom             stops the children right to left, each finished
//                                       before the next, then quits with user_shutdown;
//                                       one that `drains` and is away is started first
//                abandon_atom, handle   the child `handle` hangs: forget it, start
//                                       a replacement
//                opened_atom, id        the child that `opens` is up
//                crash_atom             test-only: throws
//                restart_atom,
//                (deadline_atom, stop)  from itself
//   Supervised:  by the supervisor above it; the root by app/ through
//                tree_context::on_fatal.
//   Queues:      its mailbox; bounded by children × (down, restart, deadline) +
//                hung workers.
//   On failure:  its children are killed by high-priority exits as its state dies, the
//                roles they play are announced as away, and its successor, started by the
//                supervisor above, ends what is left of them before it starts fresh ones.
//                No orphans, no twins.
//
// A child is asked to stop with drain_atom, which comes after the mail it already has.
// When its `shutdown` deadline passes it is killed, which overtakes that mail. If even
// that does not end it within a short grace, it hangs inside a handler: it is abandoned,
// and nobody waits for it. It counts as hung until it ends, whatever becomes of its
// supervisor meanwhile. But a child that is the `sole_owner` of something (the journal of
// its directory) has no successor while it lives; if that takes longer than its
// `shutdown`, the node can't go on.
#pragma once

#include "actors/roles.hpp"
#include "actors/supervision/restart_policy.hpp"
#include "proto/telemetry.hpp"

#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/local_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir {

struct supervision_metrics {
  telemetry& in;
  gauge& workers_hung =
    in.gauge({"weir_workers_hung", "Workers abandoned because they hang.",
              "Workers abandoned because they hang; at `pipeline.hung_workers_max` the "
              "node gives up."});
};

/// What all supervisors of one tree share. The pointers outlive the actor system.
struct tree_context {
  explicit tree_context(telemetry& metrics_) : metrics(metrics_), counted{metrics_} {}

  role_table* roles = nullptr;
  telemetry& metrics;
  const supervision_metrics counted;
  node_health* health = nullptr;
  uint64_t seed = 1;             ///< for the backoff's jitter
  int64_t hung_workers_max = 16; ///< ≥ 1; if so many hang at once the node gives up
  /// The node can't go on: drain and exit non-zero. Called from an actor's thread, at
  /// most once for hung workers, once for each sole owner that does not end, and once for
  /// the root; must only post.
  std::function<void(std::string reason)> on_fatal;
};

struct supervisor_spec;

/// One child. The start function chooses spawn options (detached, …), so tests and the
/// simulation can start scheduled actors instead.
struct child_spec {
  std::string id;   ///< unique among its siblings; the last element of its path
  std::string role; ///< for /actors: stage, worker, journal, …
  /// The role it is found by and the name of its metrics; may be empty.
  std::string plays;
  std::string stage{}; ///< the stage that counts its restarts; empty: none
  restart_type restart = restart_type::permanent;
  std::chrono::milliseconds shutdown{5000}; ///< drain deadline; a supervisor has none
  /// It takes its time, and is up, for siblings and by role, when it sends opened_atom to
  /// its supervisor; unless the strategy is one_for_one, later siblings start only then.
  bool opens = false;
  bool sole_owner = false; ///< never two at once: abandoned only in a drain
  /// A drain is work of its own for it: if it is away and to be restarted, it is started
  /// for the drain, also when it crashed over it.
  bool drains = false;
  /// Starts the child; an exception counts as its crash. Unused for a supervisor.
  std::function<caf::strong_actor_ptr(caf::local_actor& parent)> start{};
  /// If set, the child is a supervisor of these.
  std::shared_ptr<const supervisor_spec> supervises{};
};

struct supervisor_spec {
  std::string id; ///< the root's; for others the child_spec's id counts
  restart_rules rules;
  std::vector<child_spec> children; ///< in start order
};

/// A child_spec that supervises `spec`.
child_spec supervised(supervisor_spec spec, std::string plays = {});

/// How long a killed child may take to end before it counts as hung.
inline constexpr std::chrono::milliseconds kill_grace{500};

struct supervisor_state {
  static inline const char* name = "supervisor";

  struct slot {
    caf::strong_actor_ptr handle;
    /// Number of the stop in progress, 0: none; a deadline with another number is stale.
    uint64_t stop = 0;
    bool killed = false; ///< the drain deadline has passed
    /// Deadlines passed since the kill: the grace, then the child's `shutdown` again and again.
    uint32_t overdue = 0;
  };

  supervisor_state() = default;
  supervisor_state(const supervisor_state&) = delete;
  supervisor_state& operator=(const supervisor_state&) = delete;
  /// Leaves no child behind: see "On failure" above.
  ~supervisor_state();

  supervisor_spec spec;
  std::shared_ptr<const tree_context> context;
  std::string path;
  bool root = false;
  std::optional<restart_policy> policy;
  std::vector<slot> slots; ///< one per spec.children
  uint64_t stops = 0;
  steady_time armed_until{}; ///< when the pending restart_atom comes; 0: none pending

  void open(supervisor_spec with, std::shared_ptr<const tree_context> of,
            const std::string& parent);
  std::string path_of(size_t child) const { return path + '/' + spec.children[child].id; }
  std::optional<size_t> child_of(const caf::actor_addr& who) const;
};

/// `parent` is the path of the supervisor above, empty for the root.
caf::behavior supervisor(caf::stateful_actor<supervisor_state>* self,
                         supervisor_spec spec,
                         std::shared_ptr<const tree_context> context, std::string parent);

} // namespace weir
