#include "proto/health.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

constexpr auto last = static_cast<uint8_t>(condition::letters_behind);

struct readiness_test : ::testing::Test {
  node_health health;
  readiness_test() { health.set(condition::starting, false); }
};

} // namespace

TEST_F(readiness_test, whatever_closes_admission_is_not_ready_and_says_why) {
  for (uint8_t i = 0; i <= last; ++i) {
    const auto c = static_cast<condition>(i);
    health.set(c, true);
    const auto state = health.ready();
    const bool closed = health.closed() != ec::none;
    EXPECT_EQ(closed, state.state != node_state::ready) << int{i};
    EXPECT_EQ(closed, !health.why_closed().empty()) << int{i};
    if (closed) {
      ASSERT_FALSE(state.reasons.empty()) << int{i};
      EXPECT_EQ(state.reasons.front(), health.why_closed()) << int{i};
    }
    health.set(c, false);
    EXPECT_EQ(health.ready(), (readiness{node_state::ready, {}})) << int{i};
  }
}

TEST_F(readiness_test, a_store_that_is_away_is_a_reason_of_a_node_that_is_ready) {
  for (const auto c : {condition::sink_down, condition::letters_down}) {
    health.set(c, true);
    EXPECT_EQ(health.ready().state, node_state::ready);
    EXPECT_THAT(health.ready().reasons,
                ElementsAre(HasSubstr("the journal keeps what comes")));
    health.set(c, false);
  }
}

TEST_F(readiness_test, a_full_journal_blames_whom_it_waits_for) {
  health.set(condition::journal_full, true);
  EXPECT_THAT(health.reasons(), ElementsAre(HasSubstr("until the sink catches up")));
  health.set(condition::letters_behind, true);
  EXPECT_THAT(health.reasons(),
              ElementsAre(HasSubstr("until the dead-letter store catches up")));
  EXPECT_EQ(health.why_closed(), health.reasons().front());
  health.set(condition::disk_full, true);
  EXPECT_THAT(health.reasons(), ElementsAre("the journal's disk is full"));
  EXPECT_EQ(health.why_closed(), health.reasons().front());
}

TEST_F(readiness_test, without_a_persister_a_client_hears_of_it_and_not_of_a_restart) {
  health.set(condition::no_worker, true);
  EXPECT_THAT(health.why_closed(), HasSubstr("no worker of the cluster takes work"));
  health.set(condition::no_persister, true);
  EXPECT_THAT(health.reasons(), ElementsAre(HasSubstr("no persister")));
  EXPECT_THAT(health.why_closed(), HasSubstr("no persister"));
}

TEST_F(readiness_test, a_node_without_clients_is_not_ready_without_a_persister) {
  health.set(condition::no_persister, true);
  EXPECT_EQ(health.ready().state, node_state::ready) << "another worker may reach one";
  health.has_no_clients();
  EXPECT_EQ(health.ready().state, node_state::refusing);
}

TEST_F(readiness_test, a_full_admission_is_not_ready_but_nothing_for_the_log) {
  bool full = true;
  health.ask_admission([&] { return full; });
  EXPECT_EQ(health.ready().state, node_state::refusing);
  EXPECT_THAT(health.ready().reasons, ElementsAre(HasSubstr("saturated")));
  EXPECT_EQ(health.lasting().state, node_state::ready);
  full = false;
  EXPECT_EQ(health.ready(), health.lasting());
  full = true;
  health.ask_admission({});
  EXPECT_EQ(health.ready().state, node_state::ready);
}

TEST(readiness, who_listens_hears_each_change_once) {
  node_health health;
  int changes = 0;
  health.on_change([&] { ++changes; });
  health.set(condition::starting, true);
  EXPECT_EQ(changes, 0) << "it was";
  health.set(condition::starting, false);
  health.set(condition::starting, false);
  EXPECT_EQ(changes, 1);
  health.set(condition::sink_down, true);
  EXPECT_EQ(changes, 2);
}
