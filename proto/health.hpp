// What keeps the node from taking work right now. Actors set and clear conditions; admission and
// /readyz read them. Lock-free; any thread.
#pragma once

#include "proto/codes.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace weir {

enum class condition : uint8_t {
  starting,       ///< recovery is not over, or a listener is not up yet
  draining,       ///< shutdown has begun
  stage_away,     ///< validate, transform or the journal is being restarted
  journal_full,   ///< no room until the sink catches up, or the disk has some
  disk_full,      ///< with journal_full: it is the disk
  storage_failed, ///< the journal's disk refuses writes
  workers_hung,   ///< hung_workers_max was reached: the node drains and exits
  sink_down,      ///< the sink refuses commits; work goes on into the journal
  no_worker,      ///< a gateway: no node that validates and transforms can be reached
  no_persister,   ///< a worker: no node with a journal can be reached
};

class node_health {
 public:
  void set(condition c, bool on) noexcept {
    if (on)
      bits_.fetch_or(bit(c), std::memory_order_acq_rel);
    else
      bits_.fetch_and(~bit(c), std::memory_order_acq_rel);
  }
  bool is(condition c) const noexcept {
    return (bits_.load(std::memory_order_acquire) & bit(c)) != 0;
  }

  /// none when work may be admitted, else what to answer. sink_down does not
  /// close admission, nor does no_persister: another worker may reach one.
  ec closed() const noexcept;
  /// One phrase per condition that is set, in the order above; for /readyz.
  std::vector<std::string> reasons() const;

 private:
  static constexpr uint32_t bit(condition c) noexcept {
    return 1u << static_cast<uint8_t>(c);
  }
  std::atomic<uint32_t> bits_{bit(condition::starting)};
};

} // namespace weir
