// DISPATCH: sends each batch to a node of the cluster that can take it, and to another
// when that node goes away. cluster/dispatch_table.hpp decides where; this actor sends. A
// gateway has one before its workers, a worker one before the persisters.
//
//   Accepts:     batch_ptr       from the gateway's I/O threads or the stage before
//                link_opened,
//                link_closed,
//                link_granted,
//                link_receipt    from the node's links
//                role_change     of this node's own stage for the same work, if it has one
//                tick_atom       from itself: gives up what nobody waits for any more
//                drain_atom      quits once every batch has its receipt; immediately if only
//                                the links have stopped, not the node
//   Supervised:  one_for_all with the links: what one of them knows of the batches on the
//                way is worth nothing without the other.
//   Queues:      what waits and what is out, both bounded by the table; its mailbox, bounded
//                by the credit of those who send batches and by the windows of the links.
//   On failure:  all links are closed, so that peers forget what came from here; the owners
//                of the batches submit them again.
#pragma once

#include "actors/roles.hpp"
#include "cluster/board.hpp"
#include "cluster/dispatch_table.hpp"
#include "cluster/network.hpp"
#include "proto/health.hpp"
#include "proto/messages.hpp"
#include "proto/telemetry.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weir {

/// Pointers outlive the actor system.
struct dispatch_config {
  std::string role;           ///< the one it plays: to_worker, to_persister
  std::string own_role;       ///< this node's stage for the same work; empty: it has none
  bool own_has_queue = false; ///< a row of /queues bears the own role's name
  link_flow flow = link_flow::work;
  dispatch_rules rules;
  /// While one of these holds this node's stage takes nothing.
  std::vector<condition> own_closed_by;
  condition unavailable = condition::no_worker; ///< set while no node takes work
  /// All batches belong to peers: they go back if the node drains and no other takes work.
  bool gives_back = false;
  /// A larger one is refused with body_too_large: no peer would take it.
  size_t batch_bytes_max = SIZE_MAX;
  std::chrono::milliseconds tick{100};
  std::string bound; ///< the formula that bounds what waits, for /queues
  size_t capacity = 0;
  role_table* roles = nullptr;
  telemetry* metrics = nullptr;
  /// Set on a gateway that is no worker: nothing else there knows whether it reaches a persister.
  bool tells_of_persisters = false;
  node_health* health = nullptr;
  cluster_board* board = nullptr;
  network_port* network = nullptr;
};

struct dispatch_state {
  static inline const char* name = "dispatch";

  dispatch_config config;
  std::optional<dispatch_table> table;
  std::map<link_id, std::string> peers; ///< names, for metrics and logs
  caf::strong_actor_ptr own;            ///< null: away, or this node has none
  queue_gauge* queue = nullptr;
  queue_gauge* own_queue = nullptr; ///< null: this node's own queue does not count
  bool draining = false;

  void open(dispatch_config with);
  /// Whether this node's own stage takes work now.
  bool own_ready() const noexcept;
  size_t own_depth() const noexcept; ///< batches in its queue
  void show() const;
};

dispatch_actor::behavior_type
dispatch(dispatch_actor::stateful_pointer<dispatch_state> self, dispatch_config config);

} // namespace weir
