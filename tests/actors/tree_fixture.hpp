// What the tests of the tree share: tables that outlive the actors, a child that does as
// it is told, a child that hangs, and a client that collects receipts.
#pragma once

#include "actors/pipeline.hpp"
#include "actors/roles.hpp"
#include "actors/supervision/supervisor.hpp"
#include "proto/ports.hpp"
#include "proto/telemetry.hpp"
#include "tests/actors/fixture.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_companion.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace weir {

/// The scheduler's virtual time as a clock_source.
struct virtual_clock final : clock_source {
  caf::scheduler::test_coordinator& sched;
  explicit virtual_clock(caf::scheduler::test_coordinator& s) : sched(s) {}
  std::chrono::steady_clock::time_point now() const noexcept override {
    return sched.clock().now();
  }
  int64_t unix_us() const noexcept override { return 0; }
};

/// A client that keeps what it is told.
struct client final : receipt_port {
  std::vector<std::shared_ptr<const batch_receipt>> receipts;
  std::vector<uint64_t> stored_up_to;
  int resubmissions = 0;
  void deliver(std::shared_ptr<const batch_receipt> receipt) noexcept override {
    receipts.push_back(std::move(receipt));
  }
  void stored(uint64_t sequence) noexcept override { stored_up_to.push_back(sequence); }
  void resubmit() noexcept override { ++resubmissions; }
};

/// One part of `count` records, record i is "r<i>"; `poison` ones are "poison".
inline batch_ptr make_batch(uint64_t id, uint32_t count,
                            const std::vector<uint32_t>& poison = {},
                            std::shared_ptr<receipt_port> origin = nullptr,
                            priority level = priority::normal) {
  auto source = std::make_shared<envelope>();
  source->id = id;
  source->stream = "default";
  source->level = level;
  source->origin = origin;
  source->parts.resize(1);
  source->parts[0].request = id * 10;
  source->parts[0].records = count;
  auto batch = std::make_shared<record_batch>();
  for (uint32_t i = 0; i < count; ++i) {
    const bool bad = std::find(poison.begin(), poison.end(), i) != poison.end();
    const auto text = bad ? std::string{"poison"} : "r" + std::to_string(i);
    batch->records.push_back({static_cast<uint32_t>(source->bytes.size()),
                              static_cast<uint32_t>(text.size()), 0, i, i});
    source->bytes += text + '\n';
  }
  source->bytes.reserve(source->bytes.size() + text_padding);
  batch->source = source;
  batch->text = std::shared_ptr<const std::string>(source, &source->bytes);
  return batch;
}

/// As a coalesced batch is: none of its parts is a chunk of a streamed request.
inline batch_ptr small_batch(uint64_t id, uint32_t count,
                             const std::vector<uint32_t>& poison = {}) {
  auto batch = std::make_shared<record_batch>(*make_batch(id, count, poison));
  auto source = std::make_shared<envelope>(*batch->source);
  source->parts[0].request = 0;
  batch->source = source;
  return batch;
}

inline std::vector<std::string> texts(const record_batch& batch) {
  std::vector<std::string> list;
  for (const auto& ref : batch.records)
    list.emplace_back(batch.text_of(ref));
  return list;
}

inline uint64_t test_seed() {
  const char* given = std::getenv("WEIR_SEED");
  return given ? std::strtoull(given, nullptr, 10) : 20240607;
}

struct tree_fixture : deterministic {
  virtual_clock time{sched};
  node_health health;
  telemetry metrics;
  role_table roles{time, health};
  std::vector<std::string> events; ///< "start a", "stop a" in the order they happened
  std::vector<std::string> fatal;
  std::vector<caf::actor> stuck; ///< companions that play hung actors
  std::vector<caf::actor> ends;  ///< what the destructor kills: roots and lone actors
  std::shared_ptr<tree_context> context = std::make_shared<tree_context>(metrics);

  tree_fixture() {
    context->roles = &roles;
    context->health = &health;
    context->hung_workers_max = 2;
    context->on_fatal = [this](std::string reason) {
      fatal.push_back(std::move(reason));
    };
  }

  ~tree_fixture() override {
    for (const auto& actor : ends)
      caf::anon_send_exit(actor, caf::exit_reason::kill);
    sched.run();
    release_stuck();
    sched.run();
    roles.clear();
    ends.clear();
  }

  void release_stuck() {
    for (const auto& actor : stuck)
      release(actor);
    stuck.clear();
  }
  /// The hung actor's handler returns, and it dies of the kill it has been sent.
  static void release(const caf::actor& actor) {
    caf::actor_cast<caf::actor_companion*>(actor)->cleanup(
      caf::make_error(caf::exit_reason::kill), nullptr);
  }

  /// Notes its start and its orderly stop; crashes and quits on request; ignores drain if
  /// `deaf`.
  child_spec obedient(std::string id, restart_type restart = restart_type::permanent,
                      bool deaf = false) {
    child_spec child;
    child.id = id;
    child.role = "test";
    child.plays = id;
    child.stage = "test";
    child.restart = restart;
    child.shutdown = std::chrono::milliseconds{1000};
    child.start = [this, id, deaf](caf::local_actor& parent) {
      events.push_back("start " + id);
      auto handle =
        parent.system().spawn([this, id, deaf](caf::event_based_actor* actor) {
          return obedience(actor, id, deaf);
        });
      return caf::actor_cast<caf::strong_actor_ptr>(handle);
    };
    return child;
  }

  caf::behavior obedience(caf::event_based_actor* actor, std::string id, bool deaf) {
    actor->set_exception_handler([](std::exception_ptr&) -> caf::error {
      return caf::make_error(ec::crashed, "told to");
    });
    return {
      [](crash_atom) { throw std::runtime_error("told to"); },
      [actor](commit_atom) { actor->quit(); }, // a normal end
      [this, actor, id, deaf](drain_atom) {
        events.push_back("stop " + id);
        if (!deaf)
          actor->quit(caf::exit_reason::user_shutdown);
      },
    };
  }

  /// Never handles a message, not even a kill: as one that hangs in a handler.
  child_spec hanging(std::string id) {
    auto child = obedient(id);
    child.start = [this, id](caf::local_actor& parent) {
      events.push_back("start " + id);
      auto handle = parent.system().spawn<caf::actor_companion>();
      caf::actor_cast<caf::actor_companion*>(handle)->on_enqueue(
        [](caf::mailbox_element_ptr) {});
      stuck.push_back(caf::actor_cast<caf::actor>(handle));
      return caf::actor_cast<caf::strong_actor_ptr>(handle);
    };
    return child;
  }

  caf::actor start_tree(supervisor_spec spec) {
    auto root = sys.spawn(supervisor, std::move(spec),
                          std::shared_ptr<const tree_context>{context}, std::string{});
    ends.push_back(root);
    sched.run();
    return root;
  }

  caf::strong_actor_ptr playing(const std::string& role) { return roles.find(role); }

  template <class Atom>
  void tell(const std::string& role, Atom what) {
    caf::anon_send(caf::actor_cast<caf::actor>(playing(role)), what);
    sched.run();
  }

  void pass(std::chrono::milliseconds time_passing) {
    sched.advance_time(time_passing);
    sched.run();
  }

  actor_view view(const std::string& id) {
    for (auto& v : roles.actors())
      if (v.id == id)
        return v;
    return {};
  }

  /// Whether the actor behind `who` has ended, and of what.
  caf::error end_of(const caf::actor& who) {
    caf::error reason = caf::make_error(caf::sec::request_timeout); // still alive
    self->monitor(who);
    sched.run();
    if (has_mail())
      self->receive([&](caf::down_msg& msg) { reason = msg.reason; });
    else
      self->demonitor(who);
    return reason;
  }
  bool alive(const caf::strong_actor_ptr& who) {
    return who && end_of(caf::actor_cast<caf::actor>(who)) == caf::sec::request_timeout;
  }

  using list = std::vector<std::string>;
  list take_events() { return std::exchange(events, {}); }
};

} // namespace weir
