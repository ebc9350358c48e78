// SIGNALS: SIGTERM, SIGINT and SIGHUP are waited for by the main thread, never handled:
// no code runs in a signal handler. Construct before the first thread is made: threads
// inherit the mask. SIGUSR1 is how a thread of the process wakes the one that waits: its
// word must not be taken for one of the user's.
#pragma once

#include <chrono>
#include <csignal>

namespace weir {

/// Who asks to stop again within it has not lost patience: `timeout` and service managers signal
/// the process and its group, terminals send SIGINT where a script sends SIGTERM.
inline constexpr std::chrono::seconds one_request_to_stop{1};

class signal_watch {
 public:
  signal_watch();  ///< blocks the four, and SIGPIPE, in this and all later threads
  ~signal_watch(); ///< as it was before

  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;

  /// The next signal, one that asks to stop before others, or 0 when `patience` is over. Zero patience asks without waiting.
  int wait(std::chrono::milliseconds patience);
  /// The next signal, however long it takes: an idle node's main thread costs nothing.
  int wait();
  /// Any thread: whoever waits, or the next who does, gets a signal that asks for nothing.
  void wake() noexcept;

  static bool asks_to_stop(int signal) noexcept {
    return signal == SIGTERM || signal == SIGINT;
  }

 private:
  int stop_first(int got) const;

  sigset_t watched_{};
  sigset_t before_{};
};

} // namespace weir
