#include "http/ingest/rate_limit.hpp"

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

TEST(token_bucket, a_debt_is_capped) {
  token_bucket bucket;
  const record_rate rate{100, 100};
  bucket.charge(rate, 1e6, start);
  EXPECT_LE(bucket.wait_seconds(rate, start), 31);
  EXPECT_GE(bucket.wait_seconds(rate, start), 29) << "Retry-After is honest";
}

TEST(rate_limiter, who_sends_all_the_time_leaves_others_their_part) {
  rate_limiter limiter{10};
  const record_rate rate{100, 100};
  const rate_limiter::subject greedy{"web", rate, "greedy", {}},
    other{"web", rate, "o", {}};
  uint64_t of_greedy = 0, of_other = 0;
  for (auto now = start; now < start + 60s; now += 50ms) {
    if (limiter.check(greedy, now) == 0) { // first, each time
      limiter.charge(greedy, 100, now);
      of_greedy += 100;
    }
    if (limiter.check(other, now) == 0) {
      limiter.charge(other, 10, now);
      of_other += 10;
    }
  }
  EXPECT_GE(of_other, 60u * 30);
  EXPECT_GE(of_greedy, 60u * 30);
  EXPECT_LE(of_greedy + of_other, 60u * 100 + 300) << "the stream's rate holds";
}

TEST(rate_limiter, who_is_alone_has_all_of_a_stream) {
  rate_limiter limiter{10};
  const rate_limiter::subject one{"web", {100, 100}, "one", {}};
  uint64_t sent = 0;
  for (auto now = start; now < start + 60s; now += 50ms)
    if (limiter.check(one, now) == 0) {
      limiter.charge(one, 20, now);
      sent += 20;
    }
  EXPECT_GE(sent, 60u * 95);
}

TEST(rate_limiter, who_is_alone_again_has_all_of_a_stream_again) {
  rate_limiter limiter{20};
  const record_rate rate{100, 100};
  const auto all_send = [&](token_bucket::time_point now) {
    for (const std::string_view name : {"a", "b", "c", "d", "e", "f", "g", "h", "i"}) {
      (void)limiter.check({"web", rate, name, {}}, now);
      limiter.charge({"web", rate, name, {}}, 1, now);
    }
  };
  const auto sent_within = [&](token_bucket::time_point from, std::chrono::seconds time) {
    uint64_t sent = 0;
    for (auto now = from; now < from + time; now += 50ms)
      if (limiter.check({"web", rate, "one", {}}, now) == 0) {
        limiter.charge({"web", rate, "one", {}}, 20, now);
        sent += 20;
      }
    return sent;
  };
  all_send(start);
  all_send(start + 3s);
  EXPECT_GE(sent_within(start + 10s, 60s), 60u * 95) << "their rounds are over";
  all_send(start + 200s);
  all_send(start + 203s);
  EXPECT_GE(sent_within(start + 1h, 2s), 250u) << "not after a round more";
}

TEST(rate_limiter, the_longest_wait_is_told_whoever_s_it_is) {
  const record_rate one{1, 1}, ten{10, 10};
  for (const auto& [of_stream, of_client] : {std::pair{one, ten}, std::pair{ten, one}}) {
    rate_limiter limiter{10};
    const rate_limiter::subject who{"web", of_stream, "c", of_client};
    limiter.charge(who, 21, start); // 20 below nothing: 21 s at one a second
    EXPECT_EQ(limiter.check(who, start), 21);
  }
}

TEST(rate_limiter, one_request_of_a_million_records_does_not_shut_others_out_for_hours) {
  rate_limiter limiter{10};
  const record_rate rate{100, 100};
  limiter.charge({"web", rate, "huge", {}}, 1'000'000, start);
  EXPECT_LE(limiter.check({"web", rate, "other", {}}, start), 31);
}

TEST(rate_limiter, a_batch_is_no_more_than_a_burst) {
  EXPECT_EQ(rate_limiter::batch_records({"web", {}, "c", {}}, 4096), 4096u);
  EXPECT_EQ(rate_limiter::batch_records({"web", {100, 0}, "c", {}}, 4096), 100u);
  EXPECT_EQ(rate_limiter::batch_records({"web", {100, 500}, "c", {50, 0}}, 4096), 50u);
  EXPECT_EQ(rate_limiter::batch_records({"web", {0.1, 0}, "c", {}}, 4096), 1u);
}
