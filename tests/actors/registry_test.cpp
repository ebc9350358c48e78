#include "actors/registry.hpp"

#include "tests/actors/tree_fixture.hpp"

using namespace weir;
using namespace std::chrono_literals;

namespace {

struct registry_test : tree_fixture {
  registry_test() {
    child_spec child;
    child.id = "registry";
    child.role = "registry";
    child.plays = "registry";
    child.start = [this](caf::local_actor& parent) {
      auto handle =
        parent.system().spawn(registry, registry_config{1000ms, &roles, &metrics});
      return caf::actor_cast<caf::strong_actor_ptr>(handle);
    };
    metrics.stage("validate").credit_available = 5;
    metrics.describe_queue("validate", 8, {}).depth = 3;
    start_tree({"root",
                {restart_strategy::one_for_one, 5, 10s, {10ms, 10ms, 0, 1s}},
                {child, obedient("validate"), obedient("unknown")}});
  }
};

} // namespace

TEST_F(registry_test, shows_rate_depth_and_credit_of_every_role_with_figures) {
  add(metrics.stage("validate").records_processed, 500);
  pass(1000ms);
  const auto seen = view("root/validate");
  EXPECT_DOUBLE_EQ(seen.records_per_second, 500);
  EXPECT_EQ(seen.queue_depth, 3);
  EXPECT_EQ(seen.credit, 5);
  EXPECT_EQ(view("root/unknown").queue_depth, -1);
  pass(1000ms);
  EXPECT_DOUBLE_EQ(view("root/validate").records_per_second, 0);
}

TEST_F(registry_test, when_it_crashes_counts_and_tree_stay_and_rates_come_back) {
  tell("validate", crash_atom_v);
  pass(10ms);
  tell("registry", crash_atom_v);
  EXPECT_EQ(view("root/validate").restarts_total, 1u);
  pass(10ms);
  add(metrics.stage("validate").records_processed, 100);
  pass(1000ms);
  EXPECT_DOUBLE_EQ(view("root/validate").records_per_second, 100);
  EXPECT_EQ(view("root/validate").restarts_total, 1u);
}
