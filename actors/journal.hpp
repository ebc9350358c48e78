// JOURNAL: appends what has collected in its mailbox, syncs once, answers every part.
//
//   Accepts:     batch_ptr       encoded at once; its receipt goes to its origin after
//                                the commit
//                commit_atom     from itself: comes after the mail that was there when the
//                                first batch of a group came, so all of it shares one sync
//                tail_request -> durable_until
//                                at once, or when there is something new; each sender has
//                                one open request: an older one is answered with "so far"
//                reader_cursor   segments below the slowest reader are deleted, once
//                                every expected reader has told where it is
//                tick_atom       from itself every 100 ms while the disk is full or fails;
//                                from its upkeep when an errand is over
//                drain_atom      commits what was collected, then quits
//   Supervised:  persist, rest_for_one, permanent; detached in production (it blocks
//                in fdatasync), with a second thread that makes segments ahead and deletes
//                passed ones. That thread ends before the actor does.
//   Queues:      its mailbox: bounded by the byte budget batches are admitted under. The
//                group: `group_bytes` and one batch. Parts of streamed requests whose
//                turn has not come (storage/journal/request_order.hpp): admitted, too, and
//                given back after a second (out_of_turn): their owner sends them again.
//   On failure:  if the disk fails, every part of the group is answered storage_failed or
//                journal_full, the condition is set in node_health, and it tries again
//                every 100 ms.
//                If it can't open, it quits with the error's code (io_failed, journal_full,
//                journal_corrupt, invalid_config or sink_unavailable) and text.
//                If it crashes, the group has no receipts; the gateway submits again and
//                the batch keys make that safe.
#pragma once

#include "actors/durable_mark.hpp"
#include "actors/journal_metrics.hpp"
#include "base/clock.hpp"
#include "proto/health.hpp"
#include "proto/messages.hpp"
#include "proto/role_names.hpp"
#include "proto/telemetry.hpp"
#include "storage/journal/journal.hpp"
#include "storage/journal/request_order.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir {

/// What the sink remembers from before the journal's first segment.
struct journal_recall {
  /// One more than the sink's last committed record; 0: nothing yet.
  uint64_t next_sequence_min = 0;
  uint64_t segment = 0;             ///< the highest that has a reader's cursor in it
  std::vector<remembered_key> keys; ///< oldest first
};

/// Pointers outlive the actor.
struct journal_actor_config {
  journal_config journal;
  file_system* files = nullptr;
  const clock_source* clock = nullptr;
  telemetry* metrics = nullptr;
  node_health* health = nullptr;
  std::chrono::milliseconds retry_after{100};
  std::shared_ptr<durable_mark> durable; ///< optional: told of each commit
  std::vector<std::string> readers; ///< names that must report before anything is deleted
  /// Asked at every start; empty: nothing is remembered.
  std::function<result<journal_recall>()> recall;
  /// Called once, in the actor, when it is open and takes batches.
  std::function<void(caf::actor_id journal)> on_open;
  bool upkeep_thread = false; ///< otherwise its work is done between commits
};

struct journal_state {
  static inline const char* name = role_name::journal;
  using time_point = std::chrono::steady_clock::time_point;

  journal_actor_config config;
  std::optional<journal_metrics> metrics; ///< set by open()
  std::unique_ptr<journal_writer> writer;
  stage_gauge* stage = nullptr;
  queue_gauge* group_queue = nullptr;
  queue_gauge* disk_queue = nullptr;
  recovery_report recovered;

  bool commit_scheduled = false;
  bool tick_scheduled = false;
  request_order order;
  bool spare_refused = false;      ///< prepare() failed: left to the tick
  std::vector<time_point> arrived; ///< when each batch of the group came
  bool group_has_dead_letters = false;
  bool group_is_awaited = false; ///< a client waits until it is in the sink
  /// The end of the last commit with dead letters.
  journal_position dead_letters_end;
  /// The end of the last commit with a batch that was awaited.
  journal_position awaited_end;
  journal_counts counted; ///< what the telemetry knows already
  std::map<std::string, journal_position> cursors;
  std::string last_release_failure;
  std::map<caf::actor_id, caf::typed_response_promise<durable_until>> waiting;
  std::map<caf::actor_id, journal_position> waiting_after;

  /// Opens the journal and asks the sink what it remembers.
  result<void> open(journal_actor_config with);
  /// Adds the batch to the group; a part of a streamed request only in its turn, and with
  /// it those that waited for it.
  void take(const batch_ptr& batch);
  /// Gives back what has waited for its turn too long at `now`.
  void give_back_held(time_point now);
  bool group_is_large() const noexcept;
  /// Commits, hands each receipt to its origin, counts.
  void commit();
  /// Makes the next segment ahead, at a time when nobody waits.
  void prepare();
  /// An errand is over: notes its result and sends the next one.
  void keep_up();
  void publish_room();
  std::string slowest_reader() const;
  void retry();
  void release(const reader_cursor& cursor);
  /// Whatever is before this may be deleted, as far as `reader` is concerned.
  journal_position needed_from(const std::string& reader) const;
  /// Deletes the segments that every reader has passed.
  void delete_passed();
  bool waits_for_time() const noexcept { return in_trouble() || order.holds_any(); }
  bool in_trouble() const noexcept {
    return writer->full() || writer->failed() || spare_refused;
  }
  bool has_news_after(journal_position after) const noexcept;
  durable_until news_after(journal_position after) const noexcept;
  bool add(const batch_ptr& batch);
  void take_in_turn(const batch_ptr& batch);
  void bar_followers(const std::vector<std::shared_ptr<const batch_receipt>>& receipts);
  /// Answers those who wait for what is durable now.
  void answer_waiting();
  void publish();
};

journal_actor::behavior_type journal(journal_actor::stateful_pointer<journal_state> self,
                                     journal_actor_config config);

} // namespace weir
