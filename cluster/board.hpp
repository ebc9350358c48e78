// BOARD: the cluster's metrics, written by its actors and read by /cluster and /metrics. A plain
// object with one lock; it outlives every actor, so that a restart loses no count.
//
//   Bounded:  by the peers there have been, whose names come from certificates of our own CA;
//             beyond members_max the peers without a link are dropped.
#pragma once

#include "proto/cluster_view.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace weir {

class cluster_board final : public cluster_view {
 public:
  explicit cluster_board(std::string node) : node_(std::move(node)) {}

  /// How many batches of peers have no receipt yet, for those who wait until there are none.
  std::atomic<uint64_t> held{0};
  /// Every peer has been told that this node drains.
  std::atomic<bool> drain_announced{false};

  void link_up(const std::string& peer);
  void link_down(const std::string& peer);
  void received(const std::string& peer, uint64_t batches, uint64_t bytes);
  void sent(const std::string& peer, uint64_t batches, uint64_t bytes);
  void round_trip(const std::string& peer, double seconds);
  /// What the peer was granted and has here now, by link_flow.
  void holds(const std::string& peer, const std::array<link_window, link_flows>& granted,
             const std::array<link_window, link_flows>& used);
  /// Runs `change` under the lock: it must be short.
  void update(const std::string& peer, const std::function<void(link_view&)>& change);
  void set_members(std::vector<member_view> members);

  cluster_snapshot snapshot() const override;
  /// True if a member that keeps records can be reached.
  bool reaches_persister() const;

 private:
  const std::string node_;
  mutable std::mutex lock_;
  std::vector<member_view> members_;
  std::map<std::string, link_view> links_;
};

} // namespace weir
