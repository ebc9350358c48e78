#include "app/node/exit_watch.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <thread>

using namespace weir;
using namespace std::chrono_literals;

namespace {

/// As a destructor that waits for a name server.
void stand_still() {
  std::this_thread::sleep_for(60s);
}

} // namespace

TEST(exit_watch, who_is_gone_in_time_is_let_go) {
  signal_watch signals;
  const auto begin = std::chrono::steady_clock::now();
  { const exit_watch ending{signals, 10min, 7}; }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

TEST(exit_watch, what_does_not_end_is_left_behind_with_the_right_code) {
  const auto linger = [] {
    signal_watch signals;
    const exit_watch ending{signals, 50ms, 7};
    stand_still();
  };
  EXPECT_EXIT(linger(), ::testing::ExitedWithCode(7), "");
}

TEST(exit_watch, the_same_request_to_stop_once_more_does_not_cut_it_short) {
  const auto repeated = [](std::chrono::minutes from_now) {
    signal_watch signals;
    {
      const exit_watch ending{signals, 10min, 7,
                              std::chrono::steady_clock::now() + from_now};
      ::kill(::getpid(), SIGTERM);
      for (sigset_t pending; sigpending(&pending), sigismember(&pending, SIGTERM) == 1;)
        std::this_thread::yield();
      if (from_now < 0min)
        stand_still();
    }
    std::_Exit(8);
  };
  EXPECT_EXIT(repeated(10min), ::testing::ExitedWithCode(8), "");
  EXPECT_EXIT(repeated(-10min), ::testing::ExitedWithCode(7), "");
}

TEST(exit_watch, a_signal_ends_it_at_once_and_sighup_does_not) {
  const auto linger = [](std::chrono::milliseconds patience, int signal) {
    signal_watch signals;
    const exit_watch ending{signals, patience, signal == SIGHUP ? 8 : 7};
    ::kill(::getpid(), signal);
    stand_still();
  };
  EXPECT_EXIT(linger(10min, SIGTERM), ::testing::ExitedWithCode(7), "");
  EXPECT_EXIT(linger(10min, SIGINT), ::testing::ExitedWithCode(7), "");
  EXPECT_EXIT(linger(50ms, SIGHUP), ::testing::ExitedWithCode(8), "");
}
