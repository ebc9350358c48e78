// A ticket's ends: granted, timed out, withdrawn, and each with a grant on its way.
#include "http/ingest/admission_ticket.hpp"

#include <gtest/gtest.h>

#include <vector>

using namespace weir;
using namespace std::chrono_literals;

namespace {

constexpr claim all{100, 1};

struct asker : std::enable_shared_from_this<asker> {
  asker(admission& gate, boost::asio::io_context& context) : ticket(gate, context) {}

  admission::verdict ask(const claim& wanted, std::chrono::milliseconds patience,
                         admission_policy policy = admission_policy::wait) {
    return ticket.ask(*this, wanted, priority::normal, policy, patience);
  }
  void on_granted(const claim& what) { granted.push_back(what); }
  void on_wait_over() { ++over; }

  admission_ticket ticket;
  std::vector<claim> granted;
  int over = 0;
};

struct ticket_test : ::testing::Test {
  boost::asio::io_context context;
  admission gate{{.bytes_max = 100, .batches_max = 1, .waiters_max = 2}};
  std::shared_ptr<asker> one = std::make_shared<asker>(gate, context);

  void fill() {
    ASSERT_EQ(gate.enter(all, priority::normal, admission_policy::reject, {}).what,
              admission::verdict::granted);
  }
  void run() {
    context.restart();
    context.poll();
  }
};

} // namespace

TEST_F(ticket_test, a_claim_that_fits_is_the_askers_at_once) {
  EXPECT_EQ(one->ask(all, 1h), admission::verdict::granted);
  EXPECT_FALSE(one->ticket.waits());
  run();
  EXPECT_TRUE(one->granted.empty()) << "it was told once";
  EXPECT_EQ(gate.used().bytes, 100u);
}

TEST_F(ticket_test, a_refusal_leaves_nothing_behind) {
  fill();
  EXPECT_EQ(one->ask(all, 1h, admission_policy::reject), admission::verdict::refused);
  EXPECT_FALSE(one->ticket.waits());
  EXPECT_EQ(gate.waiting(), 0u);
}

TEST_F(ticket_test, a_waiting_claim_is_granted_when_there_is_room) {
  fill();
  EXPECT_EQ(one->ask(all, 1h), admission::verdict::waiting);
  run();
  EXPECT_TRUE(one->ticket.waits());
  gate.return_unused(all);
  EXPECT_TRUE(one->granted.empty()) << "told on the context's thread";
  run();
  ASSERT_EQ(one->granted.size(), 1u);
  EXPECT_EQ(one->granted.front().bytes, 100u);
  EXPECT_EQ(one->granted.front().batches, 1u);
  EXPECT_FALSE(one->ticket.waits());
  EXPECT_EQ(one->over, 0);
}

TEST_F(ticket_test, who_has_been_granted_one_can_ask_again) {
  fill();
  (void)one->ask(all, 1h);
  gate.return_unused(all);
  run();
  EXPECT_EQ(one->ask({50, 0}, 1h), admission::verdict::waiting);
  gate.return_unused(all);
  run();
  EXPECT_EQ(one->granted.size(), 2u);
}

TEST_F(ticket_test, the_wait_ends_with_its_time_and_the_place_is_free) {
  fill();
  (void)one->ask(all, 0ms);
  context.run_one();
  EXPECT_EQ(one->over, 1);
  EXPECT_FALSE(one->ticket.waits());
  EXPECT_EQ(gate.waiting(), 0u);
  gate.return_unused(all);
  run();
  EXPECT_TRUE(one->granted.empty());
  EXPECT_EQ(gate.used().bytes, 0u);
}

TEST_F(ticket_test, a_grant_on_its_way_comes_before_the_end_of_the_wait) {
  fill();
  (void)one->ask(all, 1h);
  gate.return_unused(all);
  EXPECT_FALSE(one->ticket.give_up());
  run();
  EXPECT_EQ(one->granted.size(), 1u);
  EXPECT_EQ(gate.used().bytes, 100u);
}

TEST_F(ticket_test, who_gives_up_is_not_called) {
  fill();
  (void)one->ask(all, 1h);
  EXPECT_TRUE(one->ticket.give_up());
  EXPECT_FALSE(one->ticket.give_up()) << "it does not wait any more";
  run();
  EXPECT_EQ(one->over, 0);
  EXPECT_EQ(gate.waiting(), 0u);
}

TEST_F(ticket_test, who_withdraws_leaves_its_place_to_others) {
  fill();
  (void)one->ask(all, 1h);
  one->ticket.withdraw();
  EXPECT_EQ(gate.waiting(), 0u);
  one.reset();
  EXPECT_EQ(context.poll(), 1u) << "the cancelled timer";
  EXPECT_TRUE(context.stopped()) << "nothing keeps the thread";
}

TEST_F(ticket_test, a_grant_that_finds_a_withdrawn_ticket_is_given_back) {
  fill();
  (void)one->ask(all, 1h);
  gate.return_unused(all); // the grant is on its way
  one->ticket.withdraw();
  const auto watched = std::weak_ptr{one};
  one.reset();
  EXPECT_FALSE(watched.expired()) << "the grant has to find it";
  EXPECT_EQ(gate.used().bytes, 100u);
  run();
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(gate.used().bytes, 0u);
  EXPECT_EQ(gate.used().batches, 0u);
}

/// The gate decides under its lock and tells without it: between the two a ticket may go.
TEST_F(ticket_test, a_grant_that_is_told_late_finds_its_ticket) {
  fill();
  (void)gate.enter({50, 0}, priority::normal, admission_policy::wait, [&] {
    one->ticket.withdraw(); // its own grant is decided, and told after this one
    one.reset();
    context.poll(); // nothing but the ticket keeps the owner now
  });
  (void)one->ask({50, 0}, 1h);
  const auto watched = std::weak_ptr{one};
  gate.return_unused(all);
  ASSERT_FALSE(watched.expired());
  run();
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(gate.used().bytes, 50u);
}

TEST_F(ticket_test, a_waiting_owner_lives_until_its_wait_ends) {
  fill();
  (void)one->ask(all, 1h);
  const auto watched = std::weak_ptr{one};
  one.reset();
  run();
  ASSERT_FALSE(watched.expired());
  gate.return_unused(all);
  run();
  EXPECT_TRUE(watched.expired());
}
