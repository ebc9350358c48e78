// What the operations listener may know of the cluster: the members this node knows and the
// links it has. Any thread.
#pragma once

#include "proto/link.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace weir {

struct member_view {
  node_card card;
  std::string state; ///< self, up, draining, down
};

/// What is on the way between two nodes in one flow and direction.
struct flow_view {
  link_window window; ///< what may be on the way
  link_window used;   ///< what is on the way
};

struct link_view {
  std::string peer;
  bool up = false;
  double round_trip_seconds = 0;
  std::array<flow_view, link_flows> out; ///< sent by us, by link_flow
  std::array<flow_view, link_flows> in;  ///< sent by the peer
  // Totals over all links to this peer since the process started:
  uint64_t batches_sent = 0;
  uint64_t batches_received = 0;
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  uint64_t resends = 0; ///< batches taken back from it and sent elsewhere
  uint64_t losses = 0;  ///< times a link to it went down
};

struct cluster_snapshot {
  std::string node;
  std::vector<member_view> members; ///< by name
  std::vector<link_view> links;     ///< by peer
};

class cluster_view {
 public:
  virtual ~cluster_view() = default;
  virtual cluster_snapshot snapshot() const = 0;
};

} // namespace weir
