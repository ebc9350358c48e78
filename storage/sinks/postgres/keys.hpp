// POSTGRES KEYS: which batches are stored already, whoever stored them.
//
// A batch is stored by the transaction that inserts its key into `batch_keys`. Where two
// transactions insert the same key, the second waits for the first: if that commits, the batch
// is skipped, if it does not, the second has the key. One statement inserts all keys of a
// transaction in order, so transactions that share keys do not wait for each other in a circle.
//
// Keys do not stay for ever, and a journal may come back after weeks with batches that were sent
// elsewhere meanwhile. So `key_horizon` moves, in the transaction that forgets keys, to the time
// of the youngest forgotten; for batches received before it, and for those a journal had before
// its cursor was made, `records` itself is asked.
//
// Which keys are the oldest is told by the transaction that inserted them (`xmin`), and their age
// is counted as key_ages.hpp says: by `received_at` a node whose clock was wrong would lose keys
// before their time, and the repeat, received after the horizon, would be stored twice.
#pragma once

#include "storage/journal/journal.hpp"
#include "storage/journal/key_ages.hpp"
#include "storage/sinks/postgres/clock.hpp"
#include "storage/sinks/postgres/postgres.hpp"

#include <span>
#include <vector>

namespace weir::postgres {

struct claim_terms {
  uint64_t source = 0;         ///< number of the journal's row in cursors
  bool all = true;             ///< false: only those with an Idempotency-Key
  int64_t verify_until_us = 0; ///< batches received until then are looked for in records
  time_window times{};         ///< what was received outside has another time in records
};

/// Claims the keys inside the caller's transaction; returns the frames that it is to store.
result<std::vector<const frame_view*>>
claim(connection& db, std::span<const frame_view> frames, const claim_terms& terms);

/// Ends sessions of other sinks that hold locks while the server waits for their node to say
/// something; returns how many. A node that was stopped or cut off in the middle of a COPY would
/// hold its batches' keys for as long as it is away; when it comes back it finds its connection
/// lost.
result<int> end_silent_holders(connection& db);

/// The youngest `keys_max` keys of requests with an Idempotency-Key, oldest first.
result<std::vector<remembered_key>> list_keys(connection& db, uint64_t source,
                                              size_t keys_max);

struct key_limits {
  int64_t oldest_us = 0; ///< what was received before is too old, if `ages` says so too
  size_t keys_max = 0;   ///< per kind, plus the keys of one transaction
};

/// Forgets keys that are too old or too many, of both kinds; at most 100,000 for each reason a
/// call. `ages` counts the server's transactions. Runs in a transaction of its own, one at a time
/// in the database.
result<void> prune_keys(connection& db, const key_limits& limits, key_ages& ages,
                        key_ages::time_point now);

/// Which of `frames` have their key in batch_keys.
result<std::vector<bool>> have_keys(connection& db, std::span<const frame_view> frames);

} // namespace weir::postgres
