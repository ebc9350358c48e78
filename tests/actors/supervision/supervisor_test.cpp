#include "actors/supervision/supervisor.hpp"

#include "tests/actors/tree_fixture.hpp"

using namespace weir;
using namespace std::chrono_literals;

namespace {

struct supervisor_test : tree_fixture {
  static restart_rules rules(restart_strategy strategy, size_t restarts_max = 3) {
    return {strategy, restarts_max, 10'000ms, {100ms, 1000ms, 0.0, 5000ms}};
  }
  caf::actor three(restart_strategy strategy) {
    return start_tree(
      {"root", rules(strategy), {obedient("a"), obedient("b"), obedient("c")}});
  }
};

} // namespace

TEST_F(supervisor_test, when_a_child_crashes_one_for_one_leaves_its_siblings_alone) {
  three(restart_strategy::one_for_one);
  EXPECT_EQ(take_events(), (list{"start a", "start b", "start c"}));
  const auto a = playing("a"), b = playing("b"), c = playing("c");
  tell("b", crash_atom_v);
  EXPECT_EQ(playing("b"), nullptr);
  pass(100ms);
  EXPECT_EQ(take_events(), (list{"start b"}));
  EXPECT_EQ(playing("a"), a);
  EXPECT_EQ(playing("c"), c);
  EXPECT_NE(playing("b"), b);
  EXPECT_TRUE(alive(playing("b")));
}

TEST_F(supervisor_test,
       when_a_child_crashes_rest_for_one_restarts_it_and_the_later_ones) {
  three(restart_strategy::rest_for_one);
  const auto a = playing("a");
  take_events();
  tell("b", crash_atom_v);
  EXPECT_EQ(take_events(), (list{"stop c"}));
  pass(100ms);
  EXPECT_EQ(take_events(), (list{"start b", "start c"}));
  EXPECT_EQ(playing("a"), a);
}

TEST_F(supervisor_test, when_a_child_crashes_one_for_all_restarts_all) {
  three(restart_strategy::one_for_all);
  take_events();
  tell("b", crash_atom_v);
  EXPECT_EQ(take_events(), (list{"stop c", "stop a"}));
  pass(100ms);
  EXPECT_EQ(take_events(), (list{"start a", "start b", "start c"}));
}

TEST_F(supervisor_test, a_restart_waits_for_its_backoff_and_no_longer) {
  three(restart_strategy::one_for_one);
  take_events();
  tell("a", crash_atom_v);
  pass(99ms);
  EXPECT_EQ(take_events(), list{});
  EXPECT_EQ(view("root/a").state, "restarting");
  pass(1ms);
  EXPECT_EQ(take_events(), (list{"start a"}));
  tell("a", crash_atom_v);
  pass(199ms);
  EXPECT_EQ(take_events(), list{});
  pass(1ms);
  EXPECT_EQ(take_events(), (list{"start a"}));
}

TEST_F(supervisor_test, when_two_children_crash_at_once_both_come_back) {
  three(restart_strategy::one_for_one);
  const auto b = playing("b");
  take_events();
  caf::anon_send(caf::actor_cast<caf::actor>(playing("a")), crash_atom_v);
  caf::anon_send(caf::actor_cast<caf::actor>(playing("c")), crash_atom_v);
  sched.run();
  pass(100ms);
  auto started = take_events();
  std::sort(started.begin(), started.end());
  EXPECT_EQ(started, (list{"start a", "start c"}));
  EXPECT_EQ(playing("b"), b);
}

TEST_F(supervisor_test, a_transient_child_comes_back_after_a_crash_only) {
  start_tree({"root",
              rules(restart_strategy::one_for_one),
              {obedient("a", restart_type::transient)}});
  take_events();
  tell("a", crash_atom_v);
  pass(1s);
  EXPECT_EQ(take_events(), (list{"start a"}));
  tell("a", commit_atom_v);
  pass(10s);
  EXPECT_EQ(take_events(), list{});
  EXPECT_EQ(view("root/a").state, "stopped");
}

TEST_F(supervisor_test, a_temporary_child_never_comes_back_and_a_permanent_one_always) {
  start_tree({"root",
              rules(restart_strategy::one_for_one),
              {obedient("t", restart_type::temporary), obedient("p")}});
  take_events();
  tell("t", crash_atom_v);
  tell("p", commit_atom_v);
  pass(10s);
  EXPECT_EQ(take_events(), (list{"start p"}));
}

TEST_F(supervisor_test, when_children_die_too_often_it_stops_the_rest_and_fails_upwards) {
  const auto root = three(restart_strategy::one_for_one);
  for (int i = 0; i < 3; ++i) {
    tell("b", crash_atom_v);
    pass(1000ms);
  }
  take_events();
  EXPECT_TRUE(fatal.empty());
  tell("b", crash_atom_v);
  EXPECT_EQ(take_events(), (list{"stop c", "stop a"}));
  EXPECT_EQ(end_of(root), ec::restart_limit_reached);
  ASSERT_EQ(fatal.size(), 1u);
  EXPECT_EQ(fatal[0], "root: more than 3 restarts within 10000 ms");
  EXPECT_EQ(playing("a"), nullptr);
}

TEST_F(supervisor_test, when_deaths_are_rare_the_window_forgets_them) {
  const auto root = three(restart_strategy::one_for_one);
  for (int i = 0; i < 10; ++i) {
    tell("b", crash_atom_v);
    pass(10'001ms);
  }
  EXPECT_EQ(end_of(root), caf::sec::request_timeout);
  EXPECT_TRUE(fatal.empty());
  EXPECT_EQ(view("root/b").restarts_total, 10u);
}

TEST_F(supervisor_test,
       a_nested_supervisor_that_gives_up_is_restarted_with_fresh_children) {
  const auto inner = supervised(
    {"inner", rules(restart_strategy::one_for_one, 1), {obedient("x"), obedient("y")}});
  start_tree({"root", rules(restart_strategy::one_for_one), {obedient("a"), inner}});
  const auto a = playing("a");
  tell("x", crash_atom_v);
  pass(100ms);
  take_events();
  tell("x", crash_atom_v);
  EXPECT_EQ(take_events(), (list{"stop y"}));
  pass(100ms);
  EXPECT_EQ(take_events(), (list{"start x", "start y"}));
  EXPECT_EQ(playing("a"), a) << "the failure must not reach a sibling";
  EXPECT_TRUE(fatal.empty());
  EXPECT_NE(view("root/inner").last_crash.find("restart_limit_reached"),
            std::string::npos);
}

TEST_F(supervisor_test, when_a_supervisor_crashes_no_orphan_is_left_and_roles_come_back) {
  const auto inner = supervised(
    {"inner", rules(restart_strategy::one_for_one), {obedient("x"), obedient("y")}},
    "inner");
  start_tree({"root", rules(restart_strategy::one_for_one), {inner}});
  const auto x = playing("x"), y = playing("y");
  take_events();
  tell("inner", crash_atom_v);
  EXPECT_FALSE(alive(x));
  EXPECT_FALSE(alive(y));
  EXPECT_EQ(playing("x"), nullptr);
  pass(100ms);
  EXPECT_EQ(take_events(), (list{"start x", "start y"}));
  EXPECT_TRUE(alive(playing("x")));
  EXPECT_NE(playing("x"), x);
}

TEST_F(supervisor_test, when_the_root_is_killed_the_whole_tree_goes_with_it) {
  const auto leaf =
    supervised({"leaf", rules(restart_strategy::one_for_one), {obedient("x")}});
  const auto root =
    start_tree({"root",
                rules(restart_strategy::one_for_one),
                {supervised({"mid", rules(restart_strategy::one_for_one), {leaf}})}});
  const auto x = playing("x");
  caf::anon_send(root, crash_atom_v);
  sched.run();
  EXPECT_FALSE(alive(x));
}

TEST_F(supervisor_test, a_successor_waits_for_what_a_crashed_supervisor_left_behind) {
  const auto inner =
    supervised({"inner", rules(restart_strategy::one_for_one), {hanging("x")}}, "inner");
  start_tree({"root", rules(restart_strategy::one_for_one), {inner}});
  take_events();
  tell("inner", crash_atom_v);
  pass(100ms);
  EXPECT_EQ(take_events(), list{}) << "two of x must never run at once";
  release_stuck();
  sched.run();
  EXPECT_EQ(take_events(), (list{"start x"}));
}

TEST_F(supervisor_test, a_leftover_that_hangs_is_abandoned_after_a_grace) {
  const auto inner =
    supervised({"inner", rules(restart_strategy::one_for_one), {hanging("x")}}, "inner");
  start_tree({"root", rules(restart_strategy::one_for_one), {inner}});
  tell("inner", crash_atom_v);
  pass(100ms);
  take_events();
  pass(kill_grace);
  EXPECT_EQ(take_events(), (list{"start x"}));
  EXPECT_EQ(context->counted.workers_hung.load(), 1);
}

TEST_F(supervisor_test, a_drain_stops_the_tree_right_to_left_each_before_the_next) {
  const auto inner = supervised(
    {"inner", rules(restart_strategy::one_for_one), {obedient("x"), obedient("y")}});
  const auto root = start_tree({"root",
                                rules(restart_strategy::one_for_one),
                                {obedient("a"), inner, obedient("c")}});
  take_events();
  caf::anon_send(root, drain_atom_v);
  sched.run();
  EXPECT_EQ(take_events(), (list{"stop c", "stop y", "stop x", "stop a"}));
  EXPECT_EQ(end_of(root), caf::exit_reason::user_shutdown);
  EXPECT_EQ(view("root").state, "stopped");
  pass(1h);
  EXPECT_EQ(take_events(), list{}) << "nothing is started after a drain";
}

TEST_F(supervisor_test, a_child_that_ignores_its_drain_is_killed_at_its_deadline) {
  const auto root =
    start_tree({"root",
                rules(restart_strategy::one_for_one),
                {obedient("a"), obedient("deaf", restart_type::permanent, true)}});
  take_events();
  caf::anon_send(root, drain_atom_v);
  sched.run();
  pass(999ms);
  EXPECT_EQ(take_events(), (list{"stop deaf"}));
  pass(1ms);
  EXPECT_EQ(take_events(), (list{"stop a"}));
  EXPECT_EQ(end_of(root), caf::exit_reason::user_shutdown);
  EXPECT_EQ(context->counted.workers_hung.load(), 0);
}

TEST_F(supervisor_test, a_sole_owner_that_hangs_has_no_successor_while_it_lives) {
  auto owner = hanging("x");
  owner.sole_owner = true;
  start_tree(
    {"root",
     rules(restart_strategy::one_for_one),
     {supervised({"inner", rules(restart_strategy::one_for_one), {owner}}, "inner")}});
  take_events();
  tell("inner", crash_atom_v);
  pass(100ms);
  pass(kill_grace);
  EXPECT_TRUE(fatal.empty()) << "it may only be slow";
  pass(1000ms);
  ASSERT_EQ(fatal.size(), 1u);
  EXPECT_NE(fatal[0].find("root/inner/x does not end"), std::string::npos) << fatal[0];
  EXPECT_EQ(take_events(), list{});
  release_stuck();
  pass(100ms);
  EXPECT_EQ(take_events(), (list{"start x"}));
}

TEST_F(supervisor_test, a_sole_owner_that_hangs_for_long_is_reported_once) {
  auto owner = hanging("x");
  owner.sole_owner = true;
  start_tree(
    {"root",
     rules(restart_strategy::one_for_one),
     {supervised({"inner", rules(restart_strategy::one_for_one), {owner}}, "inner")}});
  tell("inner", crash_atom_v);
  for (int i = 0; i < 20; ++i)
    pass(1000ms);
  EXPECT_EQ(fatal.size(), 1u);
}

TEST_F(supervisor_test, what_follows_a_child_that_opens_waits_until_it_is_up) {
  auto slow = obedient("a");
  slow.opens = true;
  const auto root =
    start_tree({"root", rules(restart_strategy::rest_for_one), {slow, obedient("b")}});
  EXPECT_EQ(take_events(), (list{"start a"}));
  EXPECT_EQ(playing("a"), nullptr);
  const auto first = roles.leftover("root/a");
  caf::anon_send(caf::actor_cast<caf::actor>(first), crash_atom_v); // while it opens
  sched.run();
  pass(100ms);
  EXPECT_EQ(take_events(), (list{"start a"}));
  caf::anon_send(root, opened_atom_v, first->id()); // the first one's late word
  sched.run();
  EXPECT_EQ(take_events(), list{});
  const auto second = roles.leftover("root/a");
  caf::anon_send(root, opened_atom_v, second->id());
  sched.run();
  EXPECT_EQ(take_events(), (list{"start b"}));
  EXPECT_EQ(playing("a"), second);
}

TEST_F(supervisor_test, a_child_that_still_opens_is_stopped_like_any_other) {
  auto slow = obedient("a");
  slow.opens = true;
  const auto root =
    start_tree({"root", rules(restart_strategy::rest_for_one), {slow, obedient("b")}});
  take_events();
  caf::anon_send(root, drain_atom_v);
  sched.run();
  EXPECT_EQ(take_events(), (list{"stop a"}));
  EXPECT_EQ(end_of(root), caf::exit_reason::user_shutdown);
}

TEST_F(supervisor_test, a_child_that_hangs_does_not_block_the_shutdown) {
  const auto root = start_tree({"root",
                                rules(restart_strategy::one_for_one),
                                {obedient("a"), hanging("h"), obedient("c")}});
  take_events();
  caf::anon_send(root, drain_atom_v);
  sched.run();
  pass(1000ms);
  EXPECT_EQ(take_events(), (list{"stop c"}));
  pass(kill_grace);
  EXPECT_EQ(take_events(), (list{"stop a"}));
  EXPECT_EQ(end_of(root), caf::exit_reason::user_shutdown);
  EXPECT_EQ(context->counted.workers_hung.load(), 1);
  EXPECT_TRUE(fatal.empty()) << "it is stopping anyway";
}

TEST_F(supervisor_test, an_abandoned_worker_is_replaced_and_its_late_death_ignored) {
  const auto root = start_tree(
    {"root", rules(restart_strategy::one_for_one), {hanging("h"), obedient("b")}});
  const auto hung = playing("h"), b = playing("b");
  take_events();
  caf::anon_send(root, abandon_atom_v, hung);
  sched.run();
  EXPECT_EQ(context->counted.workers_hung.load(), 1);
  EXPECT_EQ(view("root/h~" + std::to_string(hung->id())).state, "abandoned");
  pass(100ms);
  EXPECT_EQ(take_events(), (list{"start h"}));
  const auto fresh = playing("h");
  EXPECT_NE(fresh, hung);
  EXPECT_EQ(view("root/h").restarts_total, 1u);
  caf::anon_send(root, abandon_atom_v, hung); // told twice
  release(stuck[0]);
  stuck.erase(stuck.begin());
  pass(10s);
  EXPECT_EQ(take_events(), list{});
  EXPECT_EQ(playing("h"), fresh);
  EXPECT_EQ(playing("b"), b);
  EXPECT_EQ(context->counted.workers_hung.load(), 0) << "its thread is free again";
}

TEST_F(supervisor_test, a_hung_worker_that_ends_after_its_supervisor_did_counts_no_more) {
  const auto pool = supervised(
    {"pool", rules(restart_strategy::one_for_one), {hanging("h"), obedient("b")}},
    "pool");
  const auto root = start_tree({"root", rules(restart_strategy::one_for_one), {pool}});
  const auto hung = playing("h");
  caf::anon_send(caf::actor_cast<caf::actor>(playing("pool")), abandon_atom_v, hung);
  sched.run();
  pass(100ms); // it is replaced
  tell("pool", crash_atom_v);
  EXPECT_EQ(context->counted.workers_hung.load(), 1) << "its thread is still gone";
  EXPECT_EQ(view("root/pool/h~" + std::to_string(hung->id())).state, "abandoned");
  release(stuck[0]);
  stuck.erase(stuck.begin());
  sched.run();
  EXPECT_EQ(context->counted.workers_hung.load(), 0);
  EXPECT_EQ(view("root/pool/h~" + std::to_string(hung->id())).state, "");
  EXPECT_TRUE(fatal.empty());
}

TEST_F(supervisor_test, when_too_many_hang_the_node_gives_up_once) {
  const auto root = start_tree({"root",
                                rules(restart_strategy::one_for_one),
                                {hanging("h"), hanging("i"), hanging("j")}});
  caf::anon_send(root, abandon_atom_v, playing("h"));
  sched.run();
  EXPECT_FALSE(health.is(condition::workers_hung));
  caf::anon_send(root, abandon_atom_v, playing("i"));
  caf::anon_send(root, abandon_atom_v, playing("j"));
  sched.run();
  EXPECT_TRUE(health.is(condition::workers_hung));
  EXPECT_EQ(health.closed(), ec::draining);
  ASSERT_EQ(fatal.size(), 1u);
  EXPECT_NE(fatal[0].find("2 actors hang"), std::string::npos) << fatal[0];
}

TEST_F(supervisor_test, a_child_that_cannot_start_is_tried_again_and_then_given_up) {
  auto broken = obedient("x");
  broken.start = [this](caf::local_actor&) -> caf::strong_actor_ptr {
    events.push_back("try");
    throw std::runtime_error("the file is\nlocked");
  };
  const auto root = start_tree(
    {"root", rules(restart_strategy::one_for_one, 2), {obedient("a"), broken}});
  EXPECT_EQ(view("root/x").last_crash, "cannot start: the file is locked");
  pass(100ms);
  pass(200ms);
  EXPECT_EQ(take_events(), (list{"start a", "try", "try", "try", "stop a"}));
  EXPECT_EQ(end_of(root), ec::restart_limit_reached);
}

TEST_F(supervisor_test, the_live_tree_shows_restarts_reasons_and_limits) {
  three(restart_strategy::rest_for_one);
  tell("b", crash_atom_v);
  pass(100ms);
  pass(2000ms);
  const auto tree = roles.actors();
  ASSERT_EQ(tree.size(), 4u);
  EXPECT_EQ(tree[0].id, "root");
  EXPECT_EQ(tree[0].kind, "supervisor");
  EXPECT_EQ(tree[0].strategy, "rest_for_one");
  EXPECT_EQ(tree[0].restarts_in_window, 1u);
  EXPECT_EQ(tree[0].restarts_max, 3u);
  EXPECT_EQ(tree[1].restarts_total, 0u);
  EXPECT_EQ(tree[2].id, "root/b");
  EXPECT_EQ(tree[2].parent, "root");
  EXPECT_EQ(tree[2].last_crash, "told to");
  EXPECT_EQ(tree[2].restarts_total, 1u);
  EXPECT_DOUBLE_EQ(tree[2].uptime_seconds, 2.0);
  EXPECT_EQ(metrics.stage("test").restarts.load(), 2u) << "b and c";
  pass(10s);
  EXPECT_EQ(view("root").restarts_in_window, 0u);
}
