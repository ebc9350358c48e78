#include "actors/gateway.hpp"

#include "actors/pipeline.hpp"
#include "tests/actors/tree_fixture.hpp"

using namespace weir;
using namespace std::chrono_literals;

namespace {

struct gateway_test : tree_fixture {
  pipeline way{roles, "validate"};
  std::shared_ptr<client> owner = std::make_shared<client>();
  std::vector<batch_ptr> received;
  std::map<std::string, caf::strong_actor_ptr> stages;
  uint64_t in_flight = 0;
  int stops = 0;
  caf::actor root;

  gateway_test() {
    way.attach(owner);
    child_spec child;
    child.id = "gateway";
    child.role = "gateway";
    child.plays = "gateway";
    child.drains = true;
    child.start = [this](caf::local_actor& parent) {
      gateway_config c;
      c.drain_deadline = 1000ms;
      c.resubmit = [this] { way.resubmit(); };
      c.stop_accepting = [this] { ++stops; };
      c.in_flight = [this] { return in_flight; };
      c.health = &health;
      c.roles = &roles;
      return caf::actor_cast<caf::strong_actor_ptr>(parent.system().spawn(gateway, c));
    };
    root = start_tree(
      {"root", {restart_strategy::one_for_one, 5, 10s, {10ms, 10ms, 0, 1s}}, {child}});
  }

  void raise(const std::string& role) {
    auto actor = sys.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const batch_ptr& batch) { received.push_back(batch); }};
    });
    ends.push_back(actor);
    stages[role] = caf::actor_cast<caf::strong_actor_ptr>(actor);
    roles.up(role, stages[role]);
    sched.run();
  }
  void fell(const std::string& role) {
    roles.down(role, stages[role]);
    sched.run();
  }
  void raise_all() {
    for (const auto* role : {"journal", "transform", "validate"})
      raise(role);
  }
};

} // namespace

TEST_F(gateway_test, the_node_starts_once_every_stage_is_there) {
  raise("journal");
  raise("transform");
  EXPECT_TRUE(health.is(condition::starting));
  EXPECT_NE(health.closed(), ec::none);
  raise("validate");
  EXPECT_FALSE(health.is(condition::starting));
  EXPECT_EQ(health.closed(), ec::none);
  EXPECT_EQ(owner->resubmissions, 1) << "a batch may have come before there was a stage";
}

TEST_F(gateway_test,
       while_a_stage_is_away_admission_is_closed_and_its_comeback_resubmits_once) {
  raise_all();
  for (const auto* role : {"validate", "transform", "journal"}) {
    owner->resubmissions = 0;
    fell(role);
    EXPECT_EQ(health.closed(), ec::stage_away) << role;
    EXPECT_EQ(owner->resubmissions, 0);
    raise(role);
    EXPECT_EQ(health.closed(), ec::none) << role;
    EXPECT_EQ(owner->resubmissions, 1) << role;
  }
}

TEST_F(gateway_test,
       when_two_stages_were_away_there_is_one_resubmission_when_both_are_back) {
  raise_all();
  owner->resubmissions = 0;
  fell("transform");
  fell("journal");
  raise("journal");
  EXPECT_EQ(owner->resubmissions, 0);
  raise("transform");
  EXPECT_EQ(owner->resubmissions, 1);
}

TEST_F(gateway_test, news_of_a_stage_that_was_there_all_along_are_no_comeback) {
  raise_all();
  owner->resubmissions = 0;
  for (const auto* role : {"validate", "transform", "journal"}) {
    tell("gateway", role_change{role, stages[role]});
    sched.run();
  }
  EXPECT_EQ(owner->resubmissions, 0);
}

TEST_F(gateway_test, a_stage_replaced_without_a_gap_counts_as_a_comeback) {
  raise_all();
  owner->resubmissions = 0;
  raise("journal");
  EXPECT_EQ(owner->resubmissions, 1);
}

TEST_F(gateway_test, a_comeback_missed_by_a_crashed_gateway_is_made_up_for) {
  raise_all();
  owner->resubmissions = 0;
  tell("gateway", crash_atom_v);
  fell("journal");
  raise("journal");
  EXPECT_EQ(owner->resubmissions, 0);
  pass(10ms);
  EXPECT_EQ(owner->resubmissions, 1);
  EXPECT_EQ(health.closed(), ec::none);
}

TEST_F(gateway_test, a_drain_stops_accepting_and_waits_for_what_is_in_flight) {
  raise_all();
  in_flight = 3;
  caf::anon_send(root, drain_atom_v);
  sched.run();
  EXPECT_EQ(stops, 1);
  EXPECT_EQ(health.closed(), ec::draining);
  pass(500ms);
  EXPECT_EQ(end_of(root), caf::sec::request_timeout) << "still waiting";
  in_flight = 0;
  pass(20ms);
  EXPECT_EQ(end_of(root), caf::exit_reason::user_shutdown);
}

TEST_F(gateway_test, a_drain_gives_up_at_its_deadline) {
  raise_all();
  in_flight = 3;
  caf::anon_send(root, drain_atom_v);
  sched.run();
  for (int i = 0; i < 51; ++i)
    pass(20ms);
  EXPECT_EQ(end_of(root), caf::exit_reason::user_shutdown);
}

TEST_F(gateway_test, a_drain_that_finds_no_gateway_starts_one_and_waits_all_the_same) {
  raise_all();
  in_flight = 3;
  tell("gateway", crash_atom_v);
  caf::anon_send(root, drain_atom_v);
  sched.run();
  EXPECT_EQ(stops, 1);
  pass(500ms);
  EXPECT_EQ(end_of(root), caf::sec::request_timeout) << "still waiting";
  in_flight = 0;
  pass(20ms);
  EXPECT_EQ(end_of(root), caf::exit_reason::user_shutdown);
}

TEST_F(gateway_test, a_drain_in_which_the_gateway_crashes_waits_all_the_same) {
  raise_all();
  in_flight = 3;
  caf::anon_send(root, drain_atom_v);
  sched.run();
  tell("gateway", crash_atom_v);
  pass(500ms);
  EXPECT_EQ(end_of(root), caf::sec::request_timeout) << "still waiting";
  in_flight = 0;
  pass(20ms);
  EXPECT_EQ(end_of(root), caf::exit_reason::user_shutdown);
}

TEST_F(gateway_test, the_pipeline_submits_to_whoever_plays_the_first_stage) {
  EXPECT_FALSE(way.submit(make_batch(1, 1)));
  raise("validate");
  EXPECT_TRUE(way.submit(make_batch(2, 1)));
  sched.run();
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received[0]->source->id, 2u);
}

TEST_F(gateway_test, the_pipeline_tells_every_living_owner_and_forgets_the_dead) {
  auto other = std::make_shared<client>();
  way.attach(other);
  way.stored(17);
  EXPECT_EQ(owner->stored_up_to, std::vector<uint64_t>{17});
  EXPECT_EQ(other->stored_up_to, std::vector<uint64_t>{17});
  other.reset();
  way.stored(18);
  EXPECT_EQ(owner->stored_up_to, (std::vector<uint64_t>{17, 18}));
}
