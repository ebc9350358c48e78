#include "app/node/tree.hpp"

#include "actors/dead_letters.hpp"
#include "actors/dispatch.hpp"
#include "actors/gateway.hpp"
#include "actors/journal.hpp"
#include "actors/links.hpp"
#include "actors/registry.hpp"
#include "actors/sink_writer.hpp"
#include "actors/stage.hpp"
#include "actors/worker.hpp"
#include "app/node/tree_queues.hpp"
#include "base/log.hpp"
#include "storage/journal/segment.hpp"
#include "storage/open_sink.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace weir {

namespace {

using starter = std::function<caf::strong_actor_ptr(caf::local_actor&)>;

template <class Function, class Config>
starter start_with(bool own_thread, Function* actor, Config made) {
  return [own_thread, actor, made = std::move(made)](caf::local_actor& parent) {
    auto& system = parent.system();
    if (own_thread)
      return caf::actor_cast<caf::strong_actor_ptr>(
        system.spawn<caf::detached>(actor, made));
    return caf::actor_cast<caf::strong_actor_ptr>(system.spawn(actor, made));
  };
}

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
  made.figures = &parts.figures;
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

/// How far the dead letters have come in a journal that may be gone since: a new journal must begin
/// after that, or they take its segments for known. A journal that is there does so anyway, and
/// does not wait for a failing disk of theirs.
result<uint64_t> segment_of_dead_letters(const tree_parts& parts) {
  const auto store = parts.stores.read_dead_letters();
  if (store)
    return *store ? (*store)->cursor().segment : 0;
  const auto segments = list_segments(parts.settings.journal.directory, parts.files);
  const auto& streams = parts.settings.streams;
  const bool are_kept =
    std::any_of(streams.begin(), streams.end(), [](const auto& stream) {
      return stream.second.settings.dead_letters == dead_letter_policy::store;
    });
  // Only a journal that is gone needs to know, and only if letters are kept.
  if (are_kept && (!segments || segments->empty()))
    return tl::unexpected(store.error());
  log_event(log_level::warning, "dead_letters_not_recalled",
            {{"reason", store.error().text}});
  return 0;
}

/// What the stores remember, for a journal whose first segments are gone.
result<journal_recall> recall(const tree_parts& parts) {
  const auto letters = segment_of_dead_letters(parts);
  parts.health.set(condition::letters_down, !letters);
  if (!letters)
    return tl::unexpected(letters.error());
  journal_recall recalled;
  recalled.segment = *letters;
  auto opened = parts.stores.open_sink();
  auto keys = opened
                ? (*opened)->keys()
                : result<std::vector<remembered_key>>{tl::unexpected(opened.error())};
  // A server may be away for long, and durability does not need it: its cursor belongs to this
  // journal alone, and a request repeated from before the journal is recognised when it comes to be
  // stored.
  const bool shared_sink = kind_of(parts.settings.sink).is_server();
  if (!keys && shared_sink && keys.error().code == ec::sink_unavailable) {
    log_event(log_level::warning, "sink_not_recalled", {{"reason", keys.error().text}});
    return recalled;
  }
  if (!keys)
    return tl::unexpected(keys.error());
  const auto cursor = (*opened)->cursor();
  recalled.next_sequence_min = cursor.last_sequence + 1;
  recalled.segment = std::max(recalled.segment, cursor.position.segment);
  recalled.keys = std::move(*keys);
  return recalled;
}

journal_actor_config make_journal(const tree_parts& parts) {
  journal_actor_config made;
  made.journal = parts.settings.journal;
  made.journal.tail = parts.tail;
  made.files = &parts.files;
  made.clock = &parts.clock;
  made.figures = &parts.figures;
  made.health = &parts.health;
  made.commit_bytes_max = parts.settings.journal_group_bytes;
  made.durable = parts.durable;
  // Nothing is deleted before both have reported.
  made.readers = {"sink", "dead_letters"};
  made.upkeep_thread = parts.own_threads;
  made.recall = [&parts] { return recall(parts); };
  return made;
}

tail_config make_tail(const tree_parts& parts) {
  tail_config made;
  made.open_reader = [directory = parts.settings.journal.directory, &files = parts.files,
                      tail = parts.tail](journal_position from) {
    return journal_reader::open(directory, files, from, tail);
  };
  made.records_per_transaction_max = parts.settings.sink_rows_per_transaction;
  made.bytes_per_transaction_max = parts.settings.sink_bytes_per_transaction;
  made.gather_max = parts.settings.sink_gather;
  // One look must not take longer than all gathering may.
  made.gather_delay = std::min(made.gather_delay, made.gather_max);
  made.durable = parts.durable;
  made.drain_deadline = parts.settings.shutdown_deadline;
  made.seed = parts.seed;
  made.health = &parts.health;
  return made;
}

/// Starts a reader of the journal, which hears of the journal by role.
starter follow_journal(const tree_parts& parts, starter start) {
  return [&roles = parts.roles, start = std::move(start)](caf::local_actor& parent) {
    auto reader = start(parent);
    roles.subscribe("journal", role_rank::reader, reader);
    return reader;
  };
}

sink_writer_config make_sink_writer(const tree_parts& parts) {
  sink_writer_config made;
  made.open_sink = parts.stores.open_sink;
  made.tail = make_tail(parts);
  const auto& kind = kind_of(parts.settings.sink);
  if (kind.idle_commit.count() > 0)
    made.tail.idle_commit = kind.idle_commit;
  if (kind.is_server())
    // Its restart is short, and clients that wait for `stored` wait for this actor.
    made.tail.retry_delay_max = std::chrono::seconds{1};
  made.on_stored = [&flow = parts.flow](uint64_t sequence) { flow.stored(sequence); };
  made.clock = &parts.clock;
  made.figures = &parts.figures;
  made.health = &parts.health;
  return made;
}

/// The journal plays its role, and what follows it starts, only once its recovery is over: a node
/// is not ready before, and nobody else has the stores open while the journal asks what they
/// remember.
starter start_journal(const tree_parts& parts) {
  const auto recent = make_recent_keys(parts.settings.journal, parts.clock);
  return [&parts, recent](caf::local_actor& parent) {
    auto config = make_journal(parts);
    config.journal.recent_keys = recent;
    config.on_open =
      [supervisor = caf::actor_cast<caf::actor>(caf::strong_actor_ptr{parent.ctrl()})](
        caf::actor_id journal) { caf::anon_send(supervisor, opened_atom_v, journal); };
    return start_with(parts.own_threads, journal, std::move(config))(parent);
  };
}

/// Journal and sink of one partition. The sink reads what the journal writes, so it goes down and
/// comes up with it.
child_spec make_partition(const tree_parts& parts) {
  supervisor_spec partition{
    "partition-0",
    rules_of(parts.settings.supervision, restart_strategy::rest_for_one),
    {}};
  partition.children.push_back(
    make_child("journal", "journal", "journal", start_journal(parts)));
  // It is up only after its recovery, and never two write one directory.
  partition.children.back().opens = true;
  partition.children.back().sole_owner = true;
  partition.children.push_back(
    make_child("sink", "sink writer", "sink",
               follow_journal(parts, start_with(parts.own_threads, sink_writer,
                                                make_sink_writer(parts)))));
  partition.children.back().sole_owner = true;
  partition.children.back().shutdown = parts.settings.shutdown_deadline;
  return supervised(std::move(partition));
}

child_spec make_persist(const tree_parts& parts) {
  supervisor_spec persist{
    "persist", rules_of(parts.settings.supervision, restart_strategy::one_for_one), {}};
  persist.children.push_back(make_partition(parts));
  return supervised(std::move(persist));
}

/// The stages of this node that must be up before it takes anything in.
std::vector<std::string> watched_stages(const tree_parts& parts) {
  const auto roles = parts.settings.roles();
  std::vector<std::string> stages;
  if (roles.gateway && parts.cluster)
    stages.emplace_back("to_worker");
  if (roles.worker)
    stages.insert(stages.end(), {"validate", "transform"});
  if (roles.worker && parts.cluster)
    stages.emplace_back("to_persister");
  if (roles.persister)
    stages.emplace_back("journal");
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
  auto child =
    make_child("gateway", "gateway", "gateway", start_with(false, gateway, made));
  child.drains = true;
  // It waits for answers until the deadline itself, so it needs a little longer.
  child.shutdown = parts.settings.shutdown_deadline + std::chrono::seconds{1};
  return child;
}

/// The dispatcher before the workers (`work`) or the persisters (`persist`).
child_spec make_dispatch(const tree_parts& parts, link_flow flow) {
  const auto& settings = parts.settings;
  const bool work = flow == link_flow::work;
  dispatch_config made;
  made.role = work ? "to_worker" : "to_persister";
  made.flow = flow;
  made.rules.policy = work ? dispatch_policy::most_credit : dispatch_policy::rendezvous;
  made.rules.own_name = settings.node_name;
  made.rules.own_batches_max = 2 * settings.pipeline.validate_workers;
  if (work && settings.roles().worker) {
    made.own_role = "validate";
    made.own_has_queue = true;
  }
  if (!work && settings.roles().persister)
    made.own_role = "journal";
  made.own_closed_by =
    work ? std::vector{condition::no_persister}
         : std::vector{condition::journal_full, condition::storage_failed};
  made.unavailable = work ? condition::no_worker : condition::no_persister;
  made.tells_of_persisters = work && !settings.roles().worker;
  // A gateway's own clients have nobody else to send their batches to.
  made.gives_back = !settings.roles().gateway;
  if (work)
    made.rules.grows_by = [&streams =
                             parts.streams](const record_batch& batch) -> size_t {
      const auto rules = batch.source->rules ? batch.source->rules : streams.get();
      const auto* const spec = rules->find_any(batch.source->stream);
      return spec ? spec->parts_room(batch.source->bytes.size()) : 0;
    };
  made.batch_bytes_max = 2 * size_t{settings.cluster.window_bytes};
  made.bound = work ? "ingest.batches_in_flight"
                    : "ingest.batches_in_flight + cluster.window.batches × "
                      "cluster.peers_max";
  made.capacity =
    settings.ingest.batches_in_flight
    + (work ? 0 : size_t{settings.cluster.window_batches} * settings.cluster.peers_max);
  made.roles = &parts.roles;
  made.figures = &parts.figures;
  made.health = &parts.health;
  made.board = &parts.cluster->board;
  made.network = &parts.cluster->network;
  auto child = make_child(work ? "to-worker" : "to-persister", "dispatch", made.role,
                          start_with(false, dispatch, made));
  child.shutdown = settings.shutdown_deadline;
  return child;
}

child_spec make_links(const tree_parts& parts) {
  const auto& settings = parts.settings;
  const auto roles = settings.roles();
  links_config made;
  made.self = parts.cluster->self;
  // The stage that peers' batches enter, and the dispatcher of this node's own.
  made.flows[0] = {roles.worker ? "validate" : "", roles.gateway ? "to_worker" : ""};
  made.flows[1] = {roles.persister ? "journal" : "", roles.worker ? "to_persister" : ""};
  made.heartbeat = settings.cluster.heartbeat;
  made.silence = settings.cluster.silence;
  made.window = {settings.cluster.window_batches, settings.cluster.window_bytes};
  made.peers_max = settings.cluster.peers_max;
  made.knows_stream = [&streams = parts.streams](std::string_view name) {
    return streams.get()->find_any(name) != nullptr;
  };
  made.origin = parts.cluster->origin;
  made.roles = &parts.roles;
  made.figures = &parts.figures;
  made.health = &parts.health;
  made.board = &parts.cluster->board;
  made.network = &parts.cluster->network;
  made.heard = parts.cluster->links_hear;
  auto child = make_child("links", "links", "links", start_with(false, links, made));
  child.shutdown = settings.shutdown_deadline;
  return child;
}

/// one_for_all: what one child knows of the way is worth nothing without the others.
child_spec make_cluster(const tree_parts& parts) {
  const auto roles = parts.settings.roles();
  supervisor_spec cluster{
    "cluster", rules_of(parts.settings.supervision, restart_strategy::one_for_all), {}};
  cluster.children.push_back(make_links(parts));
  if (roles.worker)
    cluster.children.push_back(make_dispatch(parts, link_flow::persist));
  if (roles.gateway)
    cluster.children.push_back(make_dispatch(parts, link_flow::work));
  return supervised(std::move(cluster));
}

child_spec make_registry(const tree_parts& parts) {
  registry_config made;
  made.roles = &parts.roles;
  made.figures = &parts.figures;
  return make_child("registry", "registry", {}, start_with(false, registry, made));
}

child_spec make_dead_letters(const tree_parts& parts) {
  dead_letters_config made;
  made.open_store = parts.stores.open_dead_letters;
  made.tail = make_tail(parts);
  // No client waits for one of them: the tail need not look as often as the sink's.
  made.tail.gather_delay = std::min(made.tail.gather_max, std::chrono::milliseconds{50});
  made.figures = &parts.figures;
  made.health = &parts.health;
  made.clock = &parts.clock;
  auto child = make_child(
    "dead-letters", "dead letters", "dead_letters",
    follow_journal(parts, start_with(parts.own_threads, dead_letters, std::move(made))));
  child.sole_owner = true;
  return child;
}

} // namespace

tree_stores configured_stores(const config& settings, const clock_source& clock) {
  // The journal asks what the dead letters remember while their actor opens or makes the store,
  // which takes as long as the disk does: one waits for the other.
  const auto turn = std::make_shared<std::mutex>();
  return {[from = settings.sink, &clock] { return open_sink(from, clock); },
          [from = settings.dead_letters, turn] {
            const std::lock_guard guard{*turn};
            return dead_letter_store::open(from);
          },
          [from = settings.dead_letters, turn] {
            const std::lock_guard guard{*turn};
            return dead_letter_store::open_if_there(from);
          }};
}

std::shared_ptr<journal_tail_cache> make_tail_cache(const config& settings) {
  return journal_tail_cache::make(std::clamp<uint64_t>(
    settings.journal_group_bytes * 3, size_t{2} << 20, size_t{24} << 20));
}

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
    const auto last = parts.cluster ? "to_persister" : "journal";
    const bool fuses = pipeline.fuse_bytes > 0;
    root.children.push_back(
      make_stage_tree(parts, {"transform", last, "", &parts.transform, nullptr,
                              pipeline.transform_workers}));
    root.children.push_back(
      make_stage_tree(parts, {"validate", "transform", fuses ? last : "", &parts.validate,
                              fuses ? &parts.validate_and_transform : nullptr,
                              pipeline.validate_workers}));
  }
  // Started last, when all that admission needs is there, and stopped first.
  root.children.push_back(make_gateway(parts));
  return root;
}

} // namespace weir
