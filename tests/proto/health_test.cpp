#include "proto/health.hpp"

#include "proto/link.hpp"
#include "proto/stream_settings.hpp"

#include <gtest/gtest.h>

using namespace weir;

namespace {

ec closed_by(std::initializer_list<condition> set) {
  node_health health;
  health.set(condition::starting, false);
  for (const auto c : set)
    health.set(c, true);
  return health.closed();
}

} // namespace

TEST(node_health, each_condition_closes_the_node_with_its_own_code) {
  EXPECT_EQ(closed_by({}), ec::none);
  EXPECT_EQ(closed_by({condition::starting}), ec::stage_away);
  EXPECT_EQ(closed_by({condition::draining}), ec::draining);
  EXPECT_EQ(closed_by({condition::stage_away}), ec::stage_away);
  EXPECT_EQ(closed_by({condition::journal_full}), ec::journal_full);
  EXPECT_EQ(closed_by({condition::storage_failed}), ec::storage_failed);
  EXPECT_EQ(closed_by({condition::workers_hung}), ec::draining);
  EXPECT_EQ(closed_by({condition::no_worker}), ec::stage_away);
  EXPECT_EQ(closed_by({condition::sink_down}), ec::none) << "the journal is the buffer";
  EXPECT_EQ(closed_by({condition::no_persister}), ec::none) << "another may reach one";
}

TEST(node_health, what_lasts_longest_is_said_first) {
  EXPECT_EQ(closed_by({condition::draining, condition::starting}), ec::draining);
  EXPECT_EQ(closed_by({condition::stage_away, condition::storage_failed}),
            ec::stage_away);
  EXPECT_EQ(closed_by({condition::storage_failed, condition::journal_full}),
            ec::storage_failed);
  EXPECT_EQ(closed_by({condition::journal_full, condition::no_worker}), ec::journal_full);
}

TEST(node_health, each_condition_has_a_reason_and_a_full_disk_only_one) {
  node_health health;
  EXPECT_EQ(health.reasons().size(), 1u) << "it is starting";
  health.set(condition::starting, false);
  EXPECT_TRUE(health.reasons().empty());
  health.set(condition::journal_full, true);
  EXPECT_EQ(health.reasons().at(0), "the journal is full until the sink catches up");
  health.set(condition::disk_full, true);
  ASSERT_EQ(health.reasons().size(), 1u);
  EXPECT_EQ(health.reasons()[0], "the journal's disk is full");
  health.set(condition::journal_full, false);
  health.set(condition::disk_full, false);
  EXPECT_TRUE(health.reasons().empty());
}

TEST(words, roles_flows_and_policies_are_written_as_they_are_configured) {
  EXPECT_EQ(to_string(node_roles{}), "");
  EXPECT_EQ(to_string(node_roles{true, true, true}), "gateway, worker, persister");
  EXPECT_EQ(to_string(node_roles{false, true, false}), "worker");
  EXPECT_EQ(to_string(link_flow::work), "work");
  EXPECT_EQ(to_string(link_flow::persist), "persist");
  EXPECT_EQ(to_string(admission_policy::wait), "wait");
  EXPECT_EQ(to_string(admission_policy::reject), "reject");
  EXPECT_EQ(to_string(admission_policy::shed), "shed");
  EXPECT_EQ(to_string(dead_letter_policy::discard), "discard");
  EXPECT_EQ(to_string(dead_letter_policy::store), "store");
}
