// TUNNEL: the cluster's network in production: it listens, dials, and carries the frames
// of this node's links, under mutual TLS. Actors hear of a peer only when its
// certificate, version and name are right.
//
//   Owner:    the node; one thread of its own, which calls `network_events`.
//   Bounds:   connections that are not links yet: `handshakes_max` accepted ones, and beside
//             them this node's own dials (cluster/tunnel/dial_plan.hpp), each for at most
//             `handshake_deadline`; links: `peers_max`; for each link 600 KiB of buffers,
//             what the peer's windows allow to wait (network_port::send), and
//             `small_waiting_bytes_max` of small frames; one frame that has come in part, and
//             `unread_bytes_max` that actors have not read. A longer frame ends its link
//             before there is memory for it.
//   Failure:  whatever goes wrong with a connection closes it, and only it.
#pragma once

#include "base/result.hpp"
#include "cluster/network.hpp"
#include "cluster/tunnel/wire_identity.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace weir {

struct tunnel_config {
  std::string host;
  uint16_t port = 0;              ///< 0: any free one
  std::vector<std::string> seeds; ///< host:port
  node_card self; ///< an empty address is filled in with host and the port bound
  wire_identity identity;
  size_t peers_max = 16;
  size_t handshakes_max = 64;                 ///< accepted ones
  size_t unread_bytes_max = size_t{16} << 20; ///< for one link's frames
  /// Heartbeats and receipts for one link.
  size_t small_waiting_bytes_max = size_t{16} << 20;
  std::chrono::milliseconds handshake_deadline{3000};
  std::chrono::milliseconds dial_interval{250};
};

class tunnel : public network_port {
 public:
  /// Bound already, but nothing happens before run(). `events` outlives the tunnel.
  static result<std::unique_ptr<tunnel>> open(tunnel_config config,
                                              network_events& events);

  virtual void run() = 0; ///< starts the thread; once
  /// This node as the others see it, address filled in.
  virtual const node_card& self() const noexcept = 0;
};

} // namespace weir
