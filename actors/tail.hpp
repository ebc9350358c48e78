// TAIL: what sink writer and dead letters have in common. It follows the journal from a
// store's cursor, and commits what it reads in transactions of bounded size, one per
// message, so that other mail gets its turn in between.
//
//   When there is nothing to do, a request to the journal is under way, for what comes after
//   the end known so far. A busy tail looks at the durable mark instead, so that a commit
//   wakes only those who wait for it. A failure of the store or of reading is waited out:
//   exponential backoff with jitter, then the store's cursor is read again and work goes on
//   from there. Nothing is skipped.
#pragma once

#include "actors/durable_mark.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "proto/messages.hpp"
#include "storage/journal/journal.hpp"
#include "storage/sink/sink.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace weir {

class node_health;

/// Where a tail puts what it reads. Used by the actor's thread only.
class tail_store {
 public:
  virtual ~tail_store() = default;
  /// Called before anything else, until it succeeds once.
  virtual result<void> open() = 0;
  /// Frames before this place are committed. It moves back if the store was replaced underneath.
  virtual journal_position position() const noexcept = 0;
  /// Commits all or nothing; `frames` may be empty.
  virtual result<void> commit(std::span<const frame_view> frames,
                              journal_position next) = 0;
  /// False if a stretch with or without dead letters, as told, can be passed over unread.
  virtual bool wants(bool dead_letters) const noexcept = 0;
  /// Called after each attempt, with its success.
  virtual void available(bool yes) noexcept = 0;
};

/// The most records to wait for: to read and store thousands at once takes a core from
/// work that clients wait for.
inline constexpr size_t gather_records = 2'500;

struct tail_config {
  std::string reader; ///< its name to the journal: sink, dead_letters
  std::function<result<std::unique_ptr<journal_reader>>(journal_position from)>
    open_reader;
  /// Optional: without it only the journal's answers tell what is new.
  std::shared_ptr<const durable_mark> durable;
  transaction_limits limits;
  /// After the first failure; each further one doubles it.
  std::chrono::milliseconds retry_delay_min{100};
  std::chrono::milliseconds retry_delay_max{5000};
  std::chrono::milliseconds drain_deadline{5000};
  /// A transaction for a handful of records costs as much as one for thousands, and its
  /// sync delays the journal's. So while the records known to wait fill less than half of
  /// one, and are fewer than `gather_records`, they are looked at again after each
  /// `gather_delay` (0: never) until `limits.gather` has passed, or only once if a client
  /// waits for one of them to be in the sink.
  std::chrono::milliseconds gather_delay{5};
  /// How often the store gets an empty commit when there is nothing to store, for a store
  /// that does other work then. 0: never.
  std::chrono::milliseconds idle_commit{0};
  uint64_t seed = 1; ///< for the jitter
  /// Outlives the actor, which quits at once if it is told to drain while the node does not.
  const node_health* health = nullptr;
};

struct tail_state {
  tail_config config;
  std::unique_ptr<tail_store> store;
  random_source random{1};

  journal_actor journal; ///< empty while it is away
  /// Tells the answers of this journal from those of an earlier one.
  uint64_t journal_number = 0;
  bool asking = false;   ///< a request to `journal` is under way
  bool working = false;  ///< a message to ourselves is under way: there is more to do
  bool retrying = false; ///< waits for retry_at, when a tick comes
  bool draining = false;
  bool idle_commit_due = false;
  bool gathering = false; ///< the message to ourselves comes after a delay
  std::chrono::steady_clock::time_point retry_at{};
  std::chrono::steady_clock::time_point next_idle_commit{};

  std::chrono::steady_clock::time_point gather_until{}; ///< while `gathering`

  durable_until goal;        ///< how far the journal is known to be durable
  uint64_t sequence = 0;     ///< that of the last record before `position`; 0: not known
  journal_position position; ///< how far we are
  std::unique_ptr<journal_reader> reader; ///< stands at `position`, or none
  bool opened = false;
  uint32_t failures = 0; ///< in a row
  std::string last_failure;

  void note(const durable_until& news) noexcept;
  /// Notes what the durable mark says.
  void look();
  /// Opens the store if need be, then makes one transaction towards the goal.
  result<void> advance();
  /// True if there is little to do yet and more may come.
  bool worth_waiting() const noexcept;
  /// The same question after a delay.
  bool worth_waiting_on(std::chrono::steady_clock::time_point now) const noexcept;
  /// Between half and the whole of the doubled delay.
  std::chrono::milliseconds retry_delay() noexcept;

 private:
  result<void> open_store();
  result<void> pass_over();
  result<void> transfer();
};

/// Opens the store and begins. `state` lives as long as the actor.
tail_actor::behavior_type tail(tail_actor::pointer self, tail_state& state,
                               tail_config config, std::unique_ptr<tail_store> store);

} // namespace weir
