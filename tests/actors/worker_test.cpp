#include "actors/worker.hpp"

#include "tests/actors/tree_fixture.hpp"

using namespace weir;
using namespace std::chrono_literals;

namespace {

struct worker_test : tree_fixture {
  int pulls = 0;
  std::vector<work_result> results;
  int factories = 0;
  caf::actor uut;

  worker_test() {
    worker_config with{"validate",
                       [this] {
                         ++factories;
                         return worker_functions{
                           [](const record_batch& in, std::atomic<uint32_t>& m) {
                             m = 0;
                             if (in.records.size() == 1)
                               throw std::runtime_error("one is none");
                             return std::make_shared<const record_batch>(in);
                           },
                           [](const record_batch& in, std::atomic<uint32_t>& m) {
                             m = 2;
                             if (in.records.size() == 4)
                               throw std::runtime_error("four are too many");
                             auto out = std::make_shared<record_batch>(in);
                             out->records.pop_back();
                             return fused_batch{out, in.records.size(), 5ms};
                           }};
                       },
                       &roles};
    uut = caf::actor_cast<caf::actor>(sys.spawn(worker, with));
    ends.push_back(uut);
    sched.run();
  }

  caf::strong_actor_ptr raise_stage() {
    auto actor = sys.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](pull_atom) { ++pulls; },
              [this](const work_result& result) { results.push_back(result); }};
    });
    ends.push_back(actor);
    auto handle = caf::actor_cast<caf::strong_actor_ptr>(actor);
    roles.up("validate", handle);
    sched.run();
    return handle;
  }

  std::shared_ptr<progress_mark> give(const caf::strong_actor_ptr& stage, uint64_t job,
                                      uint32_t records, bool fused = false) {
    auto mark = std::make_shared<progress_mark>();
    uut->enqueue(
      stage, caf::make_message_id(),
      caf::make_message(work_order{job, make_batch(job, records), mark, fused}), nullptr);
    sched.run();
    return mark;
  }
};

} // namespace

TEST_F(worker_test, pulls_once_when_its_stage_is_there_and_then_with_each_result) {
  EXPECT_EQ(pulls, 0);
  const auto stage = raise_stage();
  EXPECT_EQ(pulls, 1);
  give(stage, 7, 3);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].job, 7u);
  EXPECT_EQ(results[0].batch->records.size(), 3u);
  EXPECT_EQ(pulls, 1) << "the result says that it is idle";
  EXPECT_EQ(factories, 1);
}

TEST_F(worker_test, pulls_from_the_successor_of_its_stage) {
  const auto first = raise_stage();
  roles.down("validate", first);
  sched.run();
  EXPECT_EQ(pulls, 1);
  raise_stage();
  EXPECT_EQ(pulls, 2);
}

TEST_F(worker_test, an_order_of_a_stage_that_is_gone_does_not_keep_it_from_pulling) {
  const auto first = raise_stage();
  roles.down("validate", first);
  raise_stage();
  EXPECT_EQ(pulls, 2);
  give(first, 1, 2);
  EXPECT_EQ(results.size(), 1u);
  EXPECT_EQ(pulls, 3);
}

TEST_F(worker_test, dies_of_an_exception_and_leaves_its_mark_behind) {
  const auto stage = raise_stage();
  const auto mark = give(stage, 1, 1);
  EXPECT_EQ(mark->record.load(), 0u);
  EXPECT_TRUE(results.empty());
  const auto reason = end_of(uut);
  EXPECT_EQ(reason, ec::crashed);
  EXPECT_NE(sys.render(reason).find("one is none"), std::string::npos);
}

TEST_F(worker_test, a_fused_order_gets_the_next_stages_work_as_well) {
  const auto stage = raise_stage();
  give(stage, 7, 3);
  give(stage, 8, 3, true);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].batch->records.size(), 3u);
  EXPECT_EQ(results[0].next.records, 0u);
  EXPECT_EQ(results[1].batch->records.size(), 2u);
  EXPECT_EQ(results[1].next.records, 3u);
  EXPECT_EQ(results[1].next.took, 5ms);
}

TEST_F(worker_test, dies_of_a_fused_order_and_leaves_its_mark_behind) {
  const auto mark = give(raise_stage(), 1, 4, true);
  EXPECT_TRUE(results.empty());
  EXPECT_EQ(mark->record.load(), 2u);
}

TEST_F(worker_test, finishes_the_order_before_the_drain_then_quits) {
  const auto stage = raise_stage();
  uut->enqueue(
    stage, caf::make_message_id(),
    caf::make_message(work_order{1, make_batch(1, 2), std::make_shared<progress_mark>()}),
    nullptr);
  caf::anon_send(uut, drain_atom_v);
  sched.run();
  EXPECT_EQ(results.size(), 1u);
  EXPECT_EQ(end_of(uut), caf::exit_reason::user_shutdown);
}
