#include "http/ingest/body_pace.hpp"

#include <gtest/gtest.h>

#include <random>

using namespace weir;
using namespace std::chrono_literals;

namespace {

constexpr body_pace::time_point start{100h};
constexpr body_pace_limits limits{10s, 5s, 1000};

struct body_pace_test : ::testing::Test {
  body_pace pace;
  body_pace_test() { pace.begin(start); }

  bool kept(std::chrono::milliseconds after) {
    return pace.check(limits, start + after).has_value();
  }
};

} // namespace

TEST_F(body_pace_test, the_first_window_is_the_grace_for_a_slow_start) {
  EXPECT_TRUE(kept(1s));
  EXPECT_TRUE(kept(4'999ms));
  const auto slow = pace.check(limits, start + 5s);
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code, ec::request_timeout);
  EXPECT_EQ(slow.error().text, "the body came at less than 1000 bytes a second");
}

TEST_F(body_pace_test, a_body_at_the_minimum_rate_is_fast_enough) {
  pace.count(5000, start + 1s);
  EXPECT_TRUE(kept(5s));
  pace.count(4999, start + 6s);
  EXPECT_FALSE(kept(10s)) << "the first window's bytes count in the first alone";
}

TEST_F(body_pace_test, each_window_is_as_long_as_the_first) {
  for (auto at = 1s; at <= 20s; at += 1s) {
    pace.count(1000, start + at);
    EXPECT_TRUE(kept(at)) << at.count();
  }
}

TEST_F(body_pace_test, a_window_that_is_looked_at_late_wants_more_bytes) {
  pace.count(5999, start + 1s);
  EXPECT_FALSE(kept(6s));
}

TEST_F(body_pace_test, no_byte_for_too_long_is_a_stall_however_fast_it_was_before) {
  pace.count(1 << 30, start + 1s);
  EXPECT_TRUE(kept(10'999ms));
  const auto stalled = pace.check(limits, start + 11s);
  ASSERT_FALSE(stalled);
  EXPECT_EQ(stalled.error().code, ec::request_timeout);
  EXPECT_EQ(stalled.error().text, "no byte of the body came for too long");
}

TEST_F(body_pace_test, a_body_that_was_left_unread_on_purpose_has_its_grace_again) {
  pace.begin(start + 1h);
  EXPECT_TRUE(pace.check(limits, start + 1h + 4s));
  EXPECT_FALSE(pace.check(limits, start + 1h + 5s));
}

TEST_F(body_pace_test, without_a_minimum_only_a_stall_fails) {
  const body_pace_limits none{10s, 5s, 0};
  EXPECT_TRUE(pace.check(none, start + 9s));
  EXPECT_FALSE(pace.check(none, start + 10s));
}

/// Whatever the steps and looks: a body that is always ahead of the rate never fails, and one that
/// is always behind it fails at the first look after a window.
TEST(body_pace, is_kept_by_who_is_faster_and_by_nobody_who_is_slower) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 dice{seed};
    body_pace fast, slow;
    fast.begin(start);
    slow.begin(start);
    auto at = start;
    auto window_began = start;
    bool slow_failed = false;
    for (int step = 0; step < 100; ++step) {
      const auto took = 1ms * (1 + dice() % 2000);
      at += took;
      // Counts are whole bytes a millisecond, so that nothing is rounded.
      fast.count(static_cast<size_t>(took.count()), at);
      slow.count(static_cast<size_t>(took.count()) - 1, at);
      if (dice() % 3 == 0)
        continue;
      ASSERT_TRUE(fast.check(limits, at)) << "seed " << seed << ", step " << step;
      const bool window_over = at - window_began >= limits.window;
      slow_failed = !slow.check(limits, at);
      ASSERT_EQ(slow_failed, window_over) << "seed " << seed << ", step " << step;
      if (window_over)
        break;
    }
    EXPECT_TRUE(slow_failed) << "seed " << seed;
  }
}
