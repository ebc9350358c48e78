// TREE: the supervision tree of one node, in one place. ARCHITECTURE.md draws it; every
// child is listed here in the order it starts (and, backwards, stops).
#pragma once

#include "actors/pipeline.hpp"
#include "actors/roles.hpp"
#include "actors/supervisor.hpp"
#include "app/config.hpp"
#include "proto/clock.hpp"
#include "records/catalog.hpp"
#include "storage/file_system.hpp"

#include <cstdint>
#include <functional>

namespace weir {

/// What the actors work with. Everything outlives the actor system.
struct tree_parts {
  const config& settings;
  telemetry& figures;
  node_health& health;
  role_table& roles;
  catalog_holder& streams;
  const clock_source& clock;
  file_system& files;
  pipeline& flow;
  std::function<void()> stop_accepting;
  std::function<uint64_t()> in_flight; ///< requests without an answer
  uint64_t seed = 1;                   ///< of every jitter and sample in the tree
  /// Blocking actors get a thread of their own; a simulation puts them on its scheduler.
  bool own_threads = true;
};

/// `parts` must live as long as the tree.
supervisor_spec make_tree(const tree_parts& parts);

} // namespace weir
