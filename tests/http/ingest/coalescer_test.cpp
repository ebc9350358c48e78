#include "http/ingest/coalescer.hpp"

#include <gtest/gtest.h>

#include <algorithm>

using namespace weir;

namespace {

struct coalescer_test : ::testing::Test {
  std::vector<submission> sent;
  bool accept = true;
  coalescer gather{
    {.as = gathered::small, .batch_bytes = 100, .batch_records = 4, .window = 2},
    [this](submission s) {
      sent.push_back(std::move(s));
      return accept;
    }};

  /// One request of one record.
  void add(std::string_view stream, std::string_view text,
           priority level = priority::normal, size_t weight = 0) {
    weight = std::max(weight, text.size());
    const record_ref all{0, static_cast<uint32_t>(text.size()), 0, 0, 0};
    gather.add({stream, level, text, weight, {&all, 1}, {}, {}, {100, 0}, {}, nullptr});
  }
};

} // namespace

TEST_F(coalescer_test, an_idle_system_sends_at_once) {
  add("web", "a");
  add("web", "b");
  EXPECT_EQ(sent.size(), 2u);
  add("web", "c");
  EXPECT_EQ(sent.size(), 2u) << "two are in flight";
}

TEST_F(coalescer_test, gathers_what_waits_into_one_batch_that_keeps_its_parts_apart) {
  add("web", "1");
  add("web", "2");
  add("web", "abc");
  add("web", "de");
  EXPECT_EQ(gather.waiting_requests(), 2u);
  gather.settled();
  ASSERT_EQ(sent.size(), 3u);
  const auto& both = sent[2];
  EXPECT_EQ(both.arrived->bytes, "abcde");
  EXPECT_GE(both.arrived->bytes.capacity(), 5 + text_padding);
  ASSERT_EQ(both.records.size(), 2u);
  EXPECT_EQ(both.records[1].offset, 3u);
  EXPECT_EQ(both.records[1].size, 2u);
  EXPECT_EQ(both.records[1].part, 1u);
  EXPECT_EQ(both.owners.size(), 2u);
  EXPECT_EQ(both.charged.bytes, 200u);
  EXPECT_EQ(gather.waiting_requests(), 0u);
}

TEST_F(coalescer_test, takes_the_text_that_may_be_taken_where_it_begins_a_batch) {
  std::string first(60, 'a'), second(30, 'b'), third(30, 'c');
  for (auto* text : {&first, &second})
    text->reserve(100 + text_padding);
  const auto* place = first.data();
  const auto give = [&](std::string& text) {
    const record_ref all{0, static_cast<uint32_t>(text.size()), 0, 0, 0};
    gather.add({"web",
                priority::normal,
                text,
                text.size(),
                {&all, 1},
                {},
                {},
                {100, 1},
                {},
                &text});
  };
  give(first);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].arrived->bytes.data(), place) << "not copied";
  EXPECT_EQ(sent[0].records[0].size, 60u);
  add("web", "1");
  give(second);
  give(third);
  gather.settled();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[2].arrived->bytes, std::string(30, 'b') + std::string(30, 'c'));
  EXPECT_EQ(sent[2].charged.batches, 2u) << "the credit of both";
}

TEST_F(coalescer_test, never_mixes_streams_or_priorities) {
  add("web", "1");
  add("web", "2");
  add("web", "a");
  add("app", "b");
  add("web", "c", priority::high);
  add("web", "d");
  for (int i = 0; i < 3; ++i)
    gather.settled();
  ASSERT_EQ(sent.size(), 5u);
  EXPECT_EQ(sent[2].arrived->bytes, "ad");
  EXPECT_EQ(sent[3].arrived->bytes, "b");
  EXPECT_EQ(sent[4].arrived->bytes, "c");
}

TEST_F(coalescer_test, a_full_batch_takes_no_more) {
  add("web", "1");
  add("web", "2");
  for (int i = 0; i < 5; ++i)
    add("web", "x");
  add("web", std::string(100, 'y'));
  for (int i = 0; i < 3; ++i)
    gather.settled();
  ASSERT_EQ(sent.size(), 5u);
  EXPECT_EQ(sent[2].records.size(), 4u);
  EXPECT_EQ(sent[3].records.size(), 1u);
  EXPECT_EQ(sent[4].arrived->bytes.size(), 100u);
}

TEST_F(coalescer_test, a_refused_batch_does_not_count_as_in_flight) {
  accept = false;
  for (int i = 0; i < 5; ++i)
    add("web", "a");
  EXPECT_EQ(sent.size(), 5u);
  EXPECT_EQ(gather.in_flight(), 0u);
}

TEST(lull_test, comes_when_some_rounds_brought_no_request) {
  lull one;
  EXPECT_FALSE(one.came(1, 10));
  EXPECT_FALSE(one.came(1, 10));
  EXPECT_FALSE(one.came(2, 10)) << "somebody came: the count begins again";
  EXPECT_FALSE(one.came(2, 10));
  EXPECT_FALSE(one.came(2, 10));
  EXPECT_TRUE(one.came(2, 10));
}

TEST(lull_test, comes_at_once_when_all_connections_wait) {
  EXPECT_TRUE(lull{}.came(10, 10));
  EXPECT_TRUE(lull{}.came(0, 0)) << "the last one has gone";
}

TEST(lull_test, comes_though_requests_never_cease) {
  lull one;
  size_t rounds = 1;
  while (!one.came(rounds, SIZE_MAX) && rounds < 1000)
    ++rounds;
  EXPECT_LT(rounds, 100u);
}

TEST_F(coalescer_test, a_batch_takes_no_more_than_what_becomes_of_it_weighs) {
  add("web", "1");
  add("web", "2");
  add("web", "a", priority::normal, 60);
  add("web", "b", priority::normal, 40);
  add("web", "c");
  EXPECT_EQ(gather.waiting_requests(), 3u);
  gather.settled();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[2].arrived->bytes, "ab");
}
