#include "storage/journal/errands.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <new>

using namespace weir;

TEST(errand_thread, an_errand_is_over_when_waiting_for_it_returns) {
  int done = 0;
  errand_thread upkeep{[] {}};
  upkeep.wait(); // for none
  for (int i = 1; i <= 100; ++i) {
    upkeep.run([&] { ++done; });
    upkeep.wait();
    EXPECT_EQ(done, i);
  }
}

TEST(errand_thread, when_it_goes_its_last_errand_is_over_and_was_told) {
  std::atomic<int> done = 0;
  std::atomic<int> told = 0;
  for (int i = 0; i < 100; ++i) {
    errand_thread upkeep{[&] { ++told; }};
    upkeep.run([&] { ++done; });
  }
  EXPECT_EQ(done, 100);
  EXPECT_EQ(told, 100);
}

TEST(errand_thread, when_telling_fails_it_takes_the_next_errand_all_the_same) {
  int done = 0;
  errand_thread upkeep{[] { throw std::bad_alloc{}; }};
  for (int i = 0; i < 3; ++i) {
    upkeep.run([&] { ++done; });
    upkeep.wait();
  }
  EXPECT_EQ(done, 3);
}

TEST(errand_thread, takes_an_errand_the_moment_the_outcome_of_the_last_one_is_known) {
  int done = 0;
  errand_thread upkeep{[] {}};
  for (int i = 1; i <= 20'000; ++i) {
    std::promise<void> known;
    auto outcome = known.get_future();
    upkeep.run([&done, told = std::make_shared<std::promise<void>>(std::move(known))] {
      ++done;
      told->set_value();
    });
    outcome.get(); // throws when the errand was lost
    ASSERT_EQ(done, i);
  }
}
