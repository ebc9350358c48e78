// LINKS: this node's relations to its peers. It knows who they are and whether they still
// answer, grants them windows, takes their batches into this node's stages and sends the
// receipts back. cluster/peer_table.hpp decides what a peer may send and what its link is
// closed for; this actor sends. What this node itself sends is left to the dispatchers,
// which hear from here of links, windows and receipts.
//
//   Accepts:     link_opened,
//                link_closed,
//                link_frame      from the network
//                receipt_ptr     for a batch that came over a link; with `ack: stored` it
//                                waits here until the sink has committed the batch
//                stored_until    from the sink; the origin remembers what the sink said
//                                before this actor started
//                resubmit_atom   a stage of this node is back: it gets what has no receipt
//                role_change     of the dispatchers and of the stages that take peers' work
//                tick_atom       from itself every heartbeat: heartbeats, windows, silence
//                drain_atom      quits once no peer's batch is left here; immediately if
//                                only a dispatcher has stopped, not the node
//   Supervised:  one_for_all with the dispatchers, permanent.
//   Queues:      batches held for peers: `window` for each and flow, or one that is larger;
//                unfinished pieces: as many bytes. A peer that sends more than twice the
//                batches, or twice the bytes and a frame, has its link closed. Its mailbox:
//                what the windows allow, and heartbeats.
//   On failure:  it closes all links as it starts, so that peers send again what was here;
//                what the stages still make of it finds no one waiting.
#pragma once

#include "actors/link_ports.hpp"
#include "actors/roles.hpp"
#include "cluster/board.hpp"
#include "cluster/members.hpp"
#include "cluster/network.hpp"
#include "cluster/peer_table.hpp"
#include "proto/health.hpp"
#include "proto/messages.hpp"
#include "proto/ports.hpp"
#include "proto/role_names.hpp"
#include "proto/telemetry.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

/// Where batches of one flow enter this node, and who sends this node's own.
struct flow_roles {
  std::string stage;      ///< validate, journal; empty: this node takes none
  std::string dispatcher; ///< to_worker, to_persister; empty: this node sends none
};

/// Pointers outlive the actor system.
struct links_config {
  node_card self;
  std::array<flow_roles, link_flows> flows;
  std::chrono::milliseconds heartbeat{300};
  /// A peer without a word for this long is down.
  std::chrono::milliseconds silence{1000};
  std::chrono::milliseconds forget_after{600'000};
  link_window window{32, 8 << 20}; ///< granted to each peer and flow
  uint32_t peers_max = 16;
  /// True if this node's catalog has a stream; asked for batches that are not validated.
  std::function<bool(std::string_view)> knows_stream;
  /// The origin of peers' batches: sends receipts here.
  std::shared_ptr<link_origin> origin;
  role_table* roles = nullptr;
  telemetry* metrics = nullptr;
  node_health* health = nullptr;
  cluster_board* board = nullptr;
  network_port* network = nullptr;
  /// Optional; called at every start, once this actor hears the network. Nobody would
  /// know of links that came up before, and they would have to be closed again.
  std::function<void()> heard;
};

struct links_state {
  static inline const char* name = role_name::links;
  using time_point = std::chrono::steady_clock::time_point;

  links_config config;
  std::optional<members> known;
  std::optional<peer_table> peers;
  std::map<std::string, caf::strong_actor_ptr> local; ///< by role, null: away
  queue_gauge* queue = nullptr;
  uint32_t ticks = 0;
  bool draining = false;

  void open(links_config with, time_point now);
  /// True while this node takes peers' batches of this flow.
  bool takes(link_flow flow) const;
  caf::strong_actor_ptr local_actor(const std::string& role) const;
  void show() const;
};

links_actor::behavior_type links(links_actor::stateful_pointer<links_state> self,
                                 links_config config);

} // namespace weir
