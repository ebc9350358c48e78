// DISPATCH TABLE: which batch is at which node. Pure: no actor, no clock, no bytes on a wire.
//
// A new batch waits until a node can take it, goes there, and is kept until that node's
// receipt. If the node goes away first, the batch waits again, before all others. This
// node is one of the choices if it has the role too; a batch that stays here is not kept:
// its owner submits it again should a stage of this node be lost.
//
//   most_credit   this node while its queue is short, else the peer with the most free window;
//                 among equals the one idle longest (gateway → worker)
//   rendezvous    the one node the batch's key belongs to among those that take work now
//                 (worker → persister): a batch waits for that node's window
//
//   Bounded:  batches out at a peer by the window it granted; waiting ones by what their
//             owners were admitted with.
#pragma once

#include "proto/batch.hpp"
#include "proto/link.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace weir {

enum class dispatch_policy : uint8_t { most_credit, rendezvous };

struct dispatch_rules {
  dispatch_policy policy = dispatch_policy::most_credit;
  std::string own_name; ///< this node's
  /// most_credit: batches in this node's own queue below which it goes first
  size_t own_batches_max = 4;
  /// Bytes that a batch may take beside its own where it is worked on, charged to that link's
  /// window: the parts of its records. Empty: none.
  std::function<size_t(const record_batch&)> grows_by = {};
};

class dispatch_table {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr link_id own_node = 0;

  explicit dispatch_table(dispatch_rules rules) : rules_(std::move(rules)) {}

  // -- the nodes
  void link_up(link_id link, std::string name);
  /// The peer's batches wait again, marked as copied; returns how many there were.
  size_t link_down(link_id link);
  void granted(link_id link, link_window window);
  /// The peer has refused a batch: nothing goes there until it grants again.
  void refused(link_id link);
  void set_own(bool takes_work) noexcept { own_ = takes_work; }

  // -- batches
  /// False if its envelope is here already.
  bool submit(batch_ptr batch);
  struct delivery {
    link_id to = own_node;
    uint64_t number = 0; ///< names it between the two nodes; 0 for this node
    batch_ptr batch;
  };
  /// The next batch that can go. `own_depth`: batches in this node's own queue now.
  std::optional<delivery> next(size_t own_depth);
  /// The receipt came: forgets the batch and frees its share of the window. Null for a
  /// late receipt.
  batch_ptr settle(link_id link, uint64_t number);
  /// The node did not decide the batch's fate: it waits again.
  void take_back(batch_ptr batch);
  /// True if the deadline is not past or a client has been told already (ack accepted):
  /// the batch must not be given up.
  static bool awaited(const record_batch& batch, time_point now) noexcept;
  /// Removes and returns the waiting batches that nobody awaits any more.
  std::vector<batch_ptr> expire(time_point now);
  /// Removes and returns all waiting batches: their senders have other nodes to ask.
  std::vector<batch_ptr> give_back();

  // -- for the metrics
  /// True if some node takes work, this one included.
  bool available() const noexcept;
  size_t waiting() const noexcept { return waiting_.size(); }
  size_t outstanding() const noexcept { return ids_.size() - waiting_.size(); }
  bool empty() const noexcept { return ids_.empty(); }
  struct peer_use {
    link_window window;
    link_window used;
  };
  std::optional<peer_use> use_of(link_id link) const;

 private:
  struct sent {
    batch_ptr batch;
    size_t bytes = 0;
  };
  struct peer {
    std::string name;
    link_window window;
    link_window used;
    std::map<uint64_t, sent> out; ///< by number, which is the order they were sent in
    uint64_t last_number = 0;     ///< among equal peers the one idle longest is next
  };

  static bool has_room(const peer& at, size_t bytes) noexcept;
  std::optional<link_id> choose(const record_batch& batch, size_t bytes,
                                size_t own_depth) const;
  std::optional<link_id> choose_by_credit(size_t bytes, size_t own_depth) const;
  std::optional<link_id> choose_by_key(const batch_key& key, size_t bytes) const;
  delivery hand_over(link_id to, batch_ptr batch, size_t bytes);

  const dispatch_rules rules_;
  bool own_ = false;
  std::map<link_id, peer> peers_;
  std::deque<batch_ptr> waiting_;
  std::unordered_set<uint64_t> ids_; ///< ids of the envelopes that wait or are out
  uint64_t last_number_ = 0;
};

} // namespace weir
