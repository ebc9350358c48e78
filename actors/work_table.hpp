// WORK TABLE: what a stage owns: every batch that came and has not gone on, whether it is
// queued, held by a worker, or done and waiting for the next stage. Pure: no actor, no
// clock. It decides who works on what, and finds the records that kill workers.
//
// A batch is worked on whole. When its worker dies or hangs, the progress mark says which
// record was in hand, and the batch is cut in three: the records before, the suspect
// alone, and those after. The suspect is tried again until `tries_max` workers have died
// of it, or it has hung `hangs_max`; then it is quarantined and the rest goes through.
// One that hung is known when it comes again, and quarantined at once (known_poison). If
// there is no mark, or marks have accused an innocent record, the piece is tried once
// more and then halved (bisection) until the culprit is alone. A piece is cut at most
// once per record it has, so the work on a batch is bounded whatever its workers do. The
// pieces of a batch are merged again and leave as one: a batch is stored whole or not at
// all.
//
// A batch is fused unless it is large: its worker does the next stage's work as well, because
// handing it over costs more than it gains. The chunks of a streamed request are fused all or none:
// otherwise one might overtake an earlier, larger one at the stage that it skips.
//
// Order: high priority before normal before low, but each eighth order goes to the oldest
// of all queues' first pieces, so a flood of high priority slows the rest down to an
// eighth and never starves it. Within a priority, chunks of streamed requests take turns
// with all other batches: a small request does not wait for all chunks of an upload that
// are here.
#pragma once

#include "actors/known_poison.hpp"
#include "proto/messages.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir {

struct work_limits {
  size_t capacity = 64; ///< batches owned at once
  /// How long a worker may hold one order.
  std::chrono::steady_clock::duration deadline = std::chrono::seconds{5};
  uint32_t tries_max = 3; ///< workers one record may kill; ≥ 2
  uint32_t hangs_max = 2; ///< workers it may hang: each is a thread that never comes back
  size_t fuse_bytes = 0;  ///< batches up to this size are fused; 0: none
  /// Chunks of streamed requests are fused, whatever their size.
  bool fuse_chunks = false;
};

/// How a worker left the order it held.
enum class loss : uint8_t { left, crashed, hung };

class work_table {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using worker_id = uint64_t; ///< any name that is never used twice

  explicit work_table(const work_limits& limits) : limits_(limits) {}

  enum class admission : uint8_t { taken, duplicate, saturated };
  /// Takes a batch; a duplicate is one whose envelope is here already. A batch without
  /// records is done at once.
  admission submit(batch_ptr batch, time_point now);

  /// The next piece for `worker`; nothing if none is queued or the worker holds one
  /// already.
  std::optional<work_order> take(worker_id worker, time_point now);

  /// False if the job was given up before: its result is ignored.
  bool finish(work_result result);

  /// The worker is gone or given up; true when it held an order. `left` blames nobody.
  bool lost(worker_id worker, loss how, std::string_view reason);

  /// Workers that hold an order for longer than the deadline.
  std::vector<worker_id> overdue(time_point now) const;

  /// The whole process stood still for so long, which makes no worker late.
  void excuse(std::chrono::steady_clock::duration standstill);

  /// Removes and returns batches nobody waits for any more: past their envelope's
  /// deadline, held by no worker, and without a part that was already answered (ack
  /// accepted). The oldest come first. A batch in pieces stays: it has cost workers, and
  /// will be rid of its poison.
  std::vector<batch_ptr> expire(time_point now);

  struct finished {
    batch_ptr batch;
    uint64_t records = 0; ///< records that came in
    time_point since{};   ///< when it came
    bool fused = false;   ///< the next stage's work is done too
    next_work next{};     ///< what was done for the next stage
  };
  /// A batch that is done; empty if there is none. The table forgets it with this call.
  /// Batches of one streamed request come out in the order they came in; others do not
  /// wait for each other.
  std::optional<finished> take_done();

  bool has_queued() const noexcept { return queued_ > 0; }
  size_t depth() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  uint64_t cuts() const noexcept { return cuts_; } ///< pieces cut so far, for tests

 private:
  struct piece {
    uint64_t age = 0; ///< its batch's age
    uint64_t envelope = 0;
    batch_ptr batch;
    uint32_t crashes = 0;
    bool suspect = false; ///< cut out because a mark accused it
  };
  struct entry {
    batch_ptr whole;
    time_point since{};
    uint64_t age = 0;
    size_t open = 0; ///< pieces queued or held
    size_t held = 0;
    bool cut = false;          ///< more than one piece, or something quarantined
    bool marks_trusted = true; ///< until one accuses an innocent
    bool fused = false;
    next_work next{};
    std::vector<batch_ptr> results;
    std::vector<rejection> quarantined;
  };
  /// The queues of one priority: one for batches that are whole requests, one for chunks.
  struct lane {
    std::deque<piece> of[2];
    size_t turn = 0; ///< the queue whose turn it is
  };
  struct order {
    piece work;
    worker_id worker = 0;
    time_point since{};
    std::shared_ptr<progress_mark> progress;
  };

  bool fuses(const record_batch& batch) const noexcept;
  void enqueue(piece work);
  void enqueue_unknown(uint64_t envelope, entry& owner, time_point now);
  piece next_piece();
  void retry(entry& owner, piece work, const order& from, loss how,
             std::string_view reason);
  uint32_t tries_of(loss how) const noexcept;
  void accuse(entry& owner, const piece& work, uint32_t suspect);
  void halve(entry& owner, const piece& work);
  void add_piece(entry& owner, const piece& from, uint32_t first, uint32_t last,
                 uint32_t crashes, bool suspect);
  void quarantine(entry& owner, const record_batch& batch, uint32_t record,
                  std::string detail);
  void close_piece(uint64_t envelope, entry& owner);
  /// True if an earlier batch of the same streamed request is still here.
  bool must_wait(uint64_t envelope) const;

  work_limits limits_;
  std::unordered_map<uint64_t, entry> entries_; ///< by envelope id
  lane lanes_[3];                               ///< by priority
  std::map<uint64_t, order> orders_; ///< by job; jobs grow, so the oldest is first
  std::unordered_map<worker_id, uint64_t> jobs_; ///< the job that each busy worker holds
  std::deque<uint64_t> done_;                    ///< envelope ids
  known_poison hung_;
  size_t queued_ = 0;
  uint64_t next_job_ = 1;
  uint64_t next_age_ = 1;
  uint64_t takes_ = 0;
  uint64_t cuts_ = 0;
};

/// The pieces of `whole` as one batch again: records in order, in a text buffer of their
/// own; rejections are the whole's, then all new ones in order of record.
batch_ptr merge(const record_batch& whole, const std::vector<batch_ptr>& results,
                std::vector<rejection> quarantined);

} // namespace weir
