// Nodes of a cluster in one deterministic actor system: the real links and dispatchers, stages that
// do what the test says, and a network that the test may cut, delay or listen to.
#pragma once

#include "actors/dispatch.hpp"
#include "actors/link_ports.hpp"
#include "actors/links.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/cluster/batches.hpp"

#include <caf/event_based_actor.hpp>

#include <deque>

namespace weir {

struct cluster_node;

/// All links of all nodes. Frames lie in `mail` until deliver().
struct test_network {
  struct link {
    cluster_node* ends[2];
    bool up = true;
  };
  struct letter {
    link_id on;
    cluster_node* to;
    void arrive();
    outgoing_frame frame;
  };
  std::map<link_id, link> links;
  std::deque<letter> mail;
  link_id last = 0;

  link_id connect(cluster_node& a, cluster_node& b);
  void cut(link_id link, const std::string& reason);
  void deliver();
};

/// A client: remembers the receipts it was given.
struct test_owner final : receipt_port {
  std::vector<receipt_ptr> receipts;
  void deliver(receipt_ptr receipt) noexcept override {
    receipts.push_back(std::move(receipt));
  }
  void stored(uint64_t) noexcept override {}
  void resubmit() noexcept override {}
};

struct cluster_node final : network_port {
  cluster_node(test_network& net, caf::actor_system& sys, node_card who,
               const clock_source& clock)
    : network(net), system(sys), card(std::move(who)), roles(clock, health),
      board(card.name), origin(make_link_origin(roles)), events(make_link_events(roles)) {
    health.set(condition::starting, false);
  }

  void send(link_id to, outgoing_frame frame) noexcept override {
    const auto found = network.links.find(to);
    if (found == network.links.end() || !found->second.up)
      return;
    auto* other =
      found->second.ends[0] == this ? found->second.ends[1] : found->second.ends[0];
    network.mail.push_back({to, other, std::move(frame)});
  }
  void close(link_id link, std::string reason) noexcept override {
    network.cut(link, reason);
  }
  void reset() noexcept override {
    for (auto& [id, link] : network.links)
      if (link.up && (link.ends[0] == this || link.ends[1] == this))
        network.cut(id, "reset");
  }
  void learn(std::vector<std::string> addresses) noexcept override {
    learned.insert(learned.end(), addresses.begin(), addresses.end());
  }

  template <class Handle>
  caf::strong_actor_ptr plays(const std::string& role, const Handle& actor) {
    auto handle = caf::actor_cast<caf::strong_actor_ptr>(actor);
    roles.up(role, handle);
    if (const auto before = std::exchange(running[role], handle))
      caf::anon_send_exit(caf::actor_cast<caf::actor>(before), caf::exit_reason::kill);
    return handle;
  }
  /// A stage that keeps what it gets.
  void start_stage(const std::string& role) {
    plays(role, system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const batch_ptr& batch) { taken.push_back(batch); },
              [](drain_atom) {}};
    }));
  }
  /// The stages of a worker, which have nothing to do to a batch.
  void passes_on() {
    plays("validate", system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const batch_ptr& batch) { submit("to_persister", batch); },
              [](drain_atom) {}};
    }));
  }
  void start_links(links_config config = {}) {
    config.self = card;
    config.flows[0] = {card.roles.worker ? "validate" : "",
                       card.roles.gateway ? "to_worker" : ""};
    config.flows[1] = {card.roles.persister ? "journal" : "",
                       card.roles.worker ? "to_persister" : ""};
    config.knows_stream = [](std::string_view name) { return name == "default"; };
    config.origin = origin;
    config.roles = &roles;
    config.metrics = &metrics;
    config.health = &health;
    config.board = &board;
    config.network = this;
    plays("links", system.spawn(links, config));
  }
  /// With a stage of its own for the same work, unless that is closed.
  void start_dispatch(link_flow flow, std::string own_role = {},
                      std::vector<condition> own_closed_by = {}) {
    const bool work = flow == link_flow::work;
    dispatch_config config;
    config.own_role = std::move(own_role);
    config.own_closed_by = std::move(own_closed_by);
    config.role = work ? "to_worker" : "to_persister";
    config.flow = flow;
    config.rules = {work ? dispatch_policy::most_credit : dispatch_policy::rendezvous,
                    card.name, 2};
    config.unavailable = work ? condition::no_worker : condition::no_persister;
    config.roles = &roles;
    config.metrics = &metrics;
    config.health = &health;
    config.board = &board;
    config.gives_back = !card.roles.gateway;
    config.batch_bytes_max = batch_bytes_max;
    config.network = this;
    plays(config.role, system.spawn(dispatch, config));
  }
  /// Into the dispatcher of the flow, as from a client.
  void submit(const std::string& role, const batch_ptr& batch) {
    caf::anon_send(caf::actor_cast<caf::actor>(running.at(role)), batch);
  }
  /// The stage is done with what it took: everything is stored, the last record is `sequence`.
  void answer_all(uint64_t sequence = 1) {
    for (const auto& batch : std::exchange(taken, {}))
      answer(batch, ec::none, sequence);
  }
  static void answer(const batch_ptr& batch, ec outcome, uint64_t sequence = 1) {
    auto receipt = std::make_shared<batch_receipt>();
    receipt->batch = batch;
    for (uint32_t i = 0; i < batch->source->parts.size(); ++i) {
      part_receipt part;
      part.part = i;
      part.key = batch->source->parts[i].key;
      part.outcome = outcome;
      part.accepted = outcome == ec::none ? batch->source->parts[i].records : 0;
      part.last_sequence = sequence;
      receipt->parts.push_back(part);
    }
    if (const auto origin = batch->source->origin.lock())
      origin->deliver(receipt);
  }
  void end() {
    for (auto& [role, handle] : running)
      caf::anon_send_exit(caf::actor_cast<caf::actor>(handle), caf::exit_reason::kill);
    running.clear();
    roles.clear();
  }

  test_network& network;
  caf::actor_system& system;
  node_card card;
  telemetry metrics;
  node_health health;
  role_table roles;
  cluster_board board;
  std::shared_ptr<link_origin> origin;
  std::unique_ptr<network_events> events;
  std::map<std::string, caf::strong_actor_ptr> running;
  std::vector<batch_ptr> taken;
  std::vector<std::string> learned;
  size_t batch_bytes_max = 100'000; ///< for dispatchers that start
};

inline link_id test_network::connect(cluster_node& a, cluster_node& b) {
  const auto id = ++last;
  links[id] = {{&a, &b}, true};
  a.events->link_up(id, b.card);
  b.events->link_up(id, a.card);
  return id;
}

inline void test_network::letter::arrive() {
  to->events->received(on, frame.head, frame.text ? *frame.text : std::string{}, {});
}

inline void test_network::cut(link_id id, const std::string& reason) {
  const auto found = links.find(id);
  if (found == links.end() || !std::exchange(found->second.up, false))
    return;
  std::erase_if(mail, [&](const auto& lost) { return lost.on == id; });
  for (auto* end : found->second.ends)
    end->events->link_down(id, reason);
}

inline void test_network::deliver() {
  while (!mail.empty()) {
    auto next = std::move(mail.front());
    mail.pop_front();
    next.arrive();
  }
}

struct cluster_fixture : deterministic {
  system_clock_source clock;
  test_network net;
  std::vector<std::unique_ptr<cluster_node>> nodes;
  std::shared_ptr<test_owner> owner = std::make_shared<test_owner>();
  uint64_t instances = 0;

  ~cluster_fixture() override {
    for (auto& node : nodes)
      node->end();
    sched.run(); // before the nodes go
  }

  cluster_node& add(const std::string& name, node_roles roles) {
    nodes.push_back(std::make_unique<cluster_node>(
      net, sys, node_card{name, ++instances, 1, roles, name + ":1", false}, clock));
    return *nodes.back();
  }
  cluster_node& add_gateway(const std::string& name, size_t batch_bytes_max = 100'000) {
    auto& node = add(name, {true, false, false});
    node.batch_bytes_max = batch_bytes_max;
    node.start_links();
    node.start_dispatch(link_flow::work);
    return node;
  }
  cluster_node& add_worker(const std::string& name) {
    auto& node = add(name, {false, true, false});
    node.start_stage("validate");
    node.start_links();
    return node;
  }
  cluster_node& add_persister(const std::string& name) {
    auto& node = add(name, {false, false, true});
    node.start_stage("journal");
    node.start_links();
    return node;
  }
  /// Until nothing moves any more.
  void settle() {
    do {
      sched.run();
      net.deliver();
    } while (sched.has_job() || !net.mail.empty());
  }
  struct linked_pair {
    cluster_node& gateway;
    cluster_node& worker;
    link_id link;
  };
  linked_pair linked() {
    auto& g = add_gateway("g");
    auto& w = add_worker("w");
    settle();
    const auto link = net.connect(g, w);
    settle();
    return {g, w, link};
  }
  /// Time passes in steps shorter than a heartbeat.
  void pass(std::chrono::milliseconds time) {
    for (std::chrono::milliseconds gone{0}; gone < time;
         gone += std::chrono::milliseconds{100}) {
      sched.advance_time(std::chrono::milliseconds{100});
      settle();
    }
  }
  std::shared_ptr<record_batch> batch(uint64_t id, ack_level ack = ack_level::durable) {
    auto made = make_test_batch(id, 3, sched.clock().now());
    auto source = std::make_shared<envelope>(*made->source);
    source->id = next_envelope_id();
    source->origin = owner;
    source->parts[0].ack = ack;
    made->text = std::shared_ptr<const std::string>(source, &source->bytes);
    made->source = source;
    return made;
  }
  /// With so much text behind its records.
  std::shared_ptr<record_batch> batch(uint64_t id, size_t text_bytes) {
    auto made = batch(id);
    auto source = std::make_shared<envelope>(*made->source);
    source->bytes.resize(text_bytes, ' ');
    made->text = std::shared_ptr<const std::string>(source, &source->bytes);
    made->source = source;
    return made;
  }
};

} // namespace weir
