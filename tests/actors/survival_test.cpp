// The whole way of a batch on real threads while every kind of actor is crashed again and
// again: nothing is lost, nothing is done twice, and the system ends.
#include "actors/gateway.hpp"
#include "actors/pipeline.hpp"
#include "actors/registry.hpp"
#include "actors/stage.hpp"
#include "actors/supervision/supervisor.hpp"
#include "actors/worker.hpp"
#include "proto/ports.hpp"
#include "tests/actors/tree_fixture.hpp"

#include <caf/scoped_actor.hpp>

#include <condition_variable>
#include <future>
#include <mutex>
#include <set>

using namespace weir;
using namespace std::chrono_literals;

namespace {

/// Owns batches until their receipt, as an I/O thread does.
struct batch_owner final : receipt_port {
  pipeline_port& way;
  std::mutex lock;
  std::condition_variable changed;
  std::map<uint64_t, batch_ptr> outstanding;
  std::map<uint64_t, std::shared_ptr<const batch_receipt>> done;
  uint64_t submitted_again = 0;

  explicit batch_owner(pipeline_port& p) : way(p) {}

  void deliver(std::shared_ptr<const batch_receipt> receipt) noexcept override {
    const std::lock_guard guard{lock};
    const auto found = outstanding.find(receipt->batch->source->id);
    if (found == outstanding.end())
      return; // the second receipt of a batch that was submitted again
    // Copies of batches that are answered already may fill a stage for a moment: try
    // again.
    if (!receipt->parts.empty() && receipt->parts[0].outcome == ec::saturated) {
      static_cast<void>(way.submit(found->second));
      return;
    }
    done[found->first] = std::move(receipt);
    outstanding.erase(found);
    changed.notify_all();
  }
  void stored(uint64_t) noexcept override {}
  void resubmit() noexcept override {
    const std::lock_guard guard{lock};
    for (const auto& [id, batch] : outstanding) {
      ++submitted_again;
      static_cast<void>(way.submit(batch));
    }
  }
  /// Waits for credit, then submits; false when the pipeline stands still.
  bool submit(const batch_ptr& batch, size_t credit) {
    std::unique_lock guard{lock};
    if (!changed.wait_for(guard, 20s, [&] { return outstanding.size() < credit; }))
      return false;
    outstanding[batch->source->id] = batch;
    static_cast<void>(way.submit(batch)); // away: resubmit() comes
    return true;
  }
  bool wait_for_all() {
    std::unique_lock guard{lock};
    return changed.wait_for(guard, 60s, [&] { return outstanding.empty(); });
  }
};

struct threads_config : caf::actor_system_config {
  threads_config() {
    register_protocol(*this);
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", size_t{2});
  }
};

batch_ptr honest(const record_batch& in, std::atomic<uint32_t>& mark) {
  for (uint32_t i = 0; i < in.records.size(); ++i) {
    mark = i;
    if (in.text_of(in.records[i]) == "poison")
      throw std::runtime_error("poison");
  }
  return std::make_shared<record_batch>(in);
}

/// The end of the pipeline: counts what it is given once per batch, and answers always.
struct ledger {
  std::set<uint64_t> stored;
  uint64_t records = 0; ///< one thread at a time: the journal's
};

caf::behavior journal_double(caf::event_based_actor* actor,
                             std::shared_ptr<ledger> book) {
  actor->set_exception_handler(
    [](std::exception_ptr&) { return caf::make_error(ec::crashed); });
  return {[book](const batch_ptr& batch) {
            if (book->stored.insert(batch->source->id).second)
              book->records += batch->records.size();
            auto receipt = std::make_shared<batch_receipt>();
            receipt->batch = batch;
            if (const auto origin = batch->source->origin.lock())
              origin->deliver(receipt);
          },
          [](crash_atom) { throw std::runtime_error("told to"); },
          [actor](drain_atom) { actor->quit(caf::exit_reason::user_shutdown); }};
}

struct survival : ::testing::Test {
  system_clock_source time;
  node_health health;
  telemetry metrics;
  role_table roles{time, health};
  pipeline way{roles, "validate"};
  std::shared_ptr<batch_owner> owner = std::make_shared<batch_owner>(way);
  std::shared_ptr<ledger> book = std::make_shared<ledger>();
  std::shared_ptr<tree_context> context = std::make_shared<tree_context>(metrics);

  survival() {
    context->roles = &roles;
    context->health = &health;
    way.attach(owner);
  }

  static restart_rules rules() {
    return {restart_strategy::one_for_one, 100'000, 10s, {1ms, 4ms, 0.5, 1s}};
  }

  template <class Spawn>
  static child_spec child(std::string id, std::string plays, Spawn spawn) {
    child_spec c;
    c.id = std::move(id);
    c.role = "test";
    c.plays = plays;
    c.stage = std::move(plays);
    c.start = [spawn](caf::local_actor& parent) {
      return caf::actor_cast<caf::strong_actor_ptr>(spawn(parent.system()));
    };
    return c;
  }

  child_spec pool(const std::string& role, const std::string& next) {
    supervisor_spec workers{"workers", rules(), {}};
    for (int i = 0; i < 3; ++i)
      workers.children.push_back(
        child("worker-" + std::to_string(i), "", [this, role](caf::actor_system& sys) {
          worker_config c{role, [] { return worker_functions{honest}; }, &roles};
          return sys.spawn<caf::detached>(worker, c);
        }));
    auto front = child("stage", role, [this, role, next](caf::actor_system& sys) {
      stage_config c;
      c.role = role;
      c.next_role = next;
      c.workers_role = role + "-workers";
      c.limits.capacity = 32;
      c.limits.deadline = 60s;
      c.roles = &roles;
      c.metrics = &metrics;
      return sys.spawn(stage, c);
    });
    return supervised({role, rules(), {supervised(workers, role + "-workers"), front}});
  }

  supervisor_spec tree() {
    return {"root",
            rules(),
            {child("registry", "registry",
                   [this](caf::actor_system& sys) {
                     return sys.spawn(registry, registry_config{10ms, &roles, &metrics});
                   }),
             child("journal", "journal",
                   [this](caf::actor_system& sys) {
                     return sys.spawn<caf::detached>(journal_double, book);
                   }),
             pool("transform", "journal"), pool("validate", "transform"),
             child("gateway", "gateway", [this](caf::actor_system& sys) {
               gateway_config c;
               c.resubmit = [this] { way.resubmit(); };
               c.health = &health;
               c.roles = &roles;
               return sys.spawn(gateway, c);
             })}};
  }

  std::string tree_text() const {
    std::string text;
    for (const auto& v : roles.actors())
      text += v.id + ' ' + v.state + " restarts " + std::to_string(v.restarts_total)
              + " depth " + std::to_string(v.queue_depth) + ' ' + v.last_crash + '\n';
    return text;
  }

  void crash(uint64_t what) {
    static constexpr const char* victims[] = {
      "validate",          "transform", "journal",         "gateway",
      "transform-workers", "registry",  "validate-workers"};
    if (const auto victim = roles.find(victims[what % std::size(victims)]))
      caf::anon_send(caf::actor_cast<caf::actor>(victim), crash_atom_v);
  }
};

} // namespace

TEST_F(survival,
       when_every_actor_crashes_again_and_again_no_batch_is_lost_or_done_twice) {
  constexpr uint64_t batches = 600;
  constexpr uint32_t records = 20;
  threads_config with;
  caf::actor_system sys{with};
  const auto root = sys.spawn(
    supervisor, tree(), std::shared_ptr<const tree_context>{context}, std::string{});
  uint64_t poisoned = 0;
  for (uint64_t id = 1; id <= batches; ++id) {
    std::vector<uint32_t> poison;
    if (id % 40 == 0)
      poison.push_back(static_cast<uint32_t>(id % records));
    poisoned += poison.size();
    ASSERT_TRUE(owner->submit(make_batch(id, records, poison, owner), 16))
      << "stuck at " << id << '\n'
      << tree_text();
    if (id % 12 == 0)
      crash(id / 12);
  }
  ASSERT_TRUE(owner->wait_for_all());
  EXPECT_EQ(owner->done.size(), batches);
  EXPECT_EQ(book->records, batches * records - poisoned);
  EXPECT_EQ(book->stored.size(), batches);
  for (const auto& [id, receipt] : owner->done)
    EXPECT_EQ(receipt->batch->records.size() + receipt->batch->rejections.size(), records)
      << id;
  EXPECT_GT(metrics.stage("validate").restarts.load(), 0u);
  caf::scoped_actor self{sys};
  self->monitor(root);
  caf::anon_send(root, drain_atom_v);
  self->receive([&](const caf::down_msg& msg) {
    EXPECT_EQ(msg.reason, caf::exit_reason::user_shutdown) << sys.render(msg.reason);
  });
  roles.clear();
}
