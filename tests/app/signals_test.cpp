#include "app/signals.hpp"

#include <gtest/gtest.h>

using namespace weir;
using namespace std::chrono_literals;

TEST(signal_watch, a_wake_that_nobody_waited_for_does_not_end_the_process) {
  {
    signal_watch signals;
    signals.wake();
    EXPECT_FALSE(signal_watch::asks_to_stop(signals.wait(10s)));
    signals.wake();
  }
  EXPECT_EQ(signal_watch{}.wait(0ms), 0);
}
