// SINK WRITER: commits the journal's records to the sink, in order, each exactly once.
//
//   Accepts:     durable_until   from the journal: there is more; from itself: go on
//                role_change     the journal came or went
//                tick_atom       try again after a failure
//                drain_atom      go on to the journal's end, then quit; a second one,
//                                which it sends itself after `drain_deadline`, quits
//                                at once
//                crash_atom      throws, for tests
//   Supervised:  in persist, after the journal, rest_for_one, permanent.
//   Queues:      its mailbox: one answer of the journal, one message to itself, one tick.
//   On failure:  if the sink fails, sink_down is set, the journal fills, and the writer tries
//                again with backoff and does not die. If it crashes, a fresh one goes on
//                from the sink's cursor, which commits with the data.
#pragma once

#include "actors/tail.hpp"
#include "proto/health.hpp"
#include "proto/telemetry.hpp"
#include "storage/sink/sink.hpp"

#include <caf/stateful_actor.hpp>

namespace weir {

struct sink_writer_config {
  tail_config tail; ///< its `reader` is set to role_name::sink
  std::function<result<std::unique_ptr<sink>>()> open_sink;
  /// Called after each commit and once the sink is open: every record up to `sequence` is
  /// committed. On the actor's thread; must not block or throw.
  std::function<void(uint64_t sequence)> on_stored;
  telemetry* metrics = nullptr;        ///< outlives the actor
  node_health* health = nullptr;       ///< outlives the actor
  const clock_source* clock = nullptr; ///< outlives the actor; for latencies
};

struct sink_writer_state : tail_state {
  static inline const char* name = "sink_writer";
};

tail_actor::behavior_type
sink_writer(tail_actor::stateful_pointer<sink_writer_state> self,
            sink_writer_config config);

} // namespace weir
