// HEALTH: what keeps the node from taking work right now, and what is wrong though it
// takes it. Actors set and clear conditions. All answers come from one account of them,
// ready(): /readyz of both listeners, `weir cluster status`, the log; a refused client
// hears its first reason. Any thread; set() and closed() are lock-free.
//
// Not ready: whatever closes admission (closed() gives the order), an admission that is
// full, and, on a node without clients of its own, a persister that can't be reached. A
// sink or a dead-letter store that is away is only a reason beside `ready`: the journal
// keeps what comes.
#pragma once

#include "base/codes.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

enum class condition : uint8_t {
  starting,       ///< recovery is not over, or a listener is not up yet
  draining,       ///< shutdown has begun
  stage_away,     ///< validate, transform or the journal is being restarted
  journal_full,   ///< no room until the sink catches up, or the disk has space again
  disk_full,      ///< with journal_full: it is the disk
  storage_failed, ///< the journal's disk refuses writes
  workers_hung,   ///< hung_workers_max was reached: the node drains and exits
  sink_down,      ///< the sink refuses commits; work goes on into the journal
  no_worker,      ///< a gateway: no node that validates and transforms can be reached
  no_persister,   ///< no node with a journal can be reached
  letters_down, ///< the dead-letter store refuses commits; work goes on into the journal
  letters_behind, ///< with journal_full: room comes when the dead letters go on, not the sink
};

enum class node_state : uint8_t {
  starting,
  ready,
  refusing, ///< up, but something closes admission for now
  draining,
  stopped,
};

std::string_view to_string(node_state state) noexcept;

struct readiness {
  node_state state = node_state::starting;
  /// What keeps the node from work, or is wrong all the same; a ready node may have some.
  std::vector<std::string> reasons;
  bool operator==(const readiness&) const = default;
};

class node_health {
 public:
  void set(condition c, bool on) noexcept {
    const auto before = on ? bits_.fetch_or(bit(c), std::memory_order_acq_rel)
                           : bits_.fetch_and(~bit(c), std::memory_order_acq_rel);
    if (((before & bit(c)) != 0) != on && on_change_)
      on_change_();
  }
  bool is(condition c) const noexcept {
    return (bits_.load(std::memory_order_acquire) & bit(c)) != 0;
  }

  /// none when work may be admitted, else what to answer. sink_down and letters_down do not
  /// close admission, nor does no_persister: another worker may reach one.
  ec closed() const noexcept;
  /// The first reason behind closed(), one phrase for a client; empty when admission is open.
  std::string why_closed() const;
  /// One phrase per condition that is set and not said with another, in the order above.
  std::vector<std::string> reasons() const;
  /// The whole account, with an admission that is full at this moment.
  readiness ready() const;
  /// The account without what comes and goes with single requests: for the log.
  readiness lasting() const;

  /// Sets what is called, from any thread, when a condition is set or cleared. Call it
  /// before there are other threads.
  void on_change(std::function<void()> call) { on_change_ = std::move(call); }
  /// Tells that this node takes work from its peers only. Call it before there are other threads.
  void has_no_clients() noexcept { has_clients_ = false; }
  /// Sets how to ask whether admission is full; an empty function ends the asking.
  void ask_admission(std::function<bool()> saturated);

 private:
  static constexpr uint32_t bit(condition c) noexcept {
    return 1u << static_cast<uint8_t>(c);
  }
  const char* phrase(condition c) const noexcept;
  bool is_said_by_another(condition c) const noexcept;

  std::atomic<uint32_t> bits_{bit(condition::starting)};
  bool has_clients_ = true;
  std::function<void()> on_change_;
  mutable std::mutex admission_lock_;
  std::function<bool()> saturated_;
};

} // namespace weir
