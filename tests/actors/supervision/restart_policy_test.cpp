#include "actors/supervision/restart_policy.hpp"

#include <gtest/gtest.h>

using namespace weir;
using namespace std::chrono_literals;

namespace {

using action = restart_policy::action;
using verdict = restart_policy::verdict;

const steady_time t0{1h};

backoff_spec exact(std::chrono::milliseconds initial = 100ms) {
  return {initial, 1000ms, 0.0, 5000ms};
}

restart_rules rules(restart_strategy strategy, size_t restarts_max = 3) {
  return {strategy, restarts_max, 1000ms, exact()};
}

constexpr auto permanent = restart_type::permanent;

/// Does what the policy wants until it waits; "+n" for a start, "-n" for a stop that ends
/// at once.
std::string settle(restart_policy& policy, steady_time now) {
  std::string done;
  for (;;) {
    const auto next = policy.next(now);
    if (next.what == action::start) {
      done += '+' + std::to_string(next.child);
      policy.started(next.child, now);
    } else if (next.what == action::stop) {
      done += '-' + std::to_string(next.child);
      EXPECT_EQ(policy.down(next.child, false, now), verdict::expected);
    } else {
      return done + (next.what == action::finished ? "." : "");
    }
  }
}

} // namespace

TEST(backoff, doubles_up_to_its_maximum_and_begins_anew_after_a_long_life) {
  random_source random{1};
  backoff wait{exact()};
  for (auto expected : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    wait.started(t0);
    EXPECT_EQ(wait.failed(t0 + 1ms, random), expected);
  }
  wait.started(t0);
  EXPECT_EQ(wait.failed(t0 + 5000ms, random), 100ms);
}

TEST(backoff, jitter_only_shortens_and_never_by_more_than_its_share) {
  random_source random{7};
  bool differs = false;
  for (int i = 0; i < 1000; ++i) {
    backoff wait{{100ms, 1000ms, 0.5, 5000ms}};
    const auto delay = wait.failed(t0, random);
    ASSERT_LE(delay, 100ms);
    ASSERT_GT(delay, 49ms);
    differs = differs || delay < 75ms;
  }
  EXPECT_TRUE(differs);
}

TEST(backoff, a_thousand_failures_do_not_overflow) {
  random_source random{7};
  constexpr std::chrono::milliseconds longest = std::chrono::hours{24 * 365 * 200};
  backoff wait{{1ms, longest, 0.0, 5000ms}};
  wait.started(t0); // it lives for no time at all, so each failure is one more in a row
  steady_duration before{0};
  for (int i = 0; i < 1000; ++i) {
    const auto delay = wait.failed(t0, random);
    ASSERT_TRUE(delay > before || delay == longest) << i;
    ASSERT_LE(delay, longest);
    before = delay;
  }
  EXPECT_EQ(before, longest);
}

TEST(backoff, only_a_long_life_ends_a_row_of_failures) {
  random_source random{1};
  backoff wait{exact()};
  for (const auto expected : {100ms, 200ms, 400ms}) {
    wait.started(t0);
    EXPECT_EQ(wait.failed(t0 + 4999ms, random), expected);
  }
  wait.started(t0);
  EXPECT_EQ(wait.failed(t0 + 5000ms, random), 100ms);
}

TEST(restart_window, allows_the_maximum_within_any_window_and_forgets_older_ones) {
  restart_window window{2, 1000ms};
  EXPECT_TRUE(window.note(t0));
  EXPECT_TRUE(window.note(t0 + 600ms));
  EXPECT_FALSE(window.note(t0 + 1000ms));
  EXPECT_TRUE(window.note(t0 + 1001ms));
}

TEST(restart_policy, starts_children_from_left_to_right) {
  restart_policy policy{rules(restart_strategy::one_for_one), {permanent, permanent}, 1};
  EXPECT_EQ(settle(policy, t0), "+0+1");
}

TEST(restart_policy, one_for_one_restarts_only_the_failed_child_after_its_backoff) {
  restart_policy policy{
    rules(restart_strategy::one_for_one), {permanent, permanent, permanent}, 1};
  settle(policy, t0);
  EXPECT_EQ(policy.down(1, true, t0), verdict::restart);
  EXPECT_EQ(settle(policy, t0 + 99ms), "");
  EXPECT_EQ(policy.next(t0).until, t0 + 100ms);
  EXPECT_EQ(settle(policy, t0 + 100ms), "+1");
}

TEST(restart_policy, rest_for_one_stops_the_later_children_right_to_left_first) {
  restart_policy policy{
    rules(restart_strategy::rest_for_one), {permanent, permanent, permanent}, 1};
  settle(policy, t0);
  policy.down(1, true, t0);
  EXPECT_EQ(settle(policy, t0), "-2");
  EXPECT_EQ(settle(policy, t0 + 100ms), "+1+2");
}

TEST(restart_policy, one_for_all_stops_all_and_starts_all) {
  restart_policy policy{
    rules(restart_strategy::one_for_all), {permanent, permanent, permanent}, 1};
  settle(policy, t0);
  policy.down(1, true, t0);
  EXPECT_EQ(settle(policy, t0), "-2-0");
  EXPECT_EQ(settle(policy, t0 + 100ms), "+0+1+2");
}

TEST(restart_policy, a_stop_is_finished_before_the_next_begins) {
  restart_policy policy{
    rules(restart_strategy::one_for_all), {permanent, permanent, permanent}, 1};
  settle(policy, t0);
  policy.down(0, true, t0);
  EXPECT_EQ(policy.next(t0).child, 2u);
  EXPECT_EQ(policy.next(t0 + 1h).what, action::none) << "child 2 is still stopping";
  policy.down(2, false, t0);
  EXPECT_EQ(policy.next(t0).child, 1u);
}

TEST(restart_policy, a_temporary_sibling_is_stopped_with_the_group_and_stays_stopped) {
  restart_policy policy{rules(restart_strategy::one_for_all),
                        {permanent, restart_type::temporary, restart_type::transient},
                        1};
  settle(policy, t0);
  policy.down(0, true, t0);
  EXPECT_EQ(settle(policy, t0), "-2-1");
  EXPECT_EQ(settle(policy, t0 + 1s), "+0+2");
}

TEST(restart_policy, restart_types_mean_what_they_mean_in_otp) {
  EXPECT_TRUE(restarts(permanent, false));
  EXPECT_TRUE(restarts(permanent, true));
  EXPECT_FALSE(restarts(restart_type::transient, false));
  EXPECT_TRUE(restarts(restart_type::transient, true));
  EXPECT_FALSE(restarts(restart_type::temporary, false));
  EXPECT_FALSE(restarts(restart_type::temporary, true));
}

TEST(restart_policy, a_child_that_may_stay_ended_costs_no_restart) {
  restart_policy policy{
    rules(restart_strategy::one_for_one, 0), {restart_type::temporary}, 1};
  settle(policy, t0);
  EXPECT_EQ(policy.down(0, true, t0), verdict::ended);
  EXPECT_EQ(settle(policy, t0 + 1h), "");
}

TEST(restart_policy, too_many_restarts_stop_everything_and_start_nothing) {
  restart_policy policy{
    rules(restart_strategy::one_for_one, 1), {permanent, permanent}, 1};
  settle(policy, t0);
  EXPECT_EQ(policy.down(0, true, t0), verdict::restart);
  EXPECT_EQ(settle(policy, t0 + 100ms), "+0");
  EXPECT_EQ(policy.down(0, true, t0 + 200ms), verdict::too_many);
  EXPECT_TRUE(policy.failing());
  policy.drain();
  EXPECT_TRUE(policy.failing()) << "a drain is no cure";
  EXPECT_EQ(settle(policy, t0 + 1h), "-1.");
}

TEST(restart_policy, a_second_crash_further_left_widens_a_restart_in_progress) {
  restart_policy policy{
    rules(restart_strategy::rest_for_one), {permanent, permanent, permanent}, 1};
  settle(policy, t0);
  policy.down(2, true, t0);
  EXPECT_EQ(policy.down(0, true, t0 + 50ms), verdict::restart);
  EXPECT_EQ(settle(policy, t0 + 100ms), "-1");
  EXPECT_EQ(settle(policy, t0 + 150ms), "+0+1+2");
}

TEST(restart_policy,
     a_drain_cancels_restarts_that_wait_and_stops_the_rest_right_to_left) {
  restart_policy policy{
    rules(restart_strategy::one_for_one), {permanent, permanent, permanent}, 1};
  settle(policy, t0);
  policy.down(1, true, t0);
  policy.drain();
  EXPECT_EQ(settle(policy, t0 + 1h), "-2-0.");
}

TEST(restart_policy, who_is_needed_to_drain_and_is_away_is_started_for_it) {
  restart_policy policy{
    rules(restart_strategy::one_for_one), {permanent, permanent, permanent}, 1};
  policy.needed_to_drain(2);
  settle(policy, t0);
  policy.down(1, true, t0);
  policy.down(2, true, t0);
  policy.drain();
  EXPECT_EQ(settle(policy, t0), "+2-2-0.");
}

TEST(restart_policy, who_crashes_over_a_drain_starts_again_as_often_as_is_allowed) {
  restart_policy policy{
    rules(restart_strategy::one_for_one, 2), {permanent, permanent}, 1};
  policy.needed_to_drain(1);
  settle(policy, t0);
  policy.drain();
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(policy.next(t0).what, action::stop);
    EXPECT_EQ(policy.down(1, true, t0), verdict::restart);
    ASSERT_EQ(policy.next(t0).what, action::start);
    policy.started(1, t0);
  }
  ASSERT_EQ(policy.next(t0).child, 1u);
  EXPECT_EQ(policy.down(1, true, t0), verdict::expected);
  EXPECT_EQ(settle(policy, t0), "-0.");
}

TEST(restart_policy, who_is_needed_to_drain_is_not_started_when_it_failed_too_often) {
  restart_policy policy{
    rules(restart_strategy::one_for_one, 0), {permanent, permanent}, 1};
  policy.needed_to_drain(1);
  settle(policy, t0);
  EXPECT_EQ(policy.down(1, true, t0), verdict::too_many);
  EXPECT_EQ(settle(policy, t0), "-0.");
}

TEST(restart_policy, a_leftover_holds_up_its_own_successor_only) {
  restart_policy policy{rules(restart_strategy::one_for_one), {permanent, permanent}, 1};
  ASSERT_EQ(policy.next(t0).child, 0u);
  policy.blocked(0);
  EXPECT_EQ(settle(policy, t0), "+1");
  EXPECT_EQ(policy.down(0, true, t0), verdict::expected);
  EXPECT_EQ(settle(policy, t0), "+0");
}

TEST(restart_policy, under_rest_for_one_a_leftover_holds_up_those_that_need_it) {
  restart_policy policy{rules(restart_strategy::rest_for_one), {permanent, permanent}, 1};
  policy.blocked(0);
  EXPECT_EQ(settle(policy, t0), "");
  policy.down(0, true, t0);
  EXPECT_EQ(settle(policy, t0), "+0+1");
}

/// Any order of crashes and time: what runs is never restarted without need, nothing
/// stays absent, and a drain always comes to its end.
TEST(restart_policy, whatever_crashes_when_every_permanent_child_runs_in_the_end) {
  const uint64_t seed = 20240607;
  random_source random{seed};
  for (int round = 0; round < 300; ++round) {
    const auto strategy = static_cast<restart_strategy>(random.next() % 3);
    const size_t count = 1 + random.next() % 5;
    restart_policy policy{{strategy, 1000, 1000ms, exact()},
                          std::vector<restart_type>(count, permanent),
                          random.next()};
    std::vector<bool> runs(count, false);
    auto now = t0;
    for (int i = 0; i < 50; ++i) {
      for (auto next = policy.next(now);
           next.what == action::start || next.what == action::stop;
           next = policy.next(now)) {
        const bool start = next.what == action::start;
        ASSERT_NE(runs[next.child], start) << "seed " << seed << " round " << round;
        runs[next.child] = start;
        start ? policy.started(next.child, now)
              : void(policy.down(next.child, false, now));
      }
      const size_t victim = random.next() % count;
      if (runs[victim]) {
        runs[victim] = false;
        policy.down(victim, true, now);
      }
      now += std::chrono::milliseconds{random.next() % 300};
    }
    const auto done = settle(policy, now + 1h); // "-2+1+2" …
    for (const char c : done)
      if (c >= '0' && c <= '9')
        runs[static_cast<size_t>(c - '0')] = true;
    EXPECT_TRUE(std::all_of(runs.begin(), runs.end(), [](bool b) { return b; }))
      << "seed " << seed << " round " << round;
    policy.drain();
    EXPECT_EQ(settle(policy, now).back(), '.');
  }
}
