#include "app/node/tree.hpp"

#include "actors/gateway.hpp"
#include "actors/registry.hpp"
#include "actors/stage.hpp"
#include "actors/worker.hpp"
#include "app/node/tree_queues.hpp"
#include "app/node/tree_wiring.hpp"
#include "proto/role_names.hpp"

#include <utility>

namespace weir {

child_spec make_child(std::string id, std::string role, std::string plays,
                      starter start) {
  child_spec child;
  child.id = std::move(id);
  child.role = std::move(role);
  child.plays = plays;
  child.stage = std::move(plays);
  child.start = std::move(start);
  return child;
}

restart_rules rules_of(const supervision_section& from, restart_strategy strategy) {
  restart_rules rules;
  rules.strategy = strategy;
  rules.restarts_max = from.restarts_max;
  rules.window = from.window;
  rules.wait.initial = from.backoff_initial;
  rules.wait.max = from.backoff_max;
  rules.wait.jitter = from.backoff_jitter;
  return rules;
}

namespace {

/// Workers die of records, which the stage quarantines after a bounded number of deaths. So their
/// supervisor is patient: otherwise a handful of bad records would take the pipeline down.
restart_rules worker_rules(const supervision_section& from) {
  auto rules = rules_of(from, restart_strategy::one_for_one);
  rules.restarts_max = from.worker_restarts_max;
  rules.wait.initial = from.worker_backoff_initial;
  rules.wait.max = from.worker_backoff_max;
  return rules;
}

/// One of the two stages between admission and what keeps the records.
struct stage_parts {
  std::string role;
  std::string next;
  std::string fused; ///< where fused batches go; empty: none are
  const batch_work* work = nullptr;
  const fused_batch_work* fused_work = nullptr;
  uint32_t workers = 1;
};

/// Each function works on the streams there are when it is called.
worker_functions make_functions(const tree_parts& parts, const stage_parts& of,
                                uint64_t seed) {
  // Both functions share it: a worker does one batch at a time.
  const auto scratch = std::make_shared<work_scratch>(seed);
  worker_functions made;
  made.work = [&streams = parts.streams, work = of.work,
               scratch](const record_batch& batch, std::atomic<uint32_t>& mark) {
    return (*work)(batch, *streams.get(), *scratch, mark);
  };
  if (of.fused_work != nullptr)
    made.fused_work = [&streams = parts.streams, &clock = parts.clock,
                       work = of.fused_work,
                       scratch](const record_batch& batch, std::atomic<uint32_t>& mark) {
      return (*work)(batch, *streams.get(), *scratch, mark, clock);
    };
  return made;
}

worker_config make_worker(const tree_parts& parts, const stage_parts& of, uint64_t seed) {
  worker_config made;
  made.stage_role = of.role;
  made.roles = &parts.roles;
  made.make_work = [&parts, of, seed] { return make_functions(parts, of, seed); };
  return made;
}

stage_config make_stage(const tree_parts& parts, const stage_parts& of) {
  const auto& from = parts.settings.pipeline;
  stage_config made;
  made.role = of.role;
  made.next_role = of.next;
  made.fused_role = of.fused;
  made.workers_role = of.role + "-workers";
  made.limits.capacity = from.queue_batches;
  made.limits.deadline = from.work_deadline;
  made.limits.tries_max = from.tries_max;
  if (!of.fused.empty()) {
    made.limits.fuse_bytes = from.fuse_bytes;
    // A chunk may be as large as a batch, and either all of them are fused or none.
    made.limits.fuse_chunks = from.fuse_bytes >= parts.settings.ingest.batch_bytes;
  }
  made.bound = "pipeline.queue, at least ingest.batches_in_flight + ingest.threads × "
               "ingest.coalesce_window";
  made.who_blocks = "nobody: admission's credit keeps it below its bound";
  made.acceptable = "yes: clients wait or hear 503 before their body is read";
  made.failure_mode = "over the bound the batch is answered 503; nothing of it is stored";
  made.roles = &parts.roles;
  made.metrics = &parts.metrics;
  return made;
}

/// A stage beside the supervisor of its workers. The stage stops first and drains while they still
/// work; if it crashes they stay and find its successor by role.
child_spec make_stage_tree(const tree_parts& parts, const stage_parts& of) {
  supervisor_spec pool{"workers", worker_rules(parts.settings.supervision), {}};
  for (uint32_t i = 1; i <= of.workers; ++i) {
    auto child = make_child(
      "worker-" + std::to_string(i), "worker", {},
      start_with(parts.own_threads, worker, make_worker(parts, of, parts.seed + i)));
    child.stage = of.role;
    pool.children.push_back(std::move(child));
  }
  supervisor_spec both{
    of.role, rules_of(parts.settings.supervision, restart_strategy::one_for_one), {}};
  // The stage stands to the right of its workers, because children stop from right to left.
  both.children.push_back(supervised(std::move(pool), of.role + "-workers"));
  both.children.push_back(make_child("stage", "stage", of.role,
                                     start_with(false, stage, make_stage(parts, of))));
  both.children.back().shutdown = parts.settings.shutdown_deadline;
  return supervised(std::move(both));
}

/// The stages of this node that must be up before it takes anything in.
std::vector<std::string> watched_stages(const tree_parts& parts) {
  const auto roles = parts.settings.roles();
  std::vector<std::string> stages;
  if (roles.gateway && parts.cluster)
    stages.emplace_back(role_name::to_worker);
  if (roles.worker)
    stages.insert(stages.end(), {role_name::validate, role_name::transform});
  if (roles.worker && parts.cluster)
    stages.emplace_back(role_name::to_persister);
  if (roles.persister)
    stages.emplace_back(role_name::journal);
  return stages;
}

child_spec make_gateway(const tree_parts& parts) {
  gateway_config made;
  made.stages = watched_stages(parts);
  made.drain_deadline = parts.settings.shutdown_deadline;
  made.resubmit = [&flow = parts.flow] { flow.resubmit(); };
  made.stop_accepting = parts.stop_accepting;
  made.in_flight = parts.in_flight;
  made.health = &parts.health;
  made.roles = &parts.roles;
  auto child = make_child("gateway", "gateway", role_name::gateway,
                          start_with(false, gateway, made));
  child.drains = true;
  // It waits for answers until the deadline itself, so it needs a little longer.
  child.shutdown = parts.settings.shutdown_deadline + std::chrono::seconds{1};
  return child;
}

child_spec make_registry(const tree_parts& parts) {
  registry_config made;
  made.roles = &parts.roles;
  made.metrics = &parts.metrics;
  return make_child("registry", "registry", {}, start_with(false, registry, made));
}

} // namespace

supervisor_spec make_tree(const tree_parts& parts) {
  if (parts.settings.roles().persister)
    describe_storage_queues(parts);
  const auto& pipeline = parts.settings.pipeline;
  const auto roles = parts.settings.roles();
  supervisor_spec root{
    "root", rules_of(parts.settings.supervision, restart_strategy::one_for_one), {}};
  root.children.push_back(make_registry(parts));
  if (roles.persister) {
    root.children.push_back(make_persist(parts));
    root.children.push_back(make_dead_letters(parts));
  }
  if (parts.cluster)
    root.children.push_back(make_cluster(parts));
  if (roles.worker) {
    const auto last = parts.cluster ? role_name::to_persister : role_name::journal;
    const bool fuses = pipeline.fuse_bytes > 0;
    root.children.push_back(
      make_stage_tree(parts, {role_name::transform, last, "", &parts.transform, nullptr,
                              pipeline.transform_workers}));
    root.children.push_back(make_stage_tree(
      parts,
      {role_name::validate, role_name::transform, fuses ? last : "", &parts.validate,
       fuses ? &parts.validate_and_transform : nullptr, pipeline.validate_workers}));
  }
  // Started last, when all that admission needs is there, and stopped first.
  root.children.push_back(make_gateway(parts));
  return root;
}

} // namespace weir
