#include "storage/journal/keys.hpp"
#include "tests/storage/journal/batches.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>

using namespace weir;
using namespace std::chrono_literals;

namespace {

key_entry entry(uint64_t low, uint64_t last_sequence = 0) {
  key_entry made;
  made.key = {7, low};
  made.last_sequence = last_sequence;
  return made;
}

struct key_index_test : ::testing::Test {
  manual_clock clock;
};

} // namespace

TEST_F(key_index_test, finds_what_was_added_and_nothing_else) {
  key_index index{10, 1h, clock};
  index.add(entry(1, 11));
  ASSERT_NE(index.find({7, 1}), nullptr);
  EXPECT_EQ(index.find({7, 1})->last_sequence, 11u);
  EXPECT_EQ(index.find({7, 2}), nullptr);
  EXPECT_EQ(index.find({8, 1}), nullptr);
}

TEST_F(key_index_test, drops_the_oldest_above_its_limit) {
  key_index index{3, 1h, clock};
  for (uint64_t i = 1; i <= 5; ++i)
    index.add(entry(i));
  EXPECT_EQ(index.size(), 3u);
  EXPECT_EQ(index.find({7, 2}), nullptr);
  EXPECT_NE(index.find({7, 3}), nullptr);
  EXPECT_NE(index.find({7, 5}), nullptr);
}

TEST_F(key_index_test, drops_what_is_older_than_its_age_when_something_new_comes) {
  key_index index{10, 24h, clock};
  index.add(entry(1));
  clock.steady += 24h;
  index.add(entry(2));
  EXPECT_NE(index.find({7, 1}), nullptr) << "24 hours are promised";
  clock.steady += 1s;
  index.add(entry(3));
  EXPECT_EQ(index.find({7, 1}), nullptr);
  EXPECT_NE(index.find({7, 2}), nullptr);
}

TEST_F(key_index_test, forgets_nothing_when_the_wall_clock_jumps) {
  key_index index{10, 24h, clock};
  index.add(entry(1));
  clock.wall_us += int64_t{400} * 24 * 3600 * 1'000'000;
  index.add(entry(2));
  clock.wall_us -= int64_t{800} * 24 * 3600 * 1'000'000;
  index.add(entry(3));
  EXPECT_EQ(index.size(), 3u);
}

TEST_F(key_index_test, takes_older_keys_in_front_and_only_while_there_is_room) {
  key_index index{3, 1h, clock};
  index.add(entry(5, 50));
  index.add_oldest(entry(5, 1)); // known: what the journal says is newer
  index.add_oldest(entry(4));
  index.add_oldest(entry(3));
  index.add_oldest(entry(2));
  EXPECT_EQ(index.find({7, 5})->last_sequence, 50u);
  EXPECT_EQ(index.find({7, 2}), nullptr) << "no room";
  index.add(entry(6));
  EXPECT_EQ(index.find({7, 3}), nullptr) << "the oldest goes first";
  EXPECT_NE(index.find({7, 4}), nullptr);
}

TEST_F(key_index_test, of_size_zero_remembers_nothing) {
  key_index index{0, 1h, clock};
  index.add(entry(1));
  index.add_oldest(entry(2));
  EXPECT_EQ(index.size(), 0u);
  EXPECT_EQ(index.find({7, 1}), nullptr);
}

TEST_F(key_index_test, agrees_with_a_plain_list_on_random_use) {
  const char* const alone = std::getenv("WEIR_SEED");
  const uint64_t seed = alone ? std::strtoull(alone, nullptr, 10) : 1;
  random_source random{seed};
  key_index index{50, 0s, clock};
  std::deque<uint64_t> model;
  for (int step = 0; step < 20'000; ++step) {
    const auto low = random.next() % 200;
    const bool known = std::find(model.begin(), model.end(), low) != model.end();
    ASSERT_EQ(index.find({7, low}) != nullptr, known) << "WEIR_SEED=" << seed;
    if (random.next() % 8 == 0) {
      index.add_oldest(entry(low));
      if (!known && model.size() < 50)
        model.push_front(low);
    } else {
      index.add(entry(low));
      if (!known)
        model.push_back(low);
      if (model.size() > 50)
        model.pop_front();
    }
    ASSERT_EQ(index.size(), model.size());
  }
}

TEST_F(key_index_test, a_repeat_does_not_renew_the_age_of_its_key) {
  key_index index{10, 1h, clock};
  index.add(entry(1));
  clock.steady += 40min;
  index.add(entry(1, 5));
  clock.steady += 21min;
  index.add(entry(2));
  EXPECT_EQ(index.find({7, 1}), nullptr) << "an hour after it came first";
}
