// NETWORK: the cluster's actors see no more of it than this. `network_port` is a node's
// way to its peers, `network_events` tells the node about them. Production puts a TLS
// tunnel behind both (cluster/tunnel/tunnel.hpp), a simulation its own network.
//
// A link is one connection between two nodes with an identity of its own. While it is up,
// frames come whole and at most once, but a small one may overtake large ones. When it
// goes down, some may be lost; a later connection is another link.
#pragma once

#include "proto/link.hpp"

#include <string>
#include <vector>

namespace weir {

/// Any thread; never blocks; never throws.
class network_port {
 public:
  virtual ~network_port() = default;

  /// Drops the frame if the link is down. The caller bounds what is on the way (link windows).
  virtual void send(link_id to, outgoing_frame frame) noexcept = 0;
  /// Ends a link; link_down follows on both sides.
  virtual void close(link_id link, std::string reason) noexcept = 0;
  /// Ends all links: this node's actors have lost what they knew of them.
  virtual void reset() noexcept = 0;
  /// Tells addresses (host:port) of nodes that others know; they are dialed if no link leads there.
  virtual void learn(std::vector<std::string> addresses) noexcept = 0;
};

/// Called by the network, from its own threads.
class network_events {
 public:
  virtual ~network_events() = default;
  /// The peer has been let in: its certificate, protocol version and name are right. This
  /// is the only link to that node.
  virtual void link_up(link_id link, const node_card& peer) noexcept = 0;
  virtual void link_down(link_id link, const std::string& reason) noexcept = 0;
  /// A frame, in the two parts in which it was sent; `text` and `slip` as in link_frame.
  virtual void received(link_id link, std::string head, std::string text,
                        frame_slip slip) noexcept = 0;
};

} // namespace weir
