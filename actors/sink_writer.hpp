// SINK WRITER: follows the journal into the sink (actors/tail.hpp is the actor itself). Tells
// whoever waits for `ack: stored`, and the telemetry, how far the sink has come.
#pragma once

#include "actors/tail.hpp"
#include "proto/health.hpp"
#include "proto/telemetry.hpp"
#include "storage/sink.hpp"

#include <functional>
#include <memory>

namespace weir {

struct sink_writer_config {
  tail_config tail;
  std::function<result<std::unique_ptr<sink>>()> open_sink;
  std::function<void(uint64_t sequence)> on_stored; ///< after each commit, from its thread
  const clock_source* clock = nullptr;              ///< as all below, outlives the actor system
  telemetry* figures = nullptr;
  node_health* health = nullptr;
};

tail_actor::behavior_type sink_writer(tail_actor::stateful_pointer<tail_state> self,
                                      sink_writer_config config);

} // namespace weir
