// Which answers pass by themselves, and how long is waited for the next try.
#include "app/send/retry.hpp"

#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

using namespace weir;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

/// The least and the most of many waits.
struct waits {
  milliseconds least = milliseconds::max();
  milliseconds most{0};
};

waits of_many(uint32_t attempt, std::string_view retry_after) {
  retry_policy retry{std::numeric_limits<uint32_t>::max(), 7};
  waits seen;
  for (int i = 0; i < 2000; ++i) {
    const auto wait = retry.delay(attempt, retry_after).value_or(-1ms);
    seen.least = std::min(seen.least, wait);
    seen.most = std::max(seen.most, wait);
  }
  return seen;
}

} // namespace

TEST(retry, what_may_pass_by_itself_is_tried_again_and_nothing_else) {
  for (int status = 100; status < 600; ++status) {
    const bool passes = status == 408 || status == 429 || status == 500 || status == 502
                        || status == 503 || status == 504;
    EXPECT_EQ(retry_policy::passing(status), passes) << status;
  }
}

TEST(retry, each_wait_is_drawn_from_twice_the_time_of_the_one_before) {
  auto ceiling = retry_policy::first_delay;
  for (const uint32_t attempt : {0, 1, 2, 3, 4, 5}) {
    const auto seen = of_many(attempt, "");
    EXPECT_GE(seen.least, ceiling / 10) << attempt;
    EXPECT_LT(seen.least, ceiling / 5) << attempt << ": clients come apart";
    EXPECT_LE(seen.most, ceiling) << attempt;
    EXPECT_GT(seen.most, ceiling / 10 * 9) << attempt;
    ceiling *= 2;
  }
  for (const uint32_t attempt : {6, 7, 10, 11, 31, 32, 63, 64, 1000}) {
    const auto seen = of_many(attempt, "");
    EXPECT_LE(seen.most, retry_policy::longest_delay) << attempt;
    EXPECT_GT(seen.most, retry_policy::longest_delay / 10 * 9) << attempt;
  }
}

TEST(retry, what_the_server_asks_for_is_the_least_and_clients_come_apart_behind_it) {
  for (const int asked : {1, 7, 60, 600}) {
    const auto seen = of_many(0, std::to_string(asked));
    const milliseconds whole = std::chrono::seconds{asked};
    EXPECT_GE(seen.least, whole);
    EXPECT_LE(seen.most, whole + whole / 10 + 250ms);
    EXPECT_GT(seen.most, seen.least + whole / 20);
  }
  EXPECT_LE(of_many(0, "86400").most, 661s);
}
