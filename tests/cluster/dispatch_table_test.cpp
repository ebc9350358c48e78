#include "cluster/dispatch_table.hpp"

#include "cluster/batch_codec.hpp"
#include "cluster/rendezvous.hpp"
#include "tests/cluster/batches.hpp"

#include <gtest/gtest.h>

#include <set>

using namespace weir;
using namespace std::chrono_literals;

namespace {

constexpr link_window wide{100, 100 << 20};

dispatch_table by_credit() {
  return dispatch_table{{dispatch_policy::most_credit, "self", 2}};
}
dispatch_table by_key() {
  return dispatch_table{{dispatch_policy::rendezvous, "self", 2}};
}

} // namespace

TEST(dispatch_table_test, what_comes_before_there_is_a_node_waits_for_one) {
  auto table = by_credit();
  EXPECT_TRUE(table.submit(make_test_batch(1)));
  EXPECT_FALSE(table.available());
  EXPECT_FALSE(table.next(0));
  table.link_up(5, "worker-1");
  EXPECT_FALSE(table.next(0)) << "it has granted nothing yet";
  table.granted(5, wide);
  const auto sent = table.next(0);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->to, 5u);
  EXPECT_EQ(table.outstanding(), 1u);
  const auto back = table.settle(5, sent->number);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->source->id, 1u);
  EXPECT_TRUE(table.empty());
}

TEST(dispatch_table_test, the_own_node_goes_first_while_its_queue_is_short) {
  auto table = by_credit();
  table.link_up(5, "worker-1");
  table.granted(5, wide);
  table.set_own(true);
  for (uint64_t id = 1; id <= 3; ++id)
    table.submit(make_test_batch(id));
  EXPECT_EQ(table.next(1)->to, dispatch_table::own_node);
  EXPECT_EQ(table.next(2)->to, 5u) << "two in the own queue are enough";
  table.granted(5, {1, wide.bytes});
  EXPECT_EQ(table.next(2)->to, dispatch_table::own_node) << "nobody else has room";
}

TEST(dispatch_table_test, the_peer_with_most_free_credit_is_chosen) {
  auto table = by_credit();
  for (const link_id link : {1, 2, 3}) {
    table.link_up(link, "worker-" + std::to_string(link));
    table.granted(link, {10, link * 10'000});
  }
  std::map<link_id, int> count;
  for (uint64_t id = 1; id <= 12; ++id) {
    table.submit(make_test_batch(id, 100)); // about 3 KB
    if (const auto sent = table.next(0))
      ++count[sent->to];
  }
  EXPECT_GT(count[3], count[2]);
  EXPECT_GE(count[2], count[1]);
  EXPECT_GT(count[1], 0);
}

TEST(dispatch_table_test, no_window_is_ever_passed_in_batches_or_bytes) {
  random_source random{3};
  auto table = by_credit();
  const auto bytes = encoded_batch_bytes(*make_test_batch(1, 10));
  table.link_up(1, "a");
  table.granted(1, {3, 100 * bytes});
  table.link_up(2, "b");
  table.granted(2, {100, 4 * bytes});
  for (uint64_t id = 1; id <= 50; ++id)
    table.submit(make_test_batch(id, 10));
  std::map<link_id, std::vector<uint64_t>> out;
  size_t settled = 0;
  while (settled < 50) {
    while (const auto sent = table.next(0))
      out[sent->to].push_back(sent->number);
    EXPECT_LE(out[1].size(), 3u);
    EXPECT_LE(out[2].size(), 4u);
    EXPECT_LE(table.figures(1)->used.batches, 3u);
    EXPECT_LE(table.figures(2)->used.bytes, 4 * bytes);
    auto& from = out[1 + random.next() % 2];
    if (from.empty())
      continue;
    EXPECT_TRUE(table.settle(&from == &out[1] ? 1 : 2, from.back()));
    from.pop_back();
    ++settled;
  }
  EXPECT_TRUE(table.empty());
}

TEST(dispatch_table_test, a_batch_larger_than_the_window_goes_alone_and_not_never) {
  auto table = by_credit();
  table.link_up(1, "a");
  table.granted(1, {10, 100});
  table.submit(make_test_batch(1, 50));
  table.submit(make_test_batch(2, 50));
  ASSERT_TRUE(table.next(0));
  EXPECT_FALSE(table.next(0));
}

TEST(dispatch_table_test,
     when_a_peer_is_gone_what_it_had_goes_elsewhere_before_all_else) {
  auto table = by_credit();
  table.link_up(1, "a");
  table.granted(1, wide);
  for (uint64_t id = 1; id <= 3; ++id)
    table.submit(make_test_batch(id));
  while (table.next(0)) {
  }
  table.submit(make_test_batch(4));
  table.granted(1, {});
  EXPECT_EQ(table.link_down(1), 3u);
  EXPECT_EQ(table.waiting(), 4u);
  table.link_up(2, "b");
  table.granted(2, wide);
  std::vector<uint64_t> order;
  while (const auto sent = table.next(0)) {
    order.push_back(sent->batch->source->id);
    EXPECT_EQ(sent->batch->source->copied.is_set(), order.back() != 4)
      << "of what may be stored there, a refusal elsewhere says nothing";
  }
  EXPECT_EQ(order, (std::vector<uint64_t>{1, 2, 3, 4}));
}

TEST(dispatch_table_test,
     a_late_receipt_of_a_lost_link_or_an_unknown_number_does_nothing) {
  auto table = by_credit();
  table.link_up(1, "a");
  table.granted(1, wide);
  table.submit(make_test_batch(1));
  const auto first = table.next(0);
  table.link_down(1);
  EXPECT_FALSE(table.settle(1, first->number));
  table.link_up(2, "a");
  table.granted(2, wide);
  const auto second = table.next(0);
  EXPECT_FALSE(table.settle(2, first->number)) << "numbers are never used twice";
  EXPECT_TRUE(table.settle(2, second->number));
}

TEST(dispatch_table_test, a_batch_submitted_again_while_it_is_out_is_not_sent_twice) {
  auto table = by_credit();
  table.link_up(1, "a");
  table.granted(1, wide);
  const auto batch = make_test_batch(1);
  EXPECT_TRUE(table.submit(batch));
  const auto sent = table.next(0);
  EXPECT_FALSE(table.submit(batch));
  EXPECT_FALSE(table.next(0));
  EXPECT_TRUE(table.settle(1, sent->number));
  EXPECT_TRUE(table.submit(batch)) << "its receipt came: this is a new submission";
}

TEST(dispatch_table_test, a_peer_that_refused_gets_nothing_until_it_grants_again) {
  auto table = by_credit();
  table.link_up(1, "a");
  table.granted(1, wide);
  table.submit(make_test_batch(1));
  const auto sent = table.next(0);
  auto batch = table.settle(1, sent->number);
  table.refused(1);
  table.take_back(batch);
  EXPECT_FALSE(table.next(0));
  EXPECT_FALSE(table.available());
  table.granted(1, wide);
  EXPECT_TRUE(table.next(0));
}

TEST(dispatch_table_test, what_nobody_waits_for_is_given_up_except_what_was_promised) {
  auto table = by_credit();
  const auto now = test_clock::time_point{1000s};
  table.submit(make_test_batch(1, 1, now));
  auto promised = make_test_batch(2, 1, now);
  auto source = std::make_shared<envelope>(*promised->source);
  source->parts[0].ack = ack_level::accepted;
  promised->source = source;
  table.submit(promised);
  EXPECT_TRUE(table.expire(now + 29s).empty());
  const auto gone = table.expire(now + 31s);
  ASSERT_EQ(gone.size(), 1u);
  EXPECT_EQ(gone[0]->source->id, 1u);
  EXPECT_EQ(table.waiting(), 1u);
}

TEST(dispatch_table_test, a_key_goes_to_the_same_persister_whoever_asks) {
  std::map<uint64_t, std::string> first;
  for (const bool reversed : {false, true}) {
    auto table = by_key();
    const std::vector<std::string> names{"p1", "p2", "p3"};
    for (size_t i = 0; i < names.size(); ++i) {
      const auto link = static_cast<link_id>(reversed ? 9 - i : i + 1);
      table.link_up(link, names[i]);
      table.granted(link, wide);
    }
    for (uint64_t id = 1; id <= 60; ++id) {
      table.submit(make_test_batch(id));
      const auto sent = table.next(0);
      ASSERT_TRUE(sent);
      const auto name = names[reversed ? 9 - sent->to : sent->to - 1];
      const auto [at, fresh] = first.emplace(id, name);
      EXPECT_EQ(at->second, name);
    }
  }
  std::map<std::string, int> share;
  for (const auto& [id, name] : first)
    ++share[name];
  EXPECT_EQ(share.size(), 3u);
  for (const auto& [name, count] : share)
    EXPECT_GT(count, 8) << name;
}

TEST(dispatch_table_test, when_a_persister_goes_only_its_keys_move) {
  for (uint64_t id = 1; id <= 100; ++id) {
    const auto key = make_test_batch(id)->source->parts[0].key;
    const auto highest = [&](const std::vector<std::string>& names) {
      std::string best;
      for (const auto& name : names)
        if (best.empty() || rendezvous_weight(name, key) > rendezvous_weight(best, key))
          best = name;
      return best;
    };
    const auto all = highest({"p1", "p2", "p3"});
    if (all != "p3") {
      EXPECT_EQ(highest({"p1", "p2"}), all);
    }
  }
}

TEST(dispatch_table_test, a_batch_waits_for_its_persister_and_lets_others_pass) {
  auto table = by_key();
  for (const link_id link : {1, 2}) {
    table.link_up(link, "p" + std::to_string(link));
    table.granted(link, {1, 1 << 20});
  }
  std::set<link_id> used;
  for (uint64_t id = 1; id <= 20; ++id)
    table.submit(make_test_batch(id));
  while (const auto sent = table.next(0))
    EXPECT_TRUE(used.insert(sent->to).second) << "one batch each";
  EXPECT_EQ(used.size(), 2u);
  EXPECT_EQ(table.waiting(), 18u);
}
