#include "http/rate_limit.hpp"

#include <gtest/gtest.h>

using namespace weir;
using namespace std::chrono_literals;

namespace {

constexpr token_bucket::time_point start{100h};

rate_limiter::subject client(std::string_view name, record_rate rate) {
  return {"web", {}, name, rate};
}

} // namespace

TEST(token_bucket, lets_a_burst_through_and_then_the_rate) {
  token_bucket bucket;
  const record_rate rate{10, 20};
  EXPECT_EQ(bucket.wait_seconds(rate, start), 0);
  bucket.charge(rate, 20, start);
  EXPECT_EQ(bucket.wait_seconds(rate, start), 1);
  EXPECT_EQ(bucket.wait_seconds(rate, start + 100ms), 0);
}

TEST(token_bucket, makes_a_debt_wait_until_it_is_paid) {
  token_bucket bucket;
  const record_rate rate{10, 10};
  bucket.charge(rate, 110, start); // 100 below zero
  EXPECT_EQ(bucket.wait_seconds(rate, start), 11);
  EXPECT_GT(bucket.wait_seconds(rate, start + 10s), 0);
  EXPECT_EQ(bucket.wait_seconds(rate, start + 11s), 0);
}

TEST(token_bucket, never_holds_more_than_its_burst) {
  token_bucket bucket;
  const record_rate rate{10, 5};
  bucket.charge(rate, 0, start);
  bucket.charge(rate, 5, start + 1h);
  EXPECT_EQ(bucket.wait_seconds(rate, start + 1h), 1);
}

TEST(rate_limiter, does_nothing_without_limits) {
  rate_limiter limiter{10};
  limiter.charge(client("a", {}), 1'000'000, start);
  EXPECT_EQ(limiter.check(client("a", {}), start), 0);
  EXPECT_EQ(limiter.clients(), 0u);
}

TEST(rate_limiter, keeps_clients_apart_and_the_stream_together) {
  rate_limiter limiter{10};
  const record_rate one{1, 1};
  limiter.charge(client("a", one), 5, start);
  EXPECT_GT(limiter.check(client("a", one), start), 0);
  EXPECT_EQ(limiter.check(client("b", one), start), 0);
  limiter.charge({"web", one, "a", {}}, 5, start);
  EXPECT_GT(limiter.check({"web", one, "c", {}}, start), 0);
  EXPECT_EQ(limiter.check({"other", one, "c", {}}, start), 0);
}

TEST(rate_limiter, forgets_the_client_it_has_not_seen_for_longest) {
  rate_limiter limiter{2};
  const record_rate one{1, 1};
  limiter.charge(client("a", one), 5, start);
  limiter.charge(client("b", one), 5, start);
  EXPECT_GT(limiter.check(client("a", one), start), 0); // a is now the younger one
  limiter.check(client("c", one), start);
  EXPECT_EQ(limiter.clients(), 2u);
  EXPECT_GT(limiter.check(client("a", one), start), 0);
  EXPECT_EQ(limiter.check(client("b", one), start), 0)
    << "b was forgotten and begins anew";
}
