// The tree's part that speaks to other nodes: links and dispatchers.
#include "actors/dispatch.hpp"
#include "actors/links.hpp"
#include "app/node/tree_wiring.hpp"
#include "proto/role_names.hpp"

namespace weir {

namespace {

/// The dispatcher before the workers (`work`) or the persisters (`persist`).
child_spec make_dispatch(const tree_parts& parts, link_flow flow) {
  const auto& settings = parts.settings;
  const bool work = flow == link_flow::work;
  dispatch_config made;
  made.role = role_name::dispatcher_of(flow);
  made.flow = flow;
  made.rules.policy = work ? dispatch_policy::most_credit : dispatch_policy::rendezvous;
  made.rules.own_name = settings.node_name;
  made.rules.own_batches_max = 2 * settings.pipeline.validate_workers;
  const auto roles = settings.roles();
  if (work ? roles.worker : roles.persister)
    made.own_role = role_name::stage_of(flow);
  made.own_has_queue = work && roles.worker;
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
  made.metrics = &parts.metrics;
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
  const auto flow_of = [](link_flow flow, bool taken, bool sent) -> flow_roles {
    return {taken ? role_name::stage_of(flow) : "",
            sent ? role_name::dispatcher_of(flow) : ""};
  };
  made.flows = {flow_of(link_flow::work, roles.worker, roles.gateway),
                flow_of(link_flow::persist, roles.persister, roles.worker)};
  made.heartbeat = settings.cluster.heartbeat;
  made.silence = settings.cluster.silence;
  made.window = {settings.cluster.window_batches, settings.cluster.window_bytes};
  made.peers_max = settings.cluster.peers_max;
  made.knows_stream = [&streams = parts.streams](std::string_view name) {
    return streams.get()->find_any(name) != nullptr;
  };
  made.origin = parts.cluster->origin;
  made.roles = &parts.roles;
  made.metrics = &parts.metrics;
  made.health = &parts.health;
  made.board = &parts.cluster->board;
  made.network = &parts.cluster->network;
  made.heard = parts.cluster->links_hear;
  auto child =
    make_child("links", "links", role_name::links, start_with(false, links, made));
  child.shutdown = settings.shutdown_deadline;
  return child;
}

} // namespace

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

} // namespace weir
