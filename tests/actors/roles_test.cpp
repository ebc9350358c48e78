#include "actors/roles.hpp"

#include "tests/actors/tree_fixture.hpp"

using namespace weir;
using namespace std::chrono_literals;

namespace {

struct roles_test : tree_fixture {
  std::vector<std::string> heard; ///< "name:up" or "name:away" in the order handled

  caf::strong_actor_ptr listener(std::string name) {
    auto actor = sys.spawn([this, name](caf::event_based_actor*) -> caf::behavior {
      return {[this, name](const role_change& change) {
        heard.push_back(name + (change.handle ? ":up" : ":away"));
      }};
    });
    ends.push_back(actor);
    return caf::actor_cast<caf::strong_actor_ptr>(actor);
  }
  list hear() {
    sched.run();
    return std::exchange(heard, {});
  }
};

} // namespace

TEST_F(roles_test, a_subscriber_hears_the_present_at_once_and_every_change) {
  const auto actor = listener("x"), who = listener("s");
  roles.subscribe("journal", role_rank::stage, who);
  EXPECT_EQ(hear(), (list{"s:away"}));
  roles.up("journal", actor);
  EXPECT_EQ(hear(), (list{"s:up"}));
  EXPECT_EQ(roles.find("journal"), actor);
  roles.down("journal", actor);
  EXPECT_EQ(hear(), (list{"s:away"}));
  EXPECT_EQ(roles.find("journal"), nullptr);
}

TEST_F(roles_test, workers_and_stages_hear_of_a_comeback_before_the_gateway) {
  const auto actor = listener("x");
  roles.subscribe("validate", role_rank::gateway, listener("gateway"));
  roles.subscribe("validate", role_rank::stage, listener("stage"));
  roles.subscribe("validate", role_rank::worker, listener("worker"));
  roles.subscribe("validate", role_rank::reader, listener("reader"));
  hear();
  roles.up("validate", actor);
  EXPECT_EQ(hear(), (list{"worker:up", "stage:up", "reader:up", "gateway:up"}));
}

TEST_F(roles_test, a_late_farewell_does_not_hide_the_successor) {
  const auto first = listener("1"), second = listener("2");
  roles.up("validate", first);
  roles.up("validate", second);
  roles.down("validate", first);
  EXPECT_EQ(roles.find("validate"), second);
}

TEST_F(roles_test, a_dead_subscriber_is_forgotten_and_keeps_nobody_alive) {
  const auto actor = listener("x");
  auto who = listener("s");
  roles.subscribe("validate", role_rank::stage, who);
  hear();
  caf::anon_send_exit(who, caf::exit_reason::kill);
  sched.run();
  const auto weak = caf::actor_cast<caf::weak_actor_ptr>(who);
  ends.clear();
  who = nullptr;
  roles.up("validate", actor);
  EXPECT_EQ(hear(), list{});
  EXPECT_EQ(weak.lock(), nullptr);
  caf::anon_send_exit(actor, caf::exit_reason::kill);
}

TEST_F(roles_test, an_abandoned_subscriber_is_one_no_more) {
  const auto hung = listener("hung"), other = listener("other");
  roles.subscribe("validate", role_rank::worker, hung);
  roles.subscribe("validate", role_rank::stage, other);
  EXPECT_EQ(roles.subscribers("validate", role_rank::worker), (std::vector{hung}));
  hear();
  roles.declare({}, {}); // a node whose path is ""
  roles.abandoned("", hung->id());
  EXPECT_TRUE(roles.subscribers("validate", role_rank::worker).empty());
  roles.up("validate", other);
  EXPECT_EQ(hear(), (list{"other:up"}));
}

TEST_F(roles_test, after_clear_no_handle_is_held_and_no_change_is_taken) {
  const auto actor = listener("x");
  roles.up("validate", actor);
  roles.clear();
  EXPECT_EQ(roles.find("validate"), nullptr);
  roles.up("validate", actor);
  EXPECT_EQ(roles.find("validate"), nullptr);
  EXPECT_EQ(roles.ready().state, node_state::stopped);
}

TEST_F(roles_test, a_node_keeps_its_counts_when_it_is_declared_again) {
  actor_view fixed;
  fixed.id = "root";
  roles.declare(fixed, {});
  EXPECT_FALSE(roles.started("root", listener("x")));
  roles.ended("root", "restarting", std::string(1000, 'x'));
  EXPECT_TRUE(roles.started("root", listener("y")));
  roles.declare(fixed, {});
  EXPECT_EQ(view("root").restarts_total, 1u);
  EXPECT_EQ(view("root").last_crash.size(), 256u);
}

TEST_F(roles_test, parents_come_before_their_children_in_start_order) {
  for (const auto& [id, parent] : {std::pair{"root", ""},
                                   {"root/a", "root"},
                                   {"root/b", "root"},
                                   {"root/a/x", "root/a"}}) {
    actor_view fixed;
    fixed.id = id;
    fixed.parent = parent;
    roles.declare(fixed, {});
  }
  list ids;
  for (const auto& v : roles.actors())
    ids.push_back(v.id);
  EXPECT_EQ(ids, (list{"root", "root/a", "root/a/x", "root/b"}));
}

TEST_F(roles_test, readiness_follows_the_conditions_that_close_admission) {
  EXPECT_EQ(roles.ready().state, node_state::starting);
  health.set(condition::starting, false);
  health.set(condition::sink_down, true);
  EXPECT_EQ(roles.ready().state, node_state::ready);
  EXPECT_EQ(roles.ready().reasons.size(), 1u)
    << "a sink that is down does not close admission, but it is said";
  health.set(condition::stage_away, true);
  EXPECT_EQ(roles.ready().state, node_state::refusing);
  EXPECT_EQ(roles.ready().reasons.size(), 2u);
  health.set(condition::draining, true);
  EXPECT_EQ(roles.ready().state, node_state::draining);
}
