// Keys are forgotten when they are older than they need be, and not before.
#include "storage/journal/key_ages.hpp"

#include <gtest/gtest.h>

using namespace weir;
using namespace std::chrono_literals;

namespace {

constexpr key_ages::time_point start{1h};

} // namespace

TEST(key_ages, a_key_is_too_old_above_its_age_and_not_at_it) {
  key_ages ages{1000ms};
  ages.learned(5, start);
  EXPECT_EQ(ages.too_old(start + 1000ms), 0u);
  EXPECT_EQ(ages.too_old(start + 1001ms), 5u);
  EXPECT_EQ(ages.too_old(start + 1002ms), 5u) << "that lasts";
}

TEST(key_ages, what_was_learned_later_lives_longer) {
  key_ages ages{1000ms};
  ages.learned(1, start);
  ages.learned(2, start + 500ms);
  ages.learned(3, start + 900ms);
  EXPECT_EQ(ages.too_old(start + 1001ms), 1u);
  EXPECT_EQ(ages.too_old(start + 1501ms), 2u);
  EXPECT_EQ(ages.too_old(start + 1901ms), 3u);
}

TEST(key_ages, of_many_keys_none_goes_early_and_none_stays_much_longer) {
  key_ages ages{256s};
  for (uint64_t i = 1; i <= 10'000; ++i) {
    const auto now = start + i * 100ms;
    ages.learned(i, now);
    const auto gone = ages.too_old(now);
    // Key i - 1 was there at i * 100 ms at the latest.
    if (gone > 0) {
      EXPECT_LE(gone * 100ms + 256s, i * 100ms) << i;
    }
    if (i > 2600) {
      EXPECT_GE(gone * 100ms + 256s + 2s, i * 100ms) << i;
    }
  }
}

TEST(key_ages, other_keys_are_counted_anew) {
  key_ages ages{1000ms};
  ages.learned(100, start);
  ages.learned(3, start + 900ms);
  EXPECT_EQ(ages.too_old(start + 1500ms), 0u);
  EXPECT_EQ(ages.too_old(start + 1901ms), 3u);
}
