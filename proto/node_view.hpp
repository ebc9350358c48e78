// What the operations listener may know of the node: the live tree and whether it is
// ready. The actors publish it; HTTP only reads. Any thread.
#pragma once

#include "proto/health.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir {

/// One node of the supervision tree, for /actors.
struct actor_view {
  std::string id;       ///< path in the tree: root/transform/workers/worker-1
  std::string parent;   ///< path of its supervisor, empty for the root
  std::string role;     ///< what it does: supervisor, stage, worker, journal, sink, …
  std::string kind;     ///< supervisor or worker (OTP's words)
  std::string state;    ///< starting, running, restarting, stopping, stopped, abandoned
  std::string strategy; ///< a supervisor's: one_for_one, …
  double uptime_seconds = 0;
  uint32_t restarts_total = 0;
  uint32_t restarts_in_window = 0; ///< among a supervisor's children
  uint32_t restarts_max = 0;
  double window_seconds = 0;
  std::string last_crash; ///< reason, at most 256 bytes; empty when it never crashed
  double records_per_second = 0;
  int64_t queue_depth = -1; ///< -1: it has no queue of its own
  int64_t credit = -1;      ///< -1: it holds none
};

class node_view {
 public:
  virtual ~node_view() = default;
  /// Parents before children, in start order.
  virtual std::vector<actor_view> actors() const = 0;
  virtual readiness ready() const = 0;
};

} // namespace weir
