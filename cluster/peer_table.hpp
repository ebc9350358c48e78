// PEER TABLE: what this node and its peers owe each other over their links. Pure: no actor, no
// clock, no socket.
//
// A peer is granted a window for each flow that it may send here. Its batch is held, and counts
// against the peer, from its last piece until its receipt; with `ack: stored` the receipt waits
// here until the sink has the batch. When the link goes down, what the peer had here is forgotten:
// it sends that again, and what the stages still make of it finds nobody waiting.
//
// What breaks the rules is a fault, whose text says why the link is to be closed:
//
//   role      a peer sends batches that its role does not send, or that have no stage here
//   pieces    they contradict each other, or are more than twice the window and a frame
//   window    a peer has more here than twice the batches, or twice the bytes and a frame
//   silence   no word for `silence`
//
//   Bounded:  by those rules for each peer and flow. A peer that keeps to its window has at most
//             half of that here, because a receipt frees its share here before there; or it has
//             one larger batch alone, whose pieces have the same bound.
#pragma once

#include "cluster/assembler.hpp"
#include "cluster/link_frame.hpp"
#include "proto/batch.hpp"
#include "proto/health.hpp"
#include "proto/link.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct peer_rules {
  link_window window{32, 8 << 20}; ///< granted to each peer and flow
  /// A peer without a word for this long is down.
  std::chrono::milliseconds silence{1000};
  std::array<bool, link_flows> takes{}; ///< flows that have a stage on this node
};

/// True if the node has the role that takes what is sent in this flow.
bool takes_part(const node_card& card, link_flow flow) noexcept;
/// True if nothing keeps this node from taking peers' batches of the flow right now.
bool is_open(const node_health& health, link_flow flow) noexcept;

class peer_table {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit peer_table(const peer_rules& rules, time_point now)
    : rules_(rules), last_look_(now) {}

  struct peer {
    node_card card;
    std::array<link_window, link_flows> granted;   ///< granted by us
    std::array<link_window, link_flows> held;      ///< what we hold of its batches
    std::array<link_window, link_flows> grants_us; ///< granted by the peer
  };

  // -- links
  void link_up(link_id link, node_card card, time_point now);
  /// Forgets the peer and its batches; returns who it was, nothing if the link is not known.
  std::optional<node_card> link_down(link_id link);
  /// Null when the link is down.
  const peer* find(link_id link) const;
  /// The link is up, here and wherever else one is given below.
  const std::string& name(link_id link) const { return peers_.at(link).card.name; }
  std::vector<link_id> links() const;
  /// The links to close: their peers have been silent for too long. Called at every tick. If a
  /// tick comes late, this process itself was stopped, and no peer was silent for long.
  std::vector<link_id> silent(time_point now);

  // -- what a peer says
  /// Something came: the peer lives. False when its link is down.
  bool heard(link_id link, time_point now);
  struct beat_news {
    bool draining_changed = false;
    std::optional<double> round_trip_seconds;
  };
  beat_news heard_beat(link_id link, const heartbeat_frame& beat, time_point now);
  void heard_window(link_id link, const window_frame& frame);

  /// A batch or receipt that is whole; `bytes` lives until the next piece, and no longer than the
  /// piece that it came in.
  struct arrival {
    piece_of what = piece_of::batch;
    link_flow flow = link_flow::work;
    uint64_t number = 0;
    std::string_view bytes;
    std::string text; ///< a batch's, if it came beside `bytes`
    size_t size() const noexcept { return bytes.size() + text.size(); }
  };
  /// Nothing while pieces are missing. The text comes with a piece that is a whole batch.
  result<std::optional<arrival>> heard_piece(link_id link, const piece_frame& piece,
                                             std::string text);

  // -- what a peer is told
  heartbeat_frame next_beat(link_id link, bool draining, time_point now) const;
  /// A window for each flow that the peer may send here: nothing while the flow is closed.
  std::vector<window_frame> grant(link_id link, const std::array<bool, link_flows>& open);

  // -- a peer's batches in this node's stages
  struct held_batch {
    link_id link = 0;
    link_flow flow = link_flow::work;
    uint64_t number = 0; ///< the peer's name for it
    size_t bytes = 0;    ///< what it counts against the peer
    batch_ptr batch;
  };
  /// Valid until the batch's receipt is sent or the link goes down.
  const held_batch& hold(held_batch one);
  bool holds(const record_batch& batch) const;
  /// A stage was away and may have lost what has no receipt yet: that goes in again, by envelope,
  /// and is marked as copied, because the first copy may be stored all the same.
  std::vector<held_batch> submit_again() const;

  using shared_receipt = std::shared_ptr<const batch_receipt>;
  struct settled {
    held_batch one;
    shared_receipt receipt;
  };
  /// The receipt came: the batch is held no more and its peer must hear. Nothing if the batch is
  /// not held, or the receipt waits for the sink, which has `last_stored`.
  std::optional<settled> settle(shared_receipt receipt, uint64_t last_stored);
  /// The sink has everything up to `sequence`: what waited for that, oldest first.
  std::vector<settled> stored(uint64_t sequence);

  size_t held() const noexcept { return held_.size(); }
  size_t awaiting_sink() const noexcept { return awaiting_sink_.size(); }

 private:
  struct link_state : peer {
    link_state(node_card who, size_t bytes_max, time_point now)
      : peer{std::move(who), {}, {}, {}}, pieces(bytes_max), heard_at(now) {}

    assembler pieces;
    time_point heard_at;
    int64_t sent_at_ns = 0; ///< its last heartbeat's stamp, on its clock
    time_point sent_came{}; ///< when that came, on ours
  };

  size_t bytes_max() const noexcept { return 2 * rules_.window.bytes + frame_bytes_max; }
  bool takes_from(const peer& from, link_flow flow) const noexcept;
  bool beyond_window(const peer& from, const arrival& came) const noexcept;
  std::optional<settled> release(const shared_receipt& receipt);

  const peer_rules rules_;
  time_point last_look_;
  std::map<link_id, link_state> peers_;
  std::map<uint64_t, held_batch> held_;                   ///< by envelope
  std::multimap<uint64_t, shared_receipt> awaiting_sink_; ///< by last sequence
};

} // namespace weir
