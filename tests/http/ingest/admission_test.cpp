#include "http/ingest/admission.hpp"

#include <gtest/gtest.h>

#include <deque>

using namespace weir;
using namespace std::chrono_literals;

namespace {

using verdict = admission::verdict;
constexpr auto in_line = admission_policy::wait;

struct admission_test : ::testing::Test {
  admission gate{{.bytes_max = 100, .batches_max = 10, .waiters_max = 3}};
  admission::time_point now{1h};
  std::vector<int> granted;

  admission::decision enter(int name, size_t bytes, priority level = priority::normal,
                            admission_policy policy = in_line) {
    return gate.enter({bytes, 1}, level, policy,
                      [this, name] { granted.push_back(name); });
  }
  /// Without batch credit.
  verdict small(int name, size_t bytes, priority level, admission_policy policy) {
    return gate
      .enter({bytes, 0}, level, policy, [this, name] { granted.push_back(name); })
      .what;
  }
};

} // namespace

TEST_F(admission_test, grants_at_once_while_there_is_room) {
  EXPECT_EQ(enter(1, 60).what, verdict::granted);
  EXPECT_EQ(enter(2, 40).what, verdict::granted);
  EXPECT_EQ(gate.used().bytes, 100u);
  EXPECT_TRUE(granted.empty());
}

TEST_F(admission_test, is_bounded_by_batches_as_well) {
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(enter(i, 1).what, verdict::granted);
  EXPECT_EQ(enter(11, 1, priority::high, admission_policy::reject).what,
            verdict::refused);
}

TEST_F(admission_test, grants_waiters_in_their_order_and_high_priority_first) {
  enter(0, 100);
  EXPECT_EQ(enter(1, 10, priority::low).what, verdict::waiting);
  EXPECT_EQ(enter(2, 10, priority::normal).what, verdict::waiting);
  EXPECT_EQ(enter(3, 10, priority::high).what, verdict::waiting);
  EXPECT_EQ(enter(4, 10).what, verdict::refused) << "only three may wait";
  gate.release({100, 1}, now);
  EXPECT_EQ(granted, (std::vector<int>{3, 2, 1}));
}

TEST_F(admission_test, lets_in_what_the_present_throughput_serves_within_delay_max) {
  admission slow{
    {.bytes_max = 1000, .batches_max = 64, .waiters_max = 0, .delay_max = 1s}};
  std::deque<uint32_t> beside; // one for each batch in flight
  const auto fill = [&] {
    while (slow.credit() > 0) {
      ASSERT_EQ(slow.enter({1, 1}, priority::normal, in_line, {}).what, verdict::granted);
      beside.push_back(slow.used().batches);
    }
  };
  const auto serve = [&](std::chrono::milliseconds each) {
    const auto ahead = beside.front();
    beside.pop_front();
    slow.complete({1, 1}, ahead, each * ahead, now += each);
  };
  fill();
  EXPECT_EQ(beside.size(), 64u) << "nothing is known yet";
  for (int i = 0; i < 64; ++i)
    serve(50ms);
  for (int i = 0; i < 1000; ++i) {
    fill();
    ASSERT_EQ(beside.size(), 20u) << "a second's worth";
    serve(50ms);
  }
  fill();
  for (int i = 0; i < 20; ++i)
    serve(1s);
  fill();
  EXPECT_EQ(beside.size(), 8u) << "workers must not run dry";
  for (int i = 0; i < 8; ++i)
    serve(5ms);
  fill();
  EXPECT_EQ(beside.size(), 64u) << "the slow stage is over";
}

TEST_F(admission_test, keeps_small_claims_behind_a_large_one_of_their_priority) {
  enter(0, 60);
  EXPECT_EQ(enter(1, 80).what, verdict::waiting);
  EXPECT_EQ(enter(2, 10).what, verdict::waiting) << "it would fit, but is not first";
  EXPECT_EQ(enter(3, 10, priority::high).what, verdict::granted)
    << "nobody of its rank waits";
}

TEST_F(admission_test, small_claims_that_fit_overtake_a_large_one_but_do_not_starve_it) {
  enter(0, 60);
  EXPECT_EQ(enter(1, 50).what, verdict::waiting);
  size_t passed = 0;
  for (int i = 0; i < 100; ++i) {
    if (small(10, 5, priority::normal, admission_policy::reject) != verdict::granted)
      break;
    ++passed;
    gate.release({5, 0}, now); // and it is gone again
  }
  EXPECT_EQ(passed, 10u) << "as many bytes as the large one wants, and no more";
  gate.release({10, 0}, now);
  EXPECT_EQ(granted, (std::vector<int>{1}));
  EXPECT_EQ(small(11, 0, priority::normal, admission_policy::reject), verdict::granted);
}

TEST_F(admission_test, small_ones_beside_large_ones_that_wait_are_not_refused) {
  enter(0, 95);
  for (int i = 1; i <= 3; ++i)
    EXPECT_EQ(enter(i, 30).what, verdict::waiting);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(small(10, 1, priority::normal, admission_policy::reject), verdict::granted);
  EXPECT_EQ(small(10, 1, priority::normal, admission_policy::reject), verdict::refused)
    << "it is full";
}

TEST_F(admission_test, small_ones_of_lower_priority_never_overtake_a_large_one) {
  enter(0, 60);
  EXPECT_EQ(enter(1, 80, priority::high).what, verdict::waiting);
  EXPECT_EQ(small(2, 1, priority::normal, in_line), verdict::waiting);
  EXPECT_EQ(small(3, 1, priority::low, in_line), verdict::waiting);
  gate.release({30, 0}, now);
  EXPECT_TRUE(granted.empty()) << "70 are free, 80 are wanted";
  gate.release({30, 1}, now);
  EXPECT_EQ(granted, (std::vector<int>{1, 2, 3}));
}

TEST_F(admission_test,
       small_ones_that_wait_keep_their_order_and_pass_as_far_as_they_may) {
  enter(0, 100);
  EXPECT_EQ(enter(1, 20).what, verdict::waiting);
  EXPECT_EQ(small(2, 15, priority::normal, in_line), verdict::waiting);
  EXPECT_EQ(small(3, 1, priority::normal, in_line), verdict::waiting);
  gate.release({10, 0}, now);
  EXPECT_TRUE(granted.empty()) << "the first of the small ones does not fit";
  gate.release({6, 0}, now);
  EXPECT_EQ(granted, (std::vector<int>{2, 3}));
  EXPECT_EQ(gate.used().bytes, 100u);
  gate.release({20, 0}, now);
  EXPECT_EQ(granted, (std::vector<int>{2, 3, 1}));
  EXPECT_EQ(gate.waiting(), 0u);
}

TEST_F(admission_test, small_ones_keep_their_order_though_a_later_one_would_fit) {
  enter(0, 90);
  EXPECT_EQ(enter(1, 50).what, verdict::waiting);
  EXPECT_EQ(small(2, 15, priority::normal, in_line), verdict::waiting) << "10 are free";
  EXPECT_EQ(small(3, 5, priority::normal, in_line), verdict::waiting);
  EXPECT_TRUE(granted.empty());
}

TEST_F(admission_test, of_a_small_and_a_large_one_that_both_fit_the_elder_is_first) {
  enter(0, 100);
  EXPECT_EQ(small(1, 10, priority::normal, in_line), verdict::waiting);
  EXPECT_EQ(enter(2, 20).what, verdict::waiting);
  EXPECT_EQ(small(3, 10, priority::normal, in_line), verdict::waiting);
  gate.release({100, 1}, now);
  EXPECT_EQ(granted, (std::vector<int>{1, 2, 3}));
}

TEST_F(admission_test, small_ones_that_waited_are_counted_as_overtaking_too) {
  enter(0, 100);
  EXPECT_EQ(enter(1, 20).what, verdict::waiting);
  EXPECT_EQ(small(2, 15, priority::normal, in_line), verdict::waiting);
  EXPECT_EQ(small(3, 6, priority::normal, in_line), verdict::waiting);
  gate.release({15, 0}, now);
  EXPECT_EQ(granted, (std::vector<int>{2}));
  gate.release({6, 0}, now);
  EXPECT_EQ(granted, (std::vector<int>{2}))
    << "15 have passed of 20: 6 more are too many";
  gate.release({14, 0}, now);
  EXPECT_EQ(granted, (std::vector<int>{2, 1}));
}

TEST_F(admission_test, who_may_not_overtake_keeps_lower_ones_waiting_too) {
  enter(0, 100);
  EXPECT_EQ(enter(1, 20, priority::high).what, verdict::waiting);
  EXPECT_EQ(small(2, 1, priority::low, in_line), verdict::waiting);
  EXPECT_EQ(small(3, 1, priority::normal, in_line), verdict::waiting);
  gate.release({10, 0}, now);
  EXPECT_TRUE(granted.empty());
}

TEST_F(admission_test, who_waits_or_fills_it_saturates_it) {
  EXPECT_FALSE(gate.saturated());
  enter(0, 60);
  EXPECT_FALSE(gate.saturated());
  const auto waits = enter(1, 50);
  EXPECT_TRUE(gate.saturated()) << "somebody waits, though there is room for others";
  EXPECT_TRUE(gate.cancel(waits.ticket));
  EXPECT_FALSE(gate.saturated());
  enter(2, 40);
  EXPECT_TRUE(gate.saturated());
}

TEST_F(admission_test, sheds_above_its_level_and_not_at_it) {
  constexpr auto shed = admission_policy::shed;
  enter(0, 60);
  EXPECT_EQ(enter(1, 0, priority::low, shed).what, verdict::granted);
  enter(2, 25);
  EXPECT_EQ(enter(3, 1, priority::normal, shed).what, verdict::granted);
  EXPECT_EQ(enter(4, 1, priority::normal, shed).what, verdict::refused);
}

TEST_F(admission_test, who_was_granted_is_ahead_once) {
  enter(0, 100);
  gate.release({10, 0}, now);
  gate.release({20, 0}, now + 1s); // 30 a second
  EXPECT_EQ(enter(1, 50).what, verdict::waiting);
  gate.return_unused({70, 1});
  EXPECT_EQ(granted, std::vector<int>{1});
  EXPECT_EQ(gate.retry_after(now + 1s), 2) << "50 / 30";
}

TEST_F(admission_test, a_cancelled_ticket_leaves_no_bytes_behind) {
  enter(0, 100);
  gate.release({1, 0}, now);
  gate.release({1, 0}, now + 1s); // one byte a second
  const auto before = gate.retry_after(now + 1s);
  const auto waits = enter(1, 90);
  EXPECT_GT(gate.retry_after(now + 1s), 0);
  EXPECT_TRUE(gate.cancel(waits.ticket));
  EXPECT_EQ(gate.retry_after(now + 1s), before);
  EXPECT_EQ(gate.waiting(), 0u);
  EXPECT_FALSE(gate.cancel(waits.ticket));
}

TEST_F(admission_test, retry_after_counts_who_waits_and_rounds_up) {
  enter(0, 100);
  gate.release({10, 0}, now);
  gate.release({20, 0}, now + 1s); // 30 a second
  EXPECT_EQ(gate.used().bytes, 70u);
  EXPECT_EQ(gate.retry_after(now + 1s), 3) << "70 / 30";
  EXPECT_EQ(enter(1, 50).what, verdict::waiting);
  EXPECT_EQ(gate.retry_after(now + 1s), 4) << "120 / 30";
  EXPECT_EQ(small(2, 31, priority::normal, in_line), verdict::waiting);
  EXPECT_EQ(gate.retry_after(now + 1s), 6) << "151 / 30";
}

TEST_F(admission_test, a_cancelled_ticket_is_never_granted_and_lets_others_through) {
  enter(0, 60);
  const auto large = enter(1, 80);
  enter(2, 10);
  EXPECT_TRUE(gate.cancel(large.ticket));
  EXPECT_EQ(granted, (std::vector<int>{2}));
  gate.release({60, 1}, now);
  EXPECT_EQ(granted, (std::vector<int>{2}));
  EXPECT_EQ(gate.used().bytes, 10u);
  EXPECT_EQ(gate.waiting(), 0u);
}

TEST_F(admission_test, a_granted_ticket_can_not_be_cancelled) {
  enter(0, 100);
  const auto second = enter(1, 50);
  gate.release({100, 1}, now);
  EXPECT_FALSE(gate.cancel(second.ticket));
  EXPECT_EQ(gate.used().bytes, 50u);
}

TEST_F(admission_test, refuses_a_claim_over_the_whole_budget_instead_of_letting_it_wait) {
  EXPECT_EQ(enter(1, 101).what, verdict::refused);
}

TEST_F(admission_test, sheds_low_priority_first_as_it_fills) {
  constexpr auto shed = admission_policy::shed;
  enter(0, 61);
  EXPECT_EQ(enter(1, 1, priority::low, shed).what, verdict::refused);
  EXPECT_EQ(enter(2, 1, priority::low).what, verdict::granted) << "not a shedding stream";
  EXPECT_EQ(enter(3, 24, priority::normal, shed).what, verdict::granted);
  EXPECT_EQ(enter(4, 1, priority::normal, shed).what, verdict::refused);
  EXPECT_EQ(enter(5, 14, priority::high, shed).what, verdict::granted);
  EXPECT_EQ(enter(6, 1, priority::high, shed).what, verdict::refused) << "full";
}

TEST_F(admission_test, retry_after_is_what_is_ahead_over_the_drain_rate) {
  admission big{{.bytes_max = 100'000, .batches_max = 100, .waiters_max = 10}};
  EXPECT_EQ(big.retry_after(now), 1) << "nothing measured yet";
  ASSERT_EQ(big.enter({100'000, 0}, priority::normal, in_line, [] {}).what,
            verdict::granted);
  for (int i = 0; i < 20; ++i) { // 1,000 bytes a second
    big.release({500, 0}, now);
    now += 500ms;
  }
  const int seconds = big.retry_after(now);
  EXPECT_GE(seconds, 50);
  EXPECT_LE(seconds, 60);
  big.release({88'000, 0}, now);
  EXPECT_LE(big.retry_after(now), 2);
}

TEST_F(admission_test, what_was_claimed_and_not_needed_is_no_drain) {
  enter(0, 100);
  gate.release({10, 0}, now);
  gate.return_unused({80, 0});
  gate.release({1, 0}, now + 1s);
  EXPECT_EQ(gate.used().bytes, 9u);
  EXPECT_EQ(gate.retry_after(now + 1s), 1);
  enter(1, 90);
  EXPECT_GE(gate.retry_after(now + 1s), 8) << "11 bytes a second";
}

TEST_F(admission_test, retry_after_grows_while_nothing_drains) {
  enter(0, 100);
  gate.release({10, 0}, now);
  gate.release({50, 0}, now + 1s);
  EXPECT_LE(gate.retry_after(now + 1s), 2);
  EXPECT_GE(gate.retry_after(now + 20s), 10);
  EXPECT_EQ(gate.retry_after(now + 1h), 60);
}
