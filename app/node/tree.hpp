// TREE: the supervision tree of one node, in one place. ARCHITECTURE.md draws it; every
// child is listed here in the order it starts (and, backwards, stops).
#pragma once

#include "actors/durable_mark.hpp"
#include "actors/link_ports.hpp"
#include "actors/pipeline.hpp"
#include "actors/roles.hpp"
#include "actors/supervision/supervisor.hpp"
#include "app/config/config.hpp"
#include "base/clock.hpp"
#include "cluster/board.hpp"
#include "cluster/network.hpp"
#include "records/fuse.hpp"
#include "records/transform.hpp"
#include "records/validate.hpp"
#include "storage/dead_letters.hpp"
#include "storage/files/file_system.hpp"
#include "storage/journal/tail_cache.hpp"
#include "storage/sink/sink.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace weir {

/// What a stage's workers do with a batch; see records/validate.hpp, transform.hpp and fuse.hpp.
using batch_work = std::function<batch_ptr(const record_batch&, const catalog&,
                                           work_scratch&, std::atomic<uint32_t>& mark)>;
using fused_batch_work =
  std::function<fused_batch(const record_batch&, const catalog&, work_scratch&,
                            std::atomic<uint32_t>& mark, const clock_source&)>;

/// How to open the stores behind the journal. Called on the threads of those who use
/// them, and again after each of their crashes.
struct tree_stores {
  std::function<result<std::unique_ptr<sink>>()> open_sink;
  std::function<result<std::unique_ptr<dead_letter_store>>()> open_dead_letters;
  /// Opens the store beside the actor that writes it; null if there is none yet.
  std::function<result<std::unique_ptr<dead_letter_store>>()> read_dead_letters;
};

/// The stores that the configuration names.
tree_stores configured_stores(const config& settings, const clock_source& clock);

/// The cache between journal and readers. Its bound, and what it does not keep of a
/// group, are part of the memory that is set aside for the group.
std::shared_ptr<journal_tail_cache> make_tail_cache(const config& settings);

/// What the actors of a node in a cluster need besides.
struct cluster_parts {
  network_port& network;
  cluster_board& board;
  std::shared_ptr<link_origin> origin; ///< for batches that come over links
  node_card self;
  std::function<void()> links_hear{}; ///< called at every start of the links
};

/// What the actors work with. Everything outlives the actor system.
struct tree_parts {
  const config& settings;
  telemetry& metrics;
  node_health& health;
  role_table& roles;
  catalog_holder& streams;
  const clock_source& clock;
  file_system& files;
  pipeline& flow;
  tree_stores stores{};
  std::function<void()> stop_accepting{};
  std::function<uint64_t()> in_flight{}; ///< requests without an answer
  /// Tells how far this node's journal is durable, over all its starts.
  std::shared_ptr<durable_mark> durable = std::make_shared<durable_mark>();
  std::shared_ptr<journal_tail_cache> tail = make_tail_cache(settings);
  uint64_t seed = 1; ///< for every jitter and sample in the tree
  batch_work validate = weir::validate;
  batch_work transform = weir::transform;
  fused_batch_work validate_and_transform = weir::validate_and_transform;
  /// Blocking actors get a thread of their own; a simulation puts them on its scheduler.
  bool own_threads = true;
  const cluster_parts* cluster = nullptr; ///< null: the node stands alone
};

/// `parts` must live as long as the tree.
supervisor_spec make_tree(const tree_parts& parts);

} // namespace weir
