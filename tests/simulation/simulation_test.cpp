// What the simulation itself promises: one seed is one run, and a mistake is found.
#include "tests/simulation/search.hpp"

#include <gtest/gtest.h>

using namespace weir::simulation;

namespace {

struct simulation_test : ::testing::Test {
  fibers threads;
};

} // namespace

TEST_F(simulation_test, when_a_seed_runs_again_its_trace_is_the_same) {
  std::vector<outcome> first;
  for (uint64_t seed = 1; seed <= 60; ++seed)
    first.push_back(simulate(draw_plan(seed), threads));
  fibers others;
  for (uint64_t seed = 60; seed >= 1; --seed) {
    const auto again = simulate(draw_plan(seed), others);
    EXPECT_EQ(again.trace_hash, first[seed - 1].trace_hash) << "seed " << seed;
    EXPECT_EQ(again.steps, first[seed - 1].steps) << "seed " << seed;
  }
}

TEST_F(simulation_test, when_a_seed_of_a_cluster_runs_again_its_trace_is_the_same) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    fibers others;
    EXPECT_EQ(simulate(draw_cluster_plan(seed), threads).trace_hash,
              simulate(draw_cluster_plan(seed), others).trace_hash)
      << "seed " << seed;
  }
}

TEST_F(simulation_test, when_seeds_differ_so_do_their_traces) {
  EXPECT_NE(simulate(draw_plan(1), threads).trace_hash,
            simulate(draw_plan(2), threads).trace_hash);
}

TEST_F(simulation_test, when_a_run_fails_its_plan_is_cut_and_still_fails) {
  const auto mistake = bite::acknowledges_before_sync;
  const auto found = first_failure(1, 2000, threads, mistake);
  ASSERT_TRUE(found);
  const auto whole = draw_plan(found->seed);
  const auto cut = shorten(whole, threads, mistake);
  EXPECT_LT(cut.steps.size(), whole.steps.size());
  EXPECT_FALSE(simulate(cut, threads, false, mistake).violation.empty());
  EXPECT_TRUE(simulate(cut, threads).violation.empty());
}
