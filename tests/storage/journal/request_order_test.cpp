#include "storage/journal/request_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

using namespace weir;

namespace {

using turn = request_order::turn;
using time_point = request_order::time_point;

constexpr uint64_t request_number = 7;

batch_ptr part(uint64_t base, uint32_t records, uint64_t settled = 0,
               uint64_t request = request_number) {
  auto source = std::make_shared<envelope>();
  source->id = next_envelope_id();
  auto& made = source->parts.emplace_back();
  made.request = request;
  made.record_base = base;
  made.records = records;
  source->settled.set(settled);
  auto batch = std::make_shared<record_batch>();
  batch->source = std::move(source);
  return batch;
}

const batch_part& of(const batch_ptr& batch) {
  return batch->source->parts.front();
}

} // namespace

TEST(request_order, the_first_part_goes_and_the_others_after_the_ones_before_them) {
  request_order order;
  const auto first = part(0, 3);
  const auto second = part(3, 3);
  const auto third = part(6, 1);
  EXPECT_EQ(order.ask(*second), turn::later);
  order.hold(second, {});
  EXPECT_EQ(order.ask(*third), turn::later);
  order.hold(third, {});
  EXPECT_TRUE(order.holds_any());
  EXPECT_EQ(order.ask(*first), turn::now);
  EXPECT_TRUE(order.released_by(of(first)).empty()); // not before it goes
  order.goes(of(first));
  const auto next = order.released_by(of(first));
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0], second);
  EXPECT_EQ(order.ask(*second), turn::now);
  order.goes(of(second));
  EXPECT_EQ(order.released_by(of(second)), std::vector{third});
  EXPECT_FALSE(order.holds_any());
}

TEST(request_order, a_part_that_goes_out_of_its_turn_moves_nobody_s) {
  request_order order;
  const auto first = part(0, 3);
  const auto third = part(6, 1);
  EXPECT_EQ(order.ask(*first), turn::now);
  order.goes(of(third));
  EXPECT_EQ(order.ask(*third), turn::later);
  EXPECT_EQ(order.ask(*part(7, 1)), turn::later);
  order.goes(of(first));
  EXPECT_EQ(order.ask(*part(3, 3)), turn::now);
}

TEST(request_order, a_part_that_fails_bars_those_after_it_until_it_is_stored_after_all) {
  request_order order;
  const auto first = part(0, 3);
  const auto second = part(3, 3);
  const auto third = part(6, 3);
  order.goes(of(first));
  ASSERT_EQ(order.ask(*third), turn::later);
  order.hold(third, {});
  ASSERT_EQ(order.ask(*second), turn::now);
  order.failed(of(second));
  EXPECT_EQ(order.released_by(of(second)), std::vector{third});
  EXPECT_EQ(order.ask(*third), turn::never);
  EXPECT_EQ(order.ask(*second), turn::now); // it may try again
  order.goes(of(second));
  EXPECT_EQ(order.ask(*third), turn::now);
}

TEST(request_order, a_part_that_went_and_failed_in_its_group_takes_its_turn_back) {
  request_order order;
  order.goes(of(part(0, 3)));
  order.goes(of(part(3, 3)));
  order.failed(of(part(3, 3)));
  EXPECT_EQ(order.ask(*part(6, 3)), turn::never);
  order.failed(of(part(0, 3)));
  EXPECT_EQ(order.ask(*part(3, 3)), turn::never);
  EXPECT_EQ(order.ask(*part(0, 3)), turn::now);
}

TEST(request_order, what_the_owner_knows_to_be_settled_need_not_have_been_here) {
  request_order order;
  EXPECT_EQ(order.ask(*part(6, 3, 3)), turn::later);
  EXPECT_EQ(order.ask(*part(6, 3, 6)), turn::now);
  EXPECT_EQ(order.ask(*part(9, 3, 6)), turn::later);
}

TEST(request_order, a_second_copy_of_what_went_is_let_through_to_the_keys) {
  request_order order;
  order.goes(of(part(0, 3)));
  order.goes(of(part(3, 3)));
  EXPECT_EQ(order.ask(*part(0, 3)), turn::now);
  order.goes(of(part(0, 3))); // takes nobody's turn back
  EXPECT_EQ(order.ask(*part(6, 3)), turn::now);
}

TEST(request_order, requests_do_not_wait_for_each_other) {
  request_order order;
  order.failed(of(part(0, 3)));
  EXPECT_EQ(order.ask(*part(3, 3)), turn::never);
  order.goes(of(part(0, 3, 0, 8)));
  EXPECT_EQ(order.ask(*part(3, 3, 0, 8)), turn::now);
}

TEST(request_order, who_waits_for_too_long_is_given_back_and_nobody_sooner) {
  request_order order;
  const time_point begin{std::chrono::hours{1}};
  const auto late = part(3, 3);
  const auto later = part(6, 3);
  order.hold(late, begin);
  order.hold(later, begin + std::chrono::milliseconds{1});
  EXPECT_TRUE(
    order.out_of_patience(begin + request_order::patience - std::chrono::milliseconds{1})
      .empty());
  EXPECT_EQ(order.out_of_patience(begin + request_order::patience), std::vector{late});
  EXPECT_TRUE(order.holds_any());
  EXPECT_EQ(order.out_of_patience(begin + request_order::patience * 2),
            std::vector{later});
  EXPECT_FALSE(order.holds_any());
}

TEST(request_order, remembers_a_bounded_number_of_requests_and_those_that_wait) {
  request_order order;
  order.hold(part(3, 3, 0, 1), {});
  order.goes(of(part(0, 3, 0, 2)));
  for (uint64_t i = 0; i < request_order::requests_max; ++i)
    order.goes(of(part(0, 1, 0, 100 + i)));
  EXPECT_EQ(order.ask(*part(3, 3, 0, 2)), turn::later); // forgotten
  order.goes(of(part(0, 3, 0, 1)));
  EXPECT_EQ(order.released_by(of(part(0, 3, 0, 1))).size(), 1u);
}

/// Whatever the order in which parts come, fail, and come again: what goes is a beginning of the
/// body, each part once in its turn, and in the end all of it.
TEST(request_order, whatever_comes_when_the_parts_go_in_their_order) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 dice{seed};
    request_order order;
    constexpr uint32_t parts = 12;
    uint64_t stored = 0; // records
    std::vector<uint32_t> to_come(parts);
    std::iota(to_come.begin(), to_come.end(), 0u);
    for (int round = 0; round < 1000 && !to_come.empty(); ++round) {
      std::shuffle(to_come.begin(), to_come.end(), dice);
      std::vector<batch_ptr> now{part(to_come.back() * 5u, 5)};
      to_come.pop_back();
      while (!now.empty()) {
        const auto batch = now.back();
        now.pop_back();
        const auto number = static_cast<uint32_t>(of(batch).record_base / 5);
        switch (order.ask(*batch)) {
        case turn::later:
          order.hold(batch, {});
          break;
        case turn::never:
          ASSERT_GT(of(batch).record_base, stored) << "seed " << seed;
          to_come.push_back(number);
          break;
        case turn::now:
          if (dice() % 4 == 0) {
            order.failed(of(batch));
            to_come.push_back(number);
          } else {
            ASSERT_EQ(of(batch).record_base, stored) << "seed " << seed;
            stored += 5;
            order.goes(of(batch));
          }
          break;
        }
        for (auto& one : order.released_by(of(batch)))
          now.push_back(std::move(one));
      }
    }
    EXPECT_EQ(stored, parts * 5u) << "seed " << seed;
    EXPECT_FALSE(order.holds_any()) << "seed " << seed;
  }
}
