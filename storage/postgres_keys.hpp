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
#pragma once

#include "storage/journal.hpp"
#include "storage/postgres.hpp"

#include <span>
#include <vector>

namespace weir::postgres {

struct claim_terms {
  uint64_t source = 0;         ///< number of the journal's row in cursors
  bool all = true;             ///< or those with an Idempotency-Key only
  int64_t verify_until_us = 0; ///< batches received until then are looked for in records
};

/// Inside the caller's transaction: the frames that are to be stored by it.
result<std::vector<const frame_view*>>
claim(connection& db, std::span<const frame_view> frames, const claim_terms& terms);

/// Ends sessions of other sinks that hold locks while the server waits for their node to say
/// something; how many. A node that was stopped or cut off in the middle of a COPY would hold
/// its batches' keys for as long as it is away; when it comes back it finds its connection
/// lost.
result<int> end_silent_holders(connection& db);

/// Those with an Idempotency-Key, oldest first: the youngest `keys_max` received since.
result<std::vector<remembered_key>> list_keys(connection& db, uint64_t source,
                                              int64_t oldest_us, size_t keys_max);

/// Forgets keys received before `oldest_us`, and above `keys_max` the oldest, of both kinds;
/// at most 100,000 of each a call. A transaction of its own; one at a time in the database.
result<void> prune_keys(connection& db, int64_t oldest_us, size_t keys_max);

/// Which of `frames` have their key in batch_keys.
result<std::vector<bool>> have_keys(connection& db, std::span<const frame_view> frames);

} // namespace weir::postgres
