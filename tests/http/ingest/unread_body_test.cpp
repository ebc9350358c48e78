#include "http/ingest/unread_body.hpp"

#include <gtest/gtest.h>

#include <random>

using namespace weir;
using step = unread_body::step;

namespace {

constexpr auto longest = unread_body::discard_bytes_max;

unread_body refused(std::optional<uint64_t> left, ec why = ec::saturated) {
  unread_body body;
  body.due(left);
  (void)body.leave(why);
  return body;
}

} // namespace

TEST(unread_body, without_one_the_connection_goes_on_as_its_head_says) {
  unread_body body;
  EXPECT_TRUE(body.leave(ec::unknown_stream));
  EXPECT_EQ(body.after_answer(true, false, false), step::next_request);
  EXPECT_EQ(body.after_answer(true, false, true), step::next_request)
    << "a pipelined one";
  EXPECT_EQ(body.after_answer(false, false, false), step::close);
  EXPECT_EQ(body.after_answer(true, true, false), step::close) << "nobody sends any more";
}

TEST(unread_body, a_short_rest_is_dropped_and_the_connection_kept) {
  for (const uint64_t left : {uint64_t{1}, uint64_t{4096}, longest}) {
    unread_body body;
    body.due(left);
    EXPECT_TRUE(body.leave(ec::saturated)) << left;
    EXPECT_EQ(body.to_discard(), left);
    EXPECT_EQ(body.after_answer(true, false, false), step::discard) << left;
  }
}

TEST(unread_body, a_rest_of_no_bytes_is_none) {
  auto body = refused(0);
  EXPECT_EQ(body.after_answer(true, false, false), step::next_request);
}

TEST(unread_body, a_long_rest_or_one_that_may_not_come_ends_the_connection) {
  for (const auto left :
       {std::optional<uint64_t>{longest + 1}, std::optional<uint64_t>{}}) {
    unread_body body;
    body.due(left);
    EXPECT_FALSE(body.leave(ec::saturated));
    EXPECT_FALSE(body.leave(ec::saturated)) << "it was said before";
    EXPECT_EQ(body.to_discard(), 0u);
    EXPECT_EQ(body.after_answer(false, false, false), step::linger);
  }
}

TEST(unread_body, a_body_that_came_too_slowly_is_not_waited_for) {
  unread_body body;
  body.due(1);
  EXPECT_FALSE(body.leave(ec::request_timeout));
  EXPECT_EQ(body.after_answer(false, false, false), step::linger);
}

TEST(unread_body, what_is_read_is_not_left) {
  unread_body body;
  body.due(std::nullopt);
  body.none();
  EXPECT_TRUE(body.leave(ec::malformed_body));
  EXPECT_EQ(body.after_answer(true, false, false), step::next_request);
}

TEST(unread_body, a_connection_that_ends_lingers_while_its_client_may_be_sending) {
  unread_body nothing;
  EXPECT_EQ(nothing.after_answer(false, false, true), step::linger) << "input waits";
  auto rest = refused(100);
  EXPECT_EQ(rest.after_answer(false, false, false), step::linger) << "more of it comes";
}

TEST(unread_body, a_long_lingerer_is_left) {
  auto body = refused(std::nullopt);
  ASSERT_EQ(body.after_answer(false, false, false), step::linger);
  body.dropped(unread_body::linger_bytes_max);
  EXPECT_FALSE(body.lingered_enough());
  body.dropped(1);
  EXPECT_TRUE(body.lingered_enough());
}

/// In whatever pieces a rest comes, exactly its bytes are dropped, and the next refused request of
/// the connection begins afresh.
TEST(unread_body, exactly_the_rest_is_dropped) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 dice{seed};
    unread_body body;
    for (int request = 0; request < 5; ++request) {
      const auto left = 1 + dice() % longest;
      body.due(left);
      ASSERT_TRUE(body.leave(ec::saturated)) << "seed " << seed;
      ASSERT_EQ(body.after_answer(true, false, dice() % 2 == 0), step::discard);
      uint64_t dropped = 0;
      while (body.to_discard() > 0) {
        ASSERT_EQ(body.to_discard(), left - dropped) << "seed " << seed;
        const auto piece = 1 + dice() % body.to_discard();
        body.dropped(piece);
        dropped += piece;
      }
      ASSERT_EQ(dropped, left) << "seed " << seed;
      ASSERT_FALSE(body.lingered_enough());
    }
  }
}
