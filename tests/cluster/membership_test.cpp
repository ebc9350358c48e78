#include "cluster/board.hpp"
#include "cluster/link_frame.hpp"
#include "cluster/members.hpp"
#include "cluster/tunnel/connection.hpp"
#include "cluster/tunnel/dial_plan.hpp"
#include "cluster/tunnel/link_registry.hpp"

#include <gtest/gtest.h>

#include <set>

using namespace weir;
using namespace std::chrono_literals;

namespace {

const std::chrono::steady_clock::time_point start{1000s};

node_card card(const std::string& name, uint64_t instance, int64_t started = 1) {
  return {name, instance, started, {true, true, true}, name + ":7400", false};
}

std::string state_of(const members& known, const std::string& name) {
  for (const auto& member : known.view())
    if (member.card.name == name)
      return member.state;
  return "unknown";
}

} // namespace

TEST(members_test, a_node_heard_of_is_dialed_once_and_listed_until_it_is_forgotten) {
  members known{card("a", 1), 10s};
  EXPECT_EQ(known.heard({card("a", 1), card("b", 2)}, start),
            std::vector<std::string>{"b:7400"});
  EXPECT_TRUE(known.heard({card("b", 2)}, start).empty());
  EXPECT_EQ(state_of(known, "b"), "down");
  known.linked(card("b", 2), start);
  EXPECT_EQ(state_of(known, "b"), "up");
  known.draining("b", true);
  EXPECT_EQ(state_of(known, "b"), "draining");
  known.unlinked("b", 2, start + 1s);
  EXPECT_EQ(state_of(known, "b"), "down");
  known.forget_old(start + 10s);
  EXPECT_EQ(state_of(known, "b"), "down");
  known.forget_old(start + 11s);
  EXPECT_EQ(state_of(known, "b"), "unknown");
}

TEST(members_test, a_restarted_node_replaces_what_it_was_before) {
  members known{card("a", 1), 10s};
  EXPECT_FALSE(known.linked(card("b", 2), start));
  EXPECT_TRUE(known.linked(card("b", 3), start));
  known.unlinked("b", 2, start); // the old one's end comes late
  EXPECT_EQ(state_of(known, "b"), "up");
}

TEST(members_test, an_older_word_about_a_node_does_not_replace_a_newer) {
  members known{card("a", 1), 10s};
  known.heard({card("b", 3, 300)}, start);
  auto moved = card("b", 2, 200);
  moved.address = "elsewhere:1";
  EXPECT_TRUE(known.heard({moved}, start).empty());
  moved.started_at_us = 400;
  EXPECT_EQ(known.heard({moved}, start), std::vector<std::string>{"elsewhere:1"});
}

TEST(address_test, only_what_nobody_has_to_be_asked_about_is_numeric) {
  EXPECT_EQ(numeric_endpoint("10.0.0.1:7400"), "10.0.0.1:7400");
  EXPECT_EQ(numeric_endpoint("[0::1]:7400"), "[::1]:7400");
  for (const auto* other : {"", ":", "node:7400", "localhost:1", "10.0.0.1:http",
                            "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:-1", "10.0.0:1",
                            "10.0.0.1:1x", "[::1:7400x"})
    EXPECT_EQ(numeric_endpoint(other), "") << other;
}

TEST(link_registry_test, a_peer_is_let_in_once) {
  link_registry links{card("a", 1), 16};
  EXPECT_TRUE(links.judge(card("b", 2), "b").accepted);
  EXPECT_TRUE(links.enter(card("b", 2), 10, true).accepted);
  const auto again = links.judge(card("b", 2), "b");
  EXPECT_FALSE(again.accepted);
  EXPECT_FALSE(again.close);
  links.leave(10);
  EXPECT_TRUE(links.judge(card("b", 2), "b").accepted);
}

TEST(link_registry_test, a_certificate_for_another_name_is_refused) {
  link_registry links{card("a", 1), 16};
  const auto verdict = links.judge(card("b", 2), "c");
  EXPECT_FALSE(verdict.accepted);
  EXPECT_EQ(verdict.reason, "the certificate is for c, not for b");
}

TEST(link_registry_test, the_node_itself_and_its_namesake_are_refused) {
  link_registry links{card("a", 1), 16};
  EXPECT_FALSE(links.judge(card("a", 1), "a").accepted);
  EXPECT_NE(links.judge(card("a", 2), "a").reason.find("two nodes are called a"),
            std::string::npos);
}

// Below, link 10 was dialed by a, link 20 by b.

TEST(link_registry_test,
     when_each_has_entered_its_own_link_both_keep_that_of_the_lesser) {
  link_registry a{card("a", 1), 16}, b{card("b", 2), 16};
  EXPECT_TRUE(a.enter(card("b", 2), 10, true).accepted);
  EXPECT_TRUE(b.enter(card("a", 1), 20, true).accepted);
  EXPECT_FALSE(a.enter(card("b", 2), 20, false).accepted);
  EXPECT_EQ(b.enter(card("a", 1), 10, false).close, 20u);
}

TEST(link_registry_test, a_link_the_peer_has_entered_is_not_given_up_for_an_own) {
  link_registry a{card("a", 1), 16}, b{card("b", 2), 16};
  EXPECT_TRUE(b.enter(card("a", 1), 20, true).accepted);
  EXPECT_TRUE(a.enter(card("b", 2), 20, false).accepted);
  EXPECT_FALSE(a.enter(card("b", 2), 10, true).accepted);
  link_registry c{card("c", 3), 16};
  EXPECT_TRUE(c.enter(card("a", 1), 10, false).accepted);
  EXPECT_FALSE(c.enter(card("a", 1), 20, true).accepted);
}

TEST(link_registry_test,
     a_restarted_node_has_its_old_link_closed_and_an_older_is_refused) {
  link_registry links{card("a", 1), 16};
  links.enter(card("b", 2, 200), 10, true);
  const auto newer = links.judge(card("b", 3, 300), "b");
  EXPECT_FALSE(newer.accepted) << "it dials again once the old link is gone";
  EXPECT_EQ(newer.close, 10u);
  const auto older = links.judge(card("b", 4, 100), "b");
  EXPECT_FALSE(older.accepted);
  EXPECT_FALSE(older.close);
}

TEST(link_registry_test, more_peers_than_allowed_are_refused_whoever_dialed) {
  link_registry links{card("a", 1), 1};
  links.enter(card("b", 2), 10, true);
  EXPECT_NE(links.judge(card("c", 3), "c").reason.find("cluster.peers_max"),
            std::string::npos);
  for (const bool dialed_by_us : {true, false}) {
    const auto entered = links.enter(card("c", 3), 20, dialed_by_us);
    EXPECT_FALSE(entered.accepted);
    EXPECT_EQ(entered.reason, "this node has cluster.peers_max (1) links already");
  }
  EXPECT_FALSE(links.linked("c"));
  links.leave(10);
  EXPECT_TRUE(links.enter(card("c", 3), 20, true).accepted);
}

TEST(link_registry_test, a_restarted_node_needs_no_room_beside_its_former_self) {
  link_registry links{card("a", 1), 1};
  links.enter(card("b", 2, 200), 10, true);
  const auto entered = links.enter(card("b", 3, 300), 20, true);
  EXPECT_TRUE(entered.accepted);
  EXPECT_EQ(entered.close, 10u);
}

TEST(dial_plan_test, every_address_behind_a_name_is_dialed_until_somebody_is_linked) {
  dial_plan plan;
  plan.add_seed("workers:7400");
  EXPECT_EQ(plan.to_resolve(start), std::vector<std::string>{"workers:7400"});
  EXPECT_TRUE(plan.to_resolve(start).empty()) << "it is being resolved";
  plan.resolved("workers:7400", {"10.0.0.1:7400", "10.0.0.2:7400"}, start);
  const auto nobody = [](const std::string&) { return false; };
  EXPECT_EQ(plan.to_dial(start, nobody).size(), 2u);
  EXPECT_TRUE(plan.to_dial(start, nobody).empty()) << "they are being dialed";
  plan.found("10.0.0.1:7400", "worker-1", start);
  plan.failed("10.0.0.2:7400", start);
  EXPECT_EQ(plan.to_dial(start + 2s, [](const auto& peer) { return peer == "worker-1"; }),
            std::vector<std::string>{"10.0.0.2:7400"});
}

TEST(dial_plan_test, a_name_is_resolved_again_and_what_it_no_longer_means_is_dropped) {
  dial_plan plan;
  plan.add_seed("workers:7400");
  plan.to_resolve(start);
  plan.resolved("workers:7400", {"10.0.0.1:7400"}, start);
  EXPECT_EQ(plan.to_resolve(start + 2s).size(), 1u);
  plan.resolved("workers:7400", {"10.0.0.9:7400"}, start + 2s);
  EXPECT_EQ(plan.to_dial(start + 2s, [](const auto&) { return false; }),
            std::vector<std::string>{"10.0.0.9:7400"});
}

TEST(dial_plan_test, a_name_that_can_not_be_resolved_for_now_keeps_its_addresses) {
  dial_plan plan;
  plan.add_seed("workers:7400");
  plan.to_resolve(start);
  plan.resolved("workers:7400", {"10.0.0.1:7400"}, start);
  plan.to_resolve(start + 2s);
  plan.resolved("workers:7400", {}, start + 2s);
  EXPECT_EQ(plan.to_dial(start + 2s, [](const auto&) { return false; }).size(), 1u);
}

TEST(dial_plan_test, an_address_that_fails_is_tried_again_within_a_second) {
  dial_plan plan;
  plan.add_seed("w:1");
  plan.to_resolve(start);
  plan.resolved("w:1", {"10.0.0.1:1"}, start);
  auto now = start;
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(plan.to_dial(now, [](const auto&) { return false; }).size(), 1u) << i;
    plan.failed("10.0.0.1:1", now);
    EXPECT_TRUE(plan.to_dial(now, [](const auto&) { return false; }).empty());
    now += 1s;
  }
}

TEST(dial_plan_test, learned_names_are_forgotten_when_nobody_answers_and_bounded) {
  dial_plan plan;
  for (size_t i = 0; i < 2 * dial_plan::names_max; ++i)
    plan.learn("n" + std::to_string(i) + ":1", start);
  EXPECT_EQ(plan.to_resolve(start).size(), dial_plan::names_max);
  for (size_t i = 0; i < dial_plan::names_max; ++i)
    plan.resolved("n" + std::to_string(i) + ":1", {}, start);
  EXPECT_TRUE(plan.to_resolve(start + 11min).empty());
}

TEST(dial_plan_test, addresses_where_nobody_speaks_take_their_turns_and_hold_up_no_seed) {
  const auto nobody = [](const std::string&) { return false; };
  const auto add = [](dial_plan& plan, const std::string& name, size_t endpoints) {
    std::vector<std::string> all;
    for (size_t i = 0; i < endpoints; ++i)
      all.push_back(name + "-" + std::to_string(i));
    plan.resolved(name, std::move(all), start);
  };
  dial_plan plan;
  for (const auto* name : {"a", "b", "c"}) { // sorted before the seed
    plan.learn(name, start);
    add(plan, name, 40);
  }
  std::set<std::string> tried;
  for (int round = 0; round < 4; ++round) {
    const auto dialed = plan.to_dial(start + 10s * round, nobody);
    EXPECT_EQ(dialed.size(), dial_plan::strangers_max);
    EXPECT_TRUE(plan.to_dial(start + 10s * round, nobody).empty());
    tried.insert(dialed.begin(), dialed.end());
    if (round < 3)
      for (const auto& endpoint : dialed)
        plan.failed(endpoint, start + 10s * round + 3s);
  }
  EXPECT_EQ(tried.size(), 3 * 40u) << "each has its turn";
  plan.add_seed("seed"); // while strangers take all their room
  add(plan, "seed", 40);
  const auto seeds = plan.to_dial(start + 40s, nobody);
  EXPECT_EQ(seeds.size(), dial_plan::dials_max - dial_plan::strangers_max);
  for (const auto& endpoint : seeds)
    EXPECT_EQ(endpoint.substr(0, 4), "seed");
}

TEST(dial_plan_test, where_somebody_was_found_is_no_strange_address_any_more) {
  const auto nobody = [](const std::string&) { return false; };
  dial_plan plan;
  for (size_t i = 0; i <= dial_plan::strangers_max; ++i) {
    const auto name = "n" + std::to_string(i);
    plan.learn(name, start);
    plan.resolved(name, {name}, start);
  }
  plan.to_dial(start, nobody);
  plan.found("n0", "peer", start);
  EXPECT_EQ(plan.to_dial(start + 1s, nobody).size(), 2u) << "it, and one more stranger";
}

TEST(dial_plan_test, the_pause_after_a_failure_doubles_up_to_a_second) {
  const auto nobody = [](const std::string&) { return false; };
  dial_plan plan;
  plan.add_seed("w:1");
  plan.to_resolve(start);
  plan.resolved("w:1", {"10.0.0.1:1"}, start);
  auto now = start;
  for (const auto pause : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms, 1000ms}) {
    ASSERT_EQ(plan.to_dial(now, nobody).size(), 1u) << pause.count();
    plan.failed("10.0.0.1:1", now);
    EXPECT_TRUE(plan.to_dial(now + pause - 1ms, nobody).empty()) << pause.count();
    now += pause;
  }
  ASSERT_EQ(plan.to_dial(now, nobody).size(), 1u);
  plan.found("10.0.0.1:1", "peer", now);
  EXPECT_TRUE(plan.to_dial(now + 99ms, nobody).empty());
  ASSERT_EQ(plan.to_dial(now + 100ms, nobody).size(), 1u);
  plan.failed("10.0.0.1:1", now);
  EXPECT_TRUE(plan.to_dial(now + 199ms, nobody).empty());
  EXPECT_EQ(plan.to_dial(now + 200ms, nobody).size(), 1u) << "it began anew";
}

TEST(dial_plan_test, the_node_itself_is_left_alone_for_a_minute) {
  const auto nobody = [](const std::string&) { return false; };
  dial_plan plan;
  plan.learn("w:1", start);
  plan.resolved("w:1", {"10.0.0.1:1"}, start);
  ASSERT_EQ(plan.to_dial(start, nobody).size(), 1u);
  plan.found_self("10.0.0.1:1", start);
  EXPECT_TRUE(plan.to_dial(start + 59s, nobody).empty());
  EXPECT_EQ(plan.to_dial(start + 60s, nobody).size(), 1u);
}

TEST(dial_plan_test, a_name_is_resolved_once_a_second) {
  dial_plan plan;
  plan.add_seed("w:1");
  ASSERT_EQ(plan.to_resolve(start).size(), 1u);
  plan.resolved("w:1", {"10.0.0.1:1"}, start);
  EXPECT_TRUE(plan.to_resolve(start + 999ms).empty());
  EXPECT_EQ(plan.to_resolve(start + 1s).size(), 1u);
}

TEST(dial_plan_test, a_name_leads_to_so_many_addresses_and_no_more) {
  dial_plan plan;
  plan.add_seed("w:1");
  std::vector<std::string> all;
  for (size_t i = 0; i < 2 * dial_plan::endpoints_per_name_max; ++i)
    all.push_back("10.0.0.1:" + std::to_string(i));
  plan.resolved("w:1", all, start);
  EXPECT_EQ(plan.seed_at("10.0.0.1:63"), "w:1");
  EXPECT_EQ(plan.seed_at("10.0.0.1:64"), "");
}

TEST(dial_plan_test, only_a_seed_is_named_as_what_leads_to_an_address) {
  dial_plan plan;
  plan.learn("a:1", start);
  plan.resolved("a:1", {"10.0.0.1:1"}, start);
  EXPECT_EQ(plan.seed_at("10.0.0.1:1"), "");
  plan.add_seed("b:1");
  plan.resolved("b:1", {"10.0.0.1:1"}, start);
  EXPECT_EQ(plan.seed_at("10.0.0.1:1"), "b:1");
}

TEST(dial_plan_test, an_address_that_is_being_dialed_stays_until_it_has_been) {
  const auto nobody = [](const std::string&) { return false; };
  dial_plan plan;
  plan.add_seed("w:1");
  plan.resolved("w:1", {"10.0.0.1:1"}, start);
  ASSERT_EQ(plan.to_dial(start, nobody).size(), 1u);
  plan.resolved("w:1", {"10.0.0.2:1"}, start + 1s);
  plan.resolved("w:1", {"10.0.0.1:1", "10.0.0.2:1"}, start + 2s);
  EXPECT_EQ(plan.to_dial(start + 2s, nobody), std::vector<std::string>{"10.0.0.2:1"})
    << "nobody is dialed twice at once";
}

TEST(dial_plan_test, somebody_who_was_there_keeps_the_name_that_was_learned) {
  dial_plan plan;
  plan.learn("w:1", start);
  plan.to_resolve(start);
  plan.resolved("w:1", {"10.0.0.1:1"}, start);
  plan.to_dial(start, [](const auto&) { return false; });
  plan.found("10.0.0.1:1", "peer", start + 9min);
  EXPECT_EQ(plan.to_resolve(start + 18min).size(), 1u);
  plan.resolved("w:1", {}, start + 18min);
  EXPECT_TRUE(plan.to_resolve(start + 19min).empty());
}

TEST(members_test, only_linked_nodes_are_passed_on) {
  members known{card("a", 1), 10s};
  known.heard({card("b", 2)}, start);
  known.linked(card("c", 3), start);
  const auto told = known.cards();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].name, "a");
  EXPECT_EQ(told[1].name, "c");
}

TEST(members_test, a_linked_node_tells_of_itself_and_is_never_forgotten) {
  members known{card("a", 1), 10s};
  known.linked(card("b", 2, 5), start);
  EXPECT_TRUE(known.heard({card("b", 9, 50)}, start).empty());
  EXPECT_EQ(known.cards()[1].instance, 2u);
  known.forget_old(start + 1h);
  EXPECT_EQ(state_of(known, "b"), "up");
}

TEST(members_test, who_is_heard_of_again_is_kept_again) {
  members known{card("a", 1), 10s};
  known.heard({card("b", 2)}, start);
  known.heard({card("b", 2)}, start + 9s);
  known.forget_old(start + 18s);
  EXPECT_EQ(state_of(known, "b"), "down");
}

TEST(members_test, no_peer_can_name_more_nodes_than_a_cluster_has) {
  members known{card("a", 1), 10s};
  std::vector<node_card> many;
  for (size_t i = 0; i < members_max + 5; ++i)
    many.push_back(card("n" + std::to_string(i), i + 2));
  EXPECT_EQ(known.heard(many, start).size(), members_max);
  EXPECT_EQ(known.view().size(), members_max + 1);
}

TEST(link_registry_test, when_both_dial_the_greater_gives_up_its_own_and_only_its_own) {
  link_registry lesser{card("a", 1), 16}, greater{card("b", 2), 16};
  lesser.enter(card("b", 2), 10, true);
  EXPECT_FALSE(lesser.enter(card("b", 2), 11, true).accepted);
  greater.enter(card("a", 1), 20, true);
  EXPECT_FALSE(greater.enter(card("a", 1), 21, true).accepted) << "another own one";
  EXPECT_TRUE(greater.enter(card("a", 1), 10, false).accepted);
  EXPECT_FALSE(greater.enter(card("a", 1), 30, false).accepted) << "it has what it wants";
}

TEST(link_registry_test, an_older_instance_never_replaces_a_newer) {
  link_registry links{card("a", 1), 16};
  links.enter(card("b", 3, 300), 10, true);
  EXPECT_FALSE(links.enter(card("b", 2, 200), 20, false).accepted);
  EXPECT_TRUE(links.enter(card("b", 4, 300), 30, false).accepted);
}

TEST(link_registry_test, only_the_link_that_goes_leaves) {
  link_registry links{card("a", 1), 16};
  links.enter(card("b", 2), 10, true);
  links.enter(card("c", 3), 20, true);
  links.leave(10);
  EXPECT_FALSE(links.linked("b"));
  EXPECT_TRUE(links.linked("c"));
}

TEST(board_test, when_full_the_peers_without_a_link_go_and_no_others) {
  cluster_board board{"a"};
  for (size_t i = 0; i < members_max; ++i)
    board.update("n" + std::to_string(i), [&](link_view& view) { view.up = i % 2 == 0; });
  board.update("n1", [](link_view& view) { view.losses = 7; });
  EXPECT_EQ(board.snapshot().links.size(), members_max);
  board.update("new", [](link_view&) {});
  const auto links = board.snapshot().links;
  EXPECT_EQ(links.size(), members_max / 2 + 1);
  for (const auto& link : links)
    EXPECT_TRUE(link.up || link.peer == "new") << link.peer;
}

TEST(address_test, an_endpoint_can_be_dialed_as_it_is_written) {
  using boost::asio::ip::make_address;
  EXPECT_EQ(endpoint_text({make_address("10.0.0.1"), 7400}), "10.0.0.1:7400");
  EXPECT_EQ(endpoint_text({make_address("::1"), 7400}), "[::1]:7400");
}

TEST(address_test, without_tls_a_node_listens_on_loopback_only) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor on{context};
  const auto refused = listen(on, "0.0.0.0", 0, false);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("set cluster.tls"), std::string::npos);
  EXPECT_FALSE(listen(on, "no address", 0, true));
  EXPECT_TRUE(listen(on, "127.0.0.1", 0, false));
}
