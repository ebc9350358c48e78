#include "cluster/dispatch_table.hpp"

#include "cluster/batch_codec.hpp"
#include "cluster/rendezvous.hpp"
#include "tests/cluster/batches.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

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
    EXPECT_LE(table.use_of(1)->used.batches, 3u);
    EXPECT_LE(table.use_of(2)->used.bytes, 4 * bytes);
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

namespace {

/// Where each of a hundred keys goes with these persisters.
std::map<uint64_t, std::string> places(const std::vector<std::string>& names,
                                       bool own = false) {
  auto table = by_key();
  table.set_own(own);
  for (size_t i = 0; i < names.size(); ++i) {
    table.link_up(i + 1, names[i]);
    table.granted(i + 1, {1000, wide.bytes});
  }
  std::map<uint64_t, std::string> found;
  for (uint64_t id = 1; id <= 100; ++id) {
    table.submit(make_test_batch(id));
    const auto sent = table.next(0);
    found[id] = sent->to == dispatch_table::own_node ? "self" : names[sent->to - 1];
  }
  return found;
}

} // namespace

TEST(dispatch_table_test, when_a_persister_goes_only_its_keys_move) {
  const auto all = places({"p1", "p2", "p3"});
  const auto fewer = places({"p1", "p2"});
  size_t moved = 0;
  for (const auto& [id, name] : all) {
    if (name != "p3") {
      EXPECT_EQ(fewer.at(id), name);
    }
    moved += name == "p3";
  }
  EXPECT_GT(moved, 15u);
  EXPECT_LT(moved, 60u);
}

TEST(dispatch_table_test, the_own_node_has_its_share_of_the_keys) {
  const auto with = places({"p1", "p2"}, true);
  const auto without = places({"p1", "p2"});
  size_t own = 0;
  for (const auto& [id, name] : with) {
    own += name == "self";
    EXPECT_TRUE(name == "self" || name == without.at(id));
  }
  EXPECT_GT(own, 15u);
  EXPECT_LT(own, 60u);
}

/// All nodes of a cluster, of whatever build, have to place a key alike.
TEST(dispatch_table_test, the_weight_of_a_name_for_a_key_never_changes) {
  EXPECT_EQ(rendezvous_weight("", {0, 0}), rendezvous_weight("", {0, 0}));
  std::set<uint64_t> weights;
  for (const auto* name : {"p1", "p2", "1p"})
    for (const auto& key :
         {batch_key{1, 2}, batch_key{2, 1}, batch_key{1, 3}, batch_key{3, 2}})
      weights.insert(rendezvous_weight(name, key));
  EXPECT_EQ(weights.size(), 12u) << "all of the name and all of the key count";
}

TEST(dispatch_table_test, a_key_goes_where_its_weight_is_highest) {
  const std::vector<std::string> names{"p1", "p2", "p3"};
  for (const auto& [id, name] : places(names)) {
    const auto key = placement_key(*make_test_batch(id));
    for (const auto& other : names)
      EXPECT_GE(rendezvous_weight(name, key), rendezvous_weight(other, key)) << id;
  }
}

TEST(dispatch_table_test, a_batch_is_placed_by_its_first_key_that_may_be_repeated) {
  auto batch = make_test_batch(1);
  auto source = std::make_shared<envelope>(*batch->source);
  source->parts.resize(3);
  for (uint64_t i = 0; i < 3; ++i)
    source->parts[i].key = {i + 10, i};
  batch->source = source;
  source->parts[0].key.low = 7;
  EXPECT_EQ(logged_key(*batch), source->parts[0].key);
  EXPECT_EQ(placement_key(*batch), (batch_key{7, 7}));
  source->parts[1].keyed = source->parts[2].keyed = true;
  EXPECT_EQ(logged_key(*batch), source->parts[1].key);
  EXPECT_EQ(placement_key(*batch), (batch_key{1, 1}));
  source->parts[1].home = 9; // one of several of a body: where its first one is
  EXPECT_EQ(placement_key(*batch), (batch_key{9, 9}));
  EXPECT_EQ(logged_key(*batch), source->parts[1].key);
}

TEST(dispatch_table_test, no_key_goes_to_a_persister_that_grants_nothing) {
  auto table = by_key();
  table.link_up(1, "p1");
  table.link_up(2, "p2");
  table.granted(2, {1000, wide.bytes});
  for (uint64_t id = 1; id <= 20; ++id) {
    table.submit(make_test_batch(id));
    const auto sent = table.next(0);
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->to, 2u);
  }
}

TEST(dispatch_table_test, a_window_is_used_to_its_last_byte_and_batch) {
  auto table = by_credit();
  const auto bytes = encoded_batch_bytes(*make_test_batch(1, 10));
  table.link_up(1, "a");
  table.granted(1, {2, 2 * bytes});
  std::vector<uint64_t> numbers;
  for (uint64_t id = 1; id <= 3; ++id)
    table.submit(make_test_batch(id, 10));
  while (const auto sent = table.next(0))
    numbers.push_back(sent->number);
  EXPECT_EQ(numbers.size(), 2u);
  EXPECT_EQ(table.use_of(1)->used, (link_window{2, 2 * bytes}));
  for (const auto number : numbers)
    EXPECT_TRUE(table.settle(1, number));
  EXPECT_EQ(table.use_of(1)->used, link_window{});
  EXPECT_TRUE(table.next(0));
}

TEST(dispatch_table_test, what_a_batch_becomes_at_the_worker_is_charged_to_its_window) {
  const auto bytes = encoded_batch_bytes(*make_test_batch(1, 10));
  for (const size_t grows : {size_t{0}, 2 * bytes}) {
    dispatch_rules rules;
    rules.grows_by = [grows](const record_batch&) { return grows; };
    dispatch_table table{rules};
    table.link_up(1, "a");
    table.granted(1, {4, 4 * bytes});
    for (uint64_t id = 1; id <= 4; ++id)
      table.submit(make_test_batch(id, 10));
    size_t out = 0;
    while (table.next(0))
      ++out;
    EXPECT_EQ(out, grows == 0 ? 4u : 1u);
    EXPECT_EQ(table.use_of(1)->used.bytes, out * (bytes + grows));
  }
}

TEST(dispatch_table_test, of_two_with_the_same_credit_the_longer_idle_is_chosen) {
  auto table = by_credit();
  for (const link_id link : {1, 2, 3}) {
    table.link_up(link, "w" + std::to_string(link));
    table.granted(link, wide);
  }
  std::vector<link_id> order;
  for (uint64_t id = 1; id <= 6; ++id) {
    table.submit(make_test_batch(id));
    const auto sent = table.next(0);
    order.push_back(sent->to);
    table.settle(sent->to, sent->number);
  }
  EXPECT_EQ(std::vector(order.begin() + 3, order.end()),
            std::vector(order.begin(), order.begin() + 3))
    << "each in turn";
  EXPECT_EQ(std::set(order.begin(), order.end()).size(), 3u);
}

TEST(dispatch_table_test, what_went_to_the_own_node_may_be_submitted_again) {
  auto table = by_credit();
  EXPECT_FALSE(table.available());
  table.set_own(true);
  EXPECT_TRUE(table.available()) << "it needs no link";
  EXPECT_TRUE(table.submit(make_test_batch(1)));
  ASSERT_TRUE(table.next(0));
  EXPECT_TRUE(table.empty());
  EXPECT_TRUE(table.submit(make_test_batch(1)));
}

TEST(dispatch_table_test, what_comes_back_goes_before_what_came_later) {
  auto table = by_credit();
  table.link_up(1, "a");
  table.granted(1, {1, wide.bytes});
  table.submit(make_test_batch(1));
  table.submit(make_test_batch(2));
  const auto first = table.next(0);
  table.take_back(table.settle(1, first->number));
  EXPECT_EQ(table.next(0)->batch->source->id, 1u);
}

TEST(dispatch_table_test, what_was_given_up_or_back_is_gone_and_may_come_again) {
  auto table = by_credit();
  table.submit(make_test_batch(1, 1, test_clock::time_point{1000s}));
  ASSERT_EQ(table.expire(test_clock::time_point{2000s}).size(), 1u);
  EXPECT_TRUE(table.submit(make_test_batch(1)));
  table.submit(make_test_batch(2));
  const auto back = table.give_back();
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0]->source->id, 1u);
  EXPECT_EQ(table.waiting(), 0u);
  EXPECT_TRUE(table.submit(make_test_batch(1)));
  EXPECT_TRUE(table.submit(make_test_batch(2)));
}

TEST(dispatch_table_test, what_is_said_of_a_link_that_is_down_changes_nothing) {
  auto table = by_credit();
  table.granted(7, wide);
  table.refused(7);
  EXPECT_FALSE(table.available());
  EXPECT_FALSE(table.use_of(7));
  EXPECT_EQ(table.link_down(7), 0u);
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
