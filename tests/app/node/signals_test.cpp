#include "app/node/signals.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

using namespace weir;
using namespace std::chrono_literals;

TEST(signal_watch, who_asks_to_stop_does_not_wait_behind_others) {
  signal_watch signals;
  for (const int stop : {SIGTERM, SIGINT}) {
    ::kill(::getpid(), SIGHUP);
    signals.wake();
    ::kill(::getpid(), stop);
    EXPECT_EQ(signals.wait(), stop);
    EXPECT_FALSE(signal_watch::asks_to_stop(signals.wait(10s)));
    ::kill(::getpid(), SIGHUP);
    ::kill(::getpid(), stop);
    EXPECT_EQ(signals.wait(10s), stop);
    while (signals.wait(0ms) != 0) {
    }
  }
}

TEST(signal_watch, a_wake_that_nobody_waited_for_does_not_end_the_process) {
  {
    signal_watch signals;
    signals.wake();
    EXPECT_FALSE(signal_watch::asks_to_stop(signals.wait(10s)));
    signals.wake();
  }
  EXPECT_EQ(signal_watch{}.wait(0ms), 0);
}
