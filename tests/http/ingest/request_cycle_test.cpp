// The phases of a connection without one: what may follow what, and what each means.
#include "http/ingest/request_cycle.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <vector>

using namespace weir;
using phase = request_cycle::phase;
using event = request_cycle::event;
using until = request_cycle::wait;
using expiry = request_cycle::expiry;

namespace {

std::vector<phase> all_phases() {
  std::vector<phase> out;
  for (auto i = 0; i <= static_cast<int>(phase::closed); ++i)
    out.push_back(static_cast<phase>(i));
  return out;
}

std::vector<event> all_events() {
  std::vector<event> out;
  for (auto i = 0; i <= static_cast<int>(event::closes); ++i)
    out.push_back(static_cast<event>(i));
  return out;
}

/// A cycle that has come to `goal` on a usual way.
request_cycle come_to(phase goal) {
  using e = event;
  static const std::map<phase, std::vector<event>> ways{
    {phase::handshake, {}},
    {phase::idle, {e::next_request}},
    {phase::head, {e::next_request, e::head_began}},
    {phase::admission, {e::next_request, e::head_ended}},
    {phase::inviting, {e::next_request, e::head_ended, e::invites}},
    {phase::body, {e::next_request, e::head_ended, e::reads_body}},
    {phase::paused, {e::next_request, e::head_ended, e::reads_body}},
    {phase::awaiting, {e::next_request, e::head_ended, e::sent_all}},
    {phase::answering, {e::next_request, e::head_ended, e::answers}},
    {phase::discarding, {e::next_request, e::head_ended, e::answers, e::discards}},
    {phase::lingering, {e::next_request, e::head_ended, e::answers, e::lingers}},
    {phase::closed, {e::closes}},
  };
  request_cycle cycle;
  for (const auto what : ways.at(goal))
    cycle.on(what);
  if (goal == phase::paused)
    cycle.pause(until::receipt);
  EXPECT_EQ(cycle.now(), goal);
  return cycle;
}

/// A request has begun and its answer is not sent.
bool in_request(const request_cycle& cycle) {
  return cycle.now() >= phase::admission && cycle.now() <= phase::answering;
}

bool takes(request_cycle cycle, event what) {
  try {
    cycle.on(what);
    return true;
  } catch (const std::logic_error&) {
    return false;
  }
}

} // namespace

TEST(request_cycle, a_small_request_goes_round_and_the_next_one_begins) {
  request_cycle cycle;
  cycle.on(event::next_request);
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(cycle.takes_head());
    EXPECT_FALSE(in_request(cycle));
    cycle.on(event::head_ended);
    EXPECT_TRUE(in_request(cycle));
    cycle.on(event::sent_all);
    cycle.on(event::answers);
    EXPECT_TRUE(in_request(cycle));
    cycle.on(event::next_request);
  }
}

TEST(request_cycle, a_streamed_body_is_left_unread_and_read_on) {
  auto cycle = come_to(phase::body);
  for (const auto what : {until::receipt, until::claim, until::room, until::tokens}) {
    cycle.pause(what);
    EXPECT_EQ(cycle.waits_for(), what);
    cycle.on(event::reads_body);
    EXPECT_EQ(cycle.waits_for(), until::nothing);
  }
  cycle.on(event::sent_all);
  cycle.on(event::finds_rest);
  EXPECT_TRUE(cycle.is(phase::body)) << "an earlier request had not stored all of it";
}

TEST(request_cycle, a_paused_body_may_wait_for_something_else_next) {
  auto cycle = come_to(phase::paused);
  cycle.pause(until::room);
  EXPECT_TRUE(cycle.looks_again());
  cycle.pause(until::receipt);
  EXPECT_FALSE(cycle.looks_again());
}

/// The whole table, written down a second time.
TEST(request_cycle, every_phase_takes_its_events_and_throws_at_all_others) {
  using e = event;
  const std::map<phase, std::set<event>> known{
    {phase::handshake, {e::next_request, e::closes}},
    {phase::idle, {e::head_began, e::head_ended, e::closes}},
    {phase::head, {e::head_began, e::head_ended, e::closes}},
    {phase::admission, {e::invites, e::reads_body, e::sent_all, e::answers, e::closes}},
    {phase::inviting, {e::reads_body, e::closes}},
    {phase::body, {e::reads_body, e::sent_all, e::body_failed, e::answers, e::closes}},
    {phase::paused,
     {e::reads_body, e::finds_rest, e::body_failed, e::answers, e::closes}},
    {phase::awaiting, {e::finds_rest, e::answers, e::closes}},
    {phase::answering, {e::next_request, e::discards, e::lingers, e::closes}},
    {phase::discarding, {e::next_request, e::closes}},
    {phase::lingering, {e::closes}},
    {phase::closed, {}},
  };
  for (const auto in : all_phases())
    for (const auto what : all_events())
      EXPECT_EQ(takes(come_to(in), what), known.at(in).contains(what))
        << name_of(what) << " while " << name_of(in);
}

TEST(request_cycle, only_a_body_is_paused) {
  for (const auto in : all_phases()) {
    auto cycle = come_to(in);
    if (in == phase::body || in == phase::paused)
      EXPECT_NO_THROW(cycle.pause(until::claim));
    else
      EXPECT_THROW(cycle.pause(until::claim), std::logic_error) << name_of(in);
  }
}

TEST(request_cycle, a_bug_is_named_and_changes_nothing) {
  auto cycle = come_to(phase::idle);
  try {
    cycle.on(event::answers);
    FAIL() << "nobody has asked";
  } catch (const std::logic_error& e) {
    EXPECT_STREQ(e.what(), "a request's cycle: answers while idle");
  }
  EXPECT_TRUE(cycle.is(phase::idle));
}

TEST(request_cycle, the_end_of_the_time_means_what_is_owed) {
  for (const auto in : all_phases()) {
    const auto cycle = come_to(in);
    const auto meant = in == phase::head                              ? expiry::slow_head
                       : in == phase::awaiting || in == phase::paused ? expiry::no_outcome
                                                                      : expiry::close;
    EXPECT_EQ(cycle.at_deadline(), meant) << name_of(in);
  }
  auto cycle = come_to(phase::paused);
  cycle.pause(until::claim);
  EXPECT_EQ(cycle.at_deadline(), expiry::no_claim);
  cycle.pause(until::room);
  EXPECT_EQ(cycle.at_deadline(), expiry::no_room);
  cycle.pause(until::tokens);
  EXPECT_EQ(cycle.at_deadline(), expiry::no_tokens);
}

TEST(request_cycle, who_sent_a_whole_request_may_close_its_side) {
  const std::set<phase> answered{phase::inviting, phase::paused, phase::awaiting,
                                 phase::answering};
  for (const auto in : all_phases())
    for (const bool body_is_here : {false, true})
      EXPECT_EQ(come_to(in).outlives_half_close(body_is_here),
                answered.contains(in) || (in == phase::admission && body_is_here))
        << name_of(in);
}

/// On any way through the table, what began as a request is left exactly once, and whatever the
/// phase is, it can be closed.
TEST(request_cycle, every_request_that_begins_ends) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    std::mt19937_64 dice{seed};
    request_cycle cycle;
    int open = 0;
    for (int step = 0; step < 200 && !cycle.closed(); ++step) {
      const bool was = in_request(cycle);
      if (cycle.is(phase::body) && dice() % 3 == 0)
        cycle.pause(static_cast<until>(1 + dice() % 4));
      std::vector<event> possible;
      for (const auto what : all_events())
        if (takes(cycle, what) && (what != event::closes || dice() % 50 == 0))
          possible.push_back(what);
      if (possible.empty()) // lingering
        possible.push_back(event::closes);
      const auto what = possible[dice() % possible.size()];
      cycle.on(what);
      open += what == event::head_ended ? 1 : 0;
      open -= was && !in_request(cycle) ? 1 : 0;
      ASSERT_EQ(open, in_request(cycle) ? 1 : 0)
        << "seed " << seed << ", step " << step << ": " << name_of(what);
      ASSERT_TRUE(cycle.closed() || takes(cycle, event::closes));
    }
  }
}
