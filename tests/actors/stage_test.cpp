#include "actors/stage.hpp"

#include "actors/worker.hpp"
#include "tests/actors/tree_fixture.hpp"

#include <atomic>
#include <thread>

using namespace weir;
using namespace std::chrono_literals;

namespace {

/// A whole stage under its supervisors: workers left of the stage, and a double of the
/// next stage.
struct stage_test : tree_fixture {
  std::vector<batch_ptr> passed_on;
  std::vector<batch_ptr> fused; ///< went past the next stage
  std::shared_ptr<client> origin = std::make_shared<client>();
  caf::actor root;
  caf::strong_actor_ptr next;
  size_t fuse_bytes = 0;
  std::string formula = "formula";

  stage_test() { raise_next(); }

  static restart_rules rules(size_t restarts_max = 1000) {
    return {
      restart_strategy::one_for_one, restarts_max, 10'000ms, {1ms, 10ms, 0.0, 5000ms}};
  }

  void raise_next() {
    auto actor = sys.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const batch_ptr& batch) { passed_on.push_back(batch); }};
    });
    ends.push_back(actor);
    next = caf::actor_cast<caf::strong_actor_ptr>(actor);
    roles.up("next", next);
  }

  caf::strong_actor_ptr raise_behind() {
    auto actor = sys.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const batch_ptr& batch) { fused.push_back(batch); }};
    });
    ends.push_back(actor);
    auto handle = caf::actor_cast<caf::strong_actor_ptr>(actor);
    roles.up("behind", handle);
    sched.run();
    return handle;
  }

  stage_config config(size_t capacity) {
    stage_config c;
    c.role = "validate";
    c.next_role = "next";
    c.workers_role = "validate-workers";
    c.limits.capacity = capacity;
    if (fuse_bytes > 0) {
      c.fused_role = "behind";
      c.limits.fuse_bytes = fuse_bytes;
    }
    c.bound = formula;
    c.roles = &roles;
    c.metrics = &metrics;
    return c;
  }

  /// Dies at "poison"; passes all else.
  static batch_ptr honest(const record_batch& in, std::atomic<uint32_t>& mark) {
    for (uint32_t i = 0; i < in.records.size(); ++i) {
      mark = i;
      if (in.text_of(in.records[i]) == "poison")
        throw std::runtime_error("bad\nluck");
    }
    return std::make_shared<record_batch>(in);
  }

  static fused_batch honest_in_both(const record_batch& in, std::atomic<uint32_t>& mark) {
    auto made = honest(in, mark);
    const auto records = made->records.size();
    return {std::move(made), records, {}};
  }

  child_spec worker_child(std::string id) {
    child_spec child;
    child.id = std::move(id);
    child.role = "worker";
    child.stage = "validate";
    child.start = [this](caf::local_actor& parent) {
      worker_config c{"validate",
                      [] {
                        return worker_functions{honest, honest_in_both};
                      },
                      &roles};
      return caf::actor_cast<caf::strong_actor_ptr>(parent.system().spawn(worker, c));
    };
    return child;
  }

  /// A worker that takes its order and never comes back.
  child_spec stuck_worker() {
    child_spec child;
    child.id = "stuck";
    child.role = "worker";
    child.start = [this](caf::local_actor& parent) {
      auto handle = parent.system().spawn<caf::actor_companion>();
      auto* companion = caf::actor_cast<caf::actor_companion*>(handle);
      companion->on_enqueue([this](caf::mailbox_element_ptr mail) {
        if (mail->content().match_elements<work_order>())
          stuck_orders.push_back(mail->content().get_as<work_order>(0));
      });
      stuck.push_back(caf::actor_cast<caf::actor>(handle));
      roles.subscribe("validate", role_rank::worker,
                      caf::actor_cast<caf::strong_actor_ptr>(handle));
      return caf::actor_cast<caf::strong_actor_ptr>(handle);
    };
    return child;
  }
  std::vector<work_order> stuck_orders;

  void start(std::vector<child_spec> workers, size_t capacity = 8) {
    child_spec front;
    front.id = "stage";
    front.role = "stage";
    front.plays = front.stage = "validate";
    front.start = [this, capacity](caf::local_actor& parent) {
      auto handle = parent.system().spawn(stage, config(capacity));
      return caf::actor_cast<caf::strong_actor_ptr>(handle);
    };
    root = start_tree(
      {"root",
       rules(),
       {supervised({"workers", rules(), std::move(workers)}, "validate-workers"),
        front}});
  }

  void submit(const batch_ptr& batch) {
    caf::anon_send(caf::actor_cast<caf::actor>(playing("validate")), batch);
    sched.run();
  }
  /// Lets backoffs pass until nothing moves any more; no work deadline passes.
  void settle() {
    for (int i = 0; i < 200; ++i)
      pass(10ms);
  }
  stage_gauge& gauge() { return metrics.stage("validate"); }
  int64_t depth() { return metrics.queue("validate").depth.load(); }
};

} // namespace

TEST_F(stage_test, a_batch_goes_through_a_worker_to_the_next_stage) {
  start({worker_child("w1")});
  submit(make_batch(1, 5));
  ASSERT_EQ(passed_on.size(), 1u);
  EXPECT_EQ(passed_on[0]->records.size(), 5u);
  EXPECT_EQ(gauge().records_processed.load(), 5u);
  EXPECT_EQ(gauge().credit_available.load(), 8);
  EXPECT_EQ(metrics.queue("validate").capacity.load(), 8);
  EXPECT_EQ(metrics.queue("validate").said.bound, "formula");
  EXPECT_EQ(depth(), 0);
}

/// Whoever shows the queues reads without a lock; a sanitizer for threads sees it too.
TEST_F(stage_test, what_is_said_of_its_queue_stands_while_a_stage_starts_again) {
  start({worker_child("w1")});
  const auto* const queue = metrics.queues().at(0);
  std::atomic<bool> done{false};
  bool stands = true;
  std::thread reader{[&] {
    while (!done)
      stands = stands && queue->said.bound == "formula";
  }};
  formula = "another text that is longer than the one before it";
  for (int i = 0; i < 20; ++i) {
    tell("validate", crash_atom_v);
    pass(10ms);
  }
  done = true;
  reader.join();
  EXPECT_TRUE(stands);
  EXPECT_EQ(queue->said.bound, "formula");
}

TEST_F(stage_test,
       a_poison_record_among_500_kills_three_workers_and_499_go_through_together) {
  start({worker_child("w1"), worker_child("w2")});
  const auto stage_before = playing("validate");
  submit(make_batch(1, 500, {123}));
  settle();
  ASSERT_EQ(passed_on.size(), 1u);
  EXPECT_EQ(passed_on[0]->records.size(), 499u);
  ASSERT_EQ(passed_on[0]->rejections.size(), 1u);
  EXPECT_EQ(passed_on[0]->rejections[0].record, 123u);
  EXPECT_EQ(passed_on[0]->rejections[0].detail, "crashed 3 workers: bad luck");
  EXPECT_EQ(gauge().errors.load(), 3u);
  EXPECT_EQ(gauge().restarts.load(), 3u);
  EXPECT_EQ(gauge().records_processed.load(), 500u);
  EXPECT_EQ(playing("validate"), stage_before) << "the stage must not restart";
  EXPECT_TRUE(origin->receipts.empty());
}

TEST_F(stage_test, healthy_batches_get_through_beside_a_poisoned_one) {
  start({worker_child("w1")});
  submit(make_batch(1, 50, {0, 10, 20}));
  submit(make_batch(2, 3));
  settle();
  ASSERT_EQ(passed_on.size(), 2u);
  EXPECT_EQ(gauge().errors.load(), 9u);
}

TEST_F(stage_test, a_worker_that_crashes_between_orders_costs_no_record) {
  start({worker_child("w1")});
  const auto workers = roles.leftover("root/workers/w1");
  caf::anon_send(caf::actor_cast<caf::actor>(workers), crash_atom_v);
  caf::anon_send(caf::actor_cast<caf::actor>(playing("validate")), make_batch(1, 4));
  settle();
  ASSERT_EQ(passed_on.size(), 1u);
  EXPECT_EQ(passed_on[0]->records.size(), 4u);
  EXPECT_TRUE(passed_on[0]->rejections.empty());
}

TEST_F(stage_test, a_worker_that_hangs_is_replaced_and_its_batch_done_by_another) {
  start({stuck_worker(), worker_child("w1")});
  // Two batches: one for each worker, in whatever order they asked.
  caf::anon_send(caf::actor_cast<stage_actor>(playing("validate")), pull_atom_v);
  const auto hung = caf::actor_cast<caf::strong_actor_ptr>(stuck[0]);
  caf::actor_cast<caf::actor>(playing("validate"))
    ->enqueue(hung, caf::make_message_id(), caf::make_message(pull_atom_v), nullptr);
  sched.run();
  submit(make_batch(1, 3)); // the last to ask is served first: the stuck one
  ASSERT_EQ(stuck_orders.size(), 1u);
  stuck_orders[0].progress->record = 1;
  for (int i = 0; i < 4; ++i)
    pass(1250ms); // each a tick
  EXPECT_TRUE(passed_on.empty());
  pass(1250ms);
  settle();
  ASSERT_EQ(passed_on.size(), 1u);
  EXPECT_EQ(passed_on[0]->records.size(), 3u) << "one hang does not condemn a record";
  EXPECT_EQ(context->counted.workers_hung.load(), 1);
  EXPECT_EQ(gauge().errors.load(), 1u);
  EXPECT_EQ(events, list{});
  EXPECT_EQ(view("root/workers/stuck").restarts_total, 1u);

  // Its result comes in the end, and it asks for more: both are ignored.
  const auto target = playing("validate");
  target->enqueue(
    hung, caf::make_message_id(),
    caf::make_message(work_result{stuck_orders[0].job, stuck_orders[0].batch}), nullptr);
  target->enqueue(hung, caf::make_message_id(), caf::make_message(pull_atom_v), nullptr);
  settle();
  EXPECT_EQ(passed_on.size(), 1u);
  submit(make_batch(2, 3));
  settle();
  EXPECT_EQ(passed_on.size(), 2u);
  EXPECT_EQ(stuck_orders.size(), 1u);
}

TEST_F(stage_test, when_the_process_stood_still_no_worker_is_given_up) {
  start({stuck_worker()});
  caf::actor_cast<caf::actor>(playing("validate"))
    ->enqueue(caf::actor_cast<caf::strong_actor_ptr>(stuck[0]), caf::make_message_id(),
              caf::make_message(pull_atom_v), nullptr);
  submit(make_batch(1, 1));
  ASSERT_EQ(stuck_orders.size(), 1u);
  pass(60'000ms); // one tick, far too late
  pass(1250ms);
  EXPECT_EQ(context->counted.workers_hung.load(), 0);
  for (int i = 0; i < 5; ++i)
    pass(1250ms);
  EXPECT_EQ(context->counted.workers_hung.load(), 1) << "but one that hangs really is";
}

TEST_F(stage_test, workers_killed_by_their_supervisor_condemn_no_record) {
  start({stuck_worker()});
  submit(make_batch(1, 1));
  for (size_t i = 0; i < 4; ++i) {
    const auto who = caf::actor_cast<caf::strong_actor_ptr>(stuck.back());
    caf::actor_cast<caf::actor>(playing("validate"))
      ->enqueue(who, caf::make_message_id(), caf::make_message(pull_atom_v), nullptr);
    sched.run();
    ASSERT_EQ(stuck_orders.size(), i + 1);
    stuck_orders.back().progress->record = 0;
    release(stuck.back());
    stuck.pop_back();
    sched.run();
    pass(100ms); // its successor starts
  }
  EXPECT_EQ(depth(), 1) << "still to be done";
  EXPECT_TRUE(passed_on.empty());
  EXPECT_EQ(gauge().errors.load(), 0u);
}

TEST_F(stage_test, while_the_next_stage_is_away_batches_wait_and_go_on_when_it_is_back) {
  start({worker_child("w1")});
  roles.down("next", next);
  submit(make_batch(1, 2));
  submit(make_batch(2, 2));
  EXPECT_TRUE(passed_on.empty());
  EXPECT_EQ(depth(), 2);
  submit(make_batch(1, 2)); // submitted again meanwhile
  raise_next();
  sched.run();
  EXPECT_EQ(passed_on.size(), 2u);
  EXPECT_EQ(depth(), 0);
}

TEST_F(stage_test,
       a_batch_over_capacity_is_answered_saturated_and_never_dropped_silently) {
  start({}, 2);
  for (uint64_t id = 1; id <= 3; ++id)
    submit(make_batch(id, 1, {}, origin));
  ASSERT_EQ(origin->receipts.size(), 1u);
  const auto& part = origin->receipts[0]->parts.at(0);
  EXPECT_EQ(part.outcome, ec::saturated);
  EXPECT_EQ(part.request, 30u);
  EXPECT_EQ(gauge().credit_available.load(), 0);
}

TEST_F(stage_test, a_fused_batch_goes_past_the_next_stage_and_is_counted_for_both) {
  fuse_bytes = 40;
  start({worker_child("w1")});
  submit(make_batch(1, 100));
  submit(small_batch(2, 3));
  EXPECT_TRUE(passed_on.empty() && fused.empty()) << "the one behind is away";
  const auto behind = raise_behind();
  ASSERT_EQ(passed_on.size(), 1u);
  EXPECT_EQ(passed_on[0]->source->id, 1u);
  ASSERT_EQ(fused.size(), 1u);
  EXPECT_EQ(fused[0]->source->id, 2u);
  EXPECT_EQ(gauge().records_processed.load(), 103u);
  EXPECT_EQ(metrics.stage("next").records_processed.load(), 3u);
  roles.down("behind", behind);
  sched.run();
  submit(small_batch(3, 3));
  EXPECT_EQ(fused.size(), 1u);
  raise_behind();
  EXPECT_EQ(fused.size(), 2u);
}

TEST_F(stage_test, a_poison_record_of_a_fused_batch_kills_three_workers_and_no_more) {
  fuse_bytes = 100'000;
  start({worker_child("w1"), worker_child("w2")});
  raise_behind();
  submit(small_batch(1, 500, {123}));
  settle();
  ASSERT_EQ(fused.size(), 1u);
  EXPECT_EQ(fused[0]->records.size(), 499u);
  ASSERT_EQ(fused[0]->rejections.size(), 1u);
  EXPECT_EQ(fused[0]->rejections[0].record, 123u);
  EXPECT_EQ(gauge().errors.load(), 3u);
}

TEST_F(stage_test, a_batch_submitted_twice_is_worked_on_once) {
  start({});
  submit(make_batch(1, 1, {}, origin));
  submit(make_batch(1, 1, {}, origin));
  EXPECT_EQ(depth(), 1);
  EXPECT_TRUE(origin->receipts.empty());
}

TEST_F(stage_test, when_the_stage_crashes_its_workers_serve_its_successor) {
  start({worker_child("w1")});
  const auto worker_before = roles.leftover("root/workers/w1");
  tell("validate", crash_atom_v);
  pass(1ms);
  submit(make_batch(1, 2));
  EXPECT_EQ(passed_on.size(), 1u);
  EXPECT_EQ(roles.leftover("root/workers/w1"), worker_before) << "blast radius";
}

TEST_F(stage_test, a_worker_that_hung_before_its_stage_crashed_is_replaced_all_the_same) {
  start({stuck_worker(), worker_child("w1")});
  tell("validate", crash_atom_v);
  pass(1ms);
  for (int i = 0; i < 4; ++i)
    pass(1250ms); // each a tick
  EXPECT_EQ(context->counted.workers_hung.load(), 0);
  pass(1250ms);
  settle();
  EXPECT_EQ(context->counted.workers_hung.load(), 1);
  EXPECT_EQ(view("root/workers/stuck").restarts_total, 1u);
  EXPECT_EQ(view("root/workers/w1").restarts_total, 0u) << "it has asked for work";

  tell("validate", crash_atom_v); // what was given up once is not expected again
  for (int i = 0; i < 10; ++i)
    pass(1250ms);
  EXPECT_EQ(gauge().errors.load(), 2u) << "the second one that was stuck";
}

TEST_F(stage_test, a_stage_that_stood_still_gives_up_no_worker_it_has_not_heard_of) {
  start({stuck_worker()});
  tell("validate", crash_atom_v);
  pass(1ms);
  pass(60'000ms); // one tick, far too late
  pass(1250ms);
  EXPECT_EQ(context->counted.workers_hung.load(), 0);
}

TEST_F(stage_test, a_batch_past_its_deadline_is_answered_so_and_forgotten) {
  start({});
  const auto batch = make_batch(1, 1, {}, origin);
  auto late = std::make_shared<record_batch>(*batch);
  auto source = std::make_shared<envelope>(*batch->source);
  source->deadline = sched.clock().now() + 1s;
  late->source = source;
  submit(late);
  pass(1250ms);
  ASSERT_EQ(origin->receipts.size(), 1u);
  EXPECT_EQ(origin->receipts[0]->parts[0].outcome, ec::deadline_exceeded);
  EXPECT_EQ(depth(), 0);
}

TEST_F(stage_test, a_drain_finishes_what_is_queued_and_refuses_what_comes_after) {
  start({worker_child("w1")});
  const auto target = caf::actor_cast<caf::actor>(playing("validate"));
  roles.down("next", next);
  for (uint64_t id = 1; id <= 5; ++id)
    caf::anon_send(target, make_batch(id, 2, {}, origin));
  caf::anon_send(root, drain_atom_v);
  sched.run();
  submit(make_batch(6, 1, {}, origin));
  ASSERT_EQ(origin->receipts.size(), 1u);
  EXPECT_EQ(origin->receipts[0]->parts[0].outcome, ec::draining);
  raise_next();
  sched.run();
  EXPECT_EQ(passed_on.size(), 5u);
  EXPECT_EQ(end_of(root), caf::exit_reason::user_shutdown);
}

TEST_F(stage_test, a_batch_with_nothing_left_to_do_goes_on_without_a_worker) {
  start({});
  submit(make_batch(1, 0));
  EXPECT_EQ(passed_on.size(), 1u);
}
