// TAIL: reads the journal behind a cursor and commits what it finds, one transaction per message.
// The sink writer and the dead letters are two of these; they differ in their target.
//
//   Accepts:     durable_until   from the journal, or from itself while there is more to read
//                role_change     of the journal
//                tick_atom       from itself after a failure: try again
//                drain_atom      goes on to the end of what is durable, then quits
//   Supervised:  sink: rest_for_one behind the journal; dead letters: by the root. Permanent,
//                detached in production: it blocks in the target's fsync.
//   Queues:      its mailbox: one question to the journal, one message to itself, one tick.
//   On failure:  of the target (locked, disk full, gone): a value. It backs off and tries the same
//                frames again; meanwhile the journal fills, not memory. A crash loses nothing: the
//                cursor is in the target.
#pragma once

#include "actors/restart_policy.hpp"
#include "actors/roles.hpp"
#include "proto/messages.hpp"
#include "storage/journal.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace weir {

/// What is done with the frames. One thread. A failure is passing: the same frames come again.
class tail_target {
public:
  virtual ~tail_target() = default;
  /// Where to go on reading. Asked until it succeeds, and again after a crash.
  virtual result<journal_position> open() = 0;
  virtual result<void> commit(std::span<const frame_view> frames, journal_position next) = 0;
  /// Where to go on reading after a failed commit: behind the last one, or earlier when what it
  /// stores in was replaced underneath.
  virtual journal_position resume_at() const = 0;
  /// False: nothing of interest lies before `until`, so it need not be read.
  virtual bool wants(const durable_until& news) const = 0;
  /// Everything durable has been committed.
  virtual bool caught_up() const = 0;
  /// The target began (why) or ceased (empty) to fail.
  virtual void trouble(std::string_view why) = 0;
};

struct tail_config {
  std::string reader; ///< how the journal knows it
  std::function<result<std::unique_ptr<journal_reader>>(journal_position from)> open_reader;
  size_t records_per_transaction_max = 10'000;
  size_t bytes_per_transaction_max = size_t{8} << 20;
  backoff_spec wait{std::chrono::milliseconds{100}, std::chrono::milliseconds{5000}, 0.2,
                    std::chrono::milliseconds{0}};
  uint64_t seed = 1;            ///< of the backoff's jitter
  role_table* roles = nullptr;  ///< outlives the actor system
};

struct tail_state {
  static inline const char* name = "tail";

  tail_config config;
  std::unique_ptr<tail_target> target;
  std::unique_ptr<journal_reader> reader; ///< null: open one at `position`
  caf::strong_actor_ptr journal;          ///< null while it is away
  bool opened = false;                    ///< the target said where to go on
  bool asked = false;                     ///< a question is with the journal
  bool waiting = false;                   ///< for the tick after a failure
  bool draining = false;
  journal_position position; ///< frames before it are committed
  durable_until known;       ///< the journal's last answer
  uint32_t failures = 0;
  std::optional<random_source> random;

  /// Reads and commits one transaction. False: there was nothing between position and known.
  result<bool> step();
  /// How long to wait after one more failure in a row.
  std::chrono::milliseconds next_wait();
};

/// `make_target` is called in the actor.
tail_actor::behavior_type tail(tail_actor::stateful_pointer<tail_state> self, tail_config config,
                               std::function<std::unique_ptr<tail_target>()> make_target);

} // namespace weir
