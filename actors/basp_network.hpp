// BASP NETWORK: the cluster's network in production. CAF's BASP carries the frames; the
// tunnel carries BASP. CAF has no port: each link the tunnel has agreed on reaches it as one
// end of a socketpair, the side that dialed as BASP's client, the other as its server.
//
// On both sides a `door`, one actor, is what the peer sends its frames to. The client learns
// of the server's door by BASP's handshake and sends its own in link_open.
//
//   Owner:    the node; made before the tree, ended after it, inside the actor system's life.
//   Threads:  send() any; the door on CAF's scheduler, the tunnel on its own.
//   Bounds:   what lies in BASP's buffers, by the windows of the links; a link that is
//             declared down ends with its socket, and BASP's buffers with it.
#pragma once

#include "cluster/network.hpp"
#include "cluster/tunnel.hpp"

#include <caf/actor_system.hpp>

#include <memory>

namespace weir {

class basp_network : public network_port {
 public:
  /// `system` has loaded caf::io::middleman; it and `events` outlive the network.
  static result<std::unique_ptr<basp_network>>
  start(caf::actor_system& system, tunnel_config config, network_events& events);

  /// This node as the others see it, address filled in.
  virtual const node_card& self() const noexcept = 0;
};

} // namespace weir
