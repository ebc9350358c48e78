// TUNNEL: carries CAF's network protocol between nodes. CAF 0.17.6 dies of one malformed
// packet and buffers without bound, so it is never given a port: the tunnel alone listens
// and dials, under mutual TLS, and only when a peer's certificate, version and name are
// right does CAF see anything of it, as one end of a socketpair that no other process can
// reach. Between the two the tunnel moves bytes through a fixed buffer in each direction,
// and stops reading from the one while the other does not take them.
//
//   Owner:    the node; one thread of its own.
//   Bounds:   connections that are not links yet: `handshakes_max`, each for at most
//             `handshake_deadline`; links: `peers_max`; 128 KiB of buffer for each link.
//   Dialing:  seeds and learned addresses are resolved again and again; every address behind
//             a name that no link leads to is dialed, once a second at most.
//   Failure:  whatever goes wrong with a connection closes it, and it alone.
#pragma once

#include "cluster/wire.hpp"
#include "proto/link.hpp"
#include "proto/result.hpp"

#include <chrono>
#include <functional>
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
  size_t handshakes_max = 64;
  std::chrono::milliseconds handshake_deadline{3000};
  std::chrono::milliseconds dial_interval{250};
};

/// A connection both sides have agreed on. Whoever is told owns `descriptor`, a stream
/// socket: closing it ends the link.
struct tunnel_link {
  link_id link = 0;
  node_card peer;
  int descriptor = -1;
  bool dialed_by_us = false;
};

/// Called on the tunnel's thread; must not block.
struct tunnel_events {
  std::function<void(tunnel_link)> opened;
  std::function<void(link_id, const std::string& reason)> closed;
};

class tunnel {
 public:
  /// Bound, but nothing happens before run().
  static result<std::unique_ptr<tunnel>> open(tunnel_config config, tunnel_events events);
  virtual ~tunnel() = default; ///< closes everything and joins the thread

  virtual void run() = 0; ///< starts the thread; once

  // Any thread, after run().
  /// `closed` follows, also when there is no such link.
  virtual void close(link_id link, std::string reason) = 0;
  virtual void close_all(std::string reason) = 0;
  virtual void learn(std::vector<std::string> addresses) = 0;
  /// The link carries frames: its handshake is over in every layer.
  virtual void confirm(link_id link) = 0;

  virtual const node_card& self() const noexcept = 0;
};

} // namespace weir
