// DEAD LETTERS: keeps rejected and quarantined records, which the journal carries beside
// the others, in the dead letter store. Stretches of the journal without any are passed
// over unread.
//
//   Accepts:     as the sink writer: durable_until, role_change, tick_atom,
//                drain_atom, crash_atom
//   Supervised:  by the root, one_for_one, permanent.
//   Queues:      its mailbox: one answer of the journal, one message to itself, one tick.
//   On failure:  if the store fails, it tries again with backoff; the journal keeps the
//                letters.
#pragma once

#include "actors/tail.hpp"
#include "proto/health.hpp"
#include "proto/role_names.hpp"
#include "proto/telemetry.hpp"
#include "storage/dead_letters.hpp"

#include <caf/stateful_actor.hpp>

namespace weir {

struct dead_letter_metrics {
  telemetry& in;
  counter& stored =
    in.counter({"weir_dead_letters_stored_total", "Dead letters committed."});
};

struct dead_letters_config {
  tail_config tail; ///< its `reader` is set to role_name::dead_letters
  std::function<result<std::unique_ptr<dead_letter_store>>()> open_store;
  telemetry* metrics = nullptr;        ///< outlives the actor
  const clock_source* clock = nullptr; ///< outlives the actor; for latencies
  node_health* health = nullptr;       ///< optional; outlives the actor
};

struct dead_letters_state : tail_state {
  static inline const char* name = role_name::dead_letters;
};

tail_actor::behavior_type
dead_letters(tail_actor::stateful_pointer<dead_letters_state> self,
             dead_letters_config config);

} // namespace weir
