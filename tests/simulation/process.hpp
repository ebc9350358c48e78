// PROCESS: one life of a simulated node: the real tree with all that a process holds in
// memory, on a scheduler that runs one message at a time and only when told which.
#pragma once

#include "actors/journal_metrics.hpp"
#include "actors/pipeline.hpp"
#include "actors/roles.hpp"
#include "actors/sink_metrics.hpp"
#include "app/config/config.hpp"
#include "app/node/tree.hpp"
#include "cluster/board.hpp"
#include "tests/simulation/files.hpp"
#include "tests/simulation/ingest.hpp"
#include "tests/simulation/ledger.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/stores.hpp"
#include "tests/simulation/workload.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace weir::simulation {

/// What outlives every process of a node.
struct machine {
  explicit machine(uint64_t seed) : disk(seed) {}
  simulated_disk disk;
  disk_mood mood;
  std::optional<power_loss> last_gasp; ///< what the dying disk takes with it
  letter_contents letters;
  uint64_t journal = 0; ///< the identity of what is on the disk
};

/// What all nodes of a world share.
struct world_parts {
  const plan& shape;
  fibers& threads;
  virtual_clock& clock;
  timeline& events;
  trace& log;
  ledger& book;
  sink_contents& sink;
  network* net = nullptr;                          ///< null: the node stands alone
  std::function<void(const ingest& gone)> hung_up; ///< its clients hear nothing more
};

/// What a process works with from outside; outlives it.
struct surroundings {
  const world_parts& world;
  machine& hardware;
  timeline& front_events; ///< what its listener waits for
  size_t number = 0;      ///< the node's
  uint64_t seed = 0;      ///< this life's
  uint64_t life = 0;      ///< which life of the node it is, from 1
};

class process {
 public:
  explicit process(const surroundings& with);
  ~process();
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  ingest& front() noexcept { return *front_; }
  life& own_life() noexcept { return life_; }
  caf::scheduler::test_coordinator& scheduler() noexcept { return *scheduler_; }
  bool ready() const noexcept { return health_.closed() == ec::none; }
  bool clustered() const noexcept { return with_.world.net != nullptr; }
  std::string state() const;

  /// Who the `n`th actor with mail is.
  uint64_t actor_of(size_t n) const;
  /// Runs the message at the front of its mailbox.
  void run_job(size_t n);
  void follow_clock();

  /// The operator has changed the streams' rules.
  void reload();
  void crash(const std::string& path);
  /// SIGTERM, or the tree has given up.
  void drain();
  bool drained() const noexcept { return *root_gone_; }
  /// Why the tree gave up; empty: it has not.
  const std::string& fatal() const noexcept { return fatal_; }

  /// The end: from now on only bury() until it says true; then destroy it. `farewell`: the
  /// machine goes on and closes its connections.
  void kill(bool farewell);
  bool bury(std::optional<fibers::ticket>& wake);
  bool dying() const noexcept { return life_.over(); }

  /// At rest: received = …, and every claim is back. Empty: it holds.
  std::string check_accounts() const;
  /// At any time: the journal stays within its limit.
  std::string check_bounds() const;

 private:
  struct system_config;

  tree_parts parts();
  void join_cluster();
  std::shared_ptr<const tree_context> context();
  void meet(stage_name stage, const record_batch& batch, const record_batch& whole,
            std::atomic<uint32_t>& mark);
  store_context stores() noexcept { return {life_, with_.world.log}; }

  const surroundings with_;
  life life_;
  process_files files_;
  config settings_;
  telemetry metrics_;
  const record_metrics records_{metrics_};
  const journal_metrics journal_{metrics_};
  const sink_metrics sink_{metrics_};
  node_health health_;
  role_table roles_;
  pipeline flow_;
  catalog_holder streams_;
  bool other_rules_ = false;
  std::unique_ptr<system_config> caf_config_;
  cluster_board board_;
  std::unique_ptr<network_events> link_events_;
  std::optional<cluster_parts> cluster_;
  std::optional<tree_parts> parts_;
  std::unique_ptr<ingest> front_;
  std::shared_ptr<bool> root_gone_ = std::make_shared<bool>(false);
  std::string fatal_;
  chance salts_;
  std::optional<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_ = nullptr;
  caf::actor root_;
};

} // namespace weir::simulation
