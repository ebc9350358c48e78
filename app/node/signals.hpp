// SIGNALS: the main thread waits for SIGTERM, SIGINT and SIGHUP; nothing handles them: no
// code runs in a signal handler. Construct before the first thread is made: threads
// inherit the mask. A thread of the process wakes the waiting one by SIGUSR1, which must
// not be taken for a signal of the user's.
#pragma once

#include <chrono>
#include <csignal>

namespace weir {

/// Whoever asks to stop again within this time has not lost patience: `timeout` and
/// service managers signal the process and its group, terminals send SIGINT where a
/// script sends SIGTERM.
inline constexpr std::chrono::seconds one_request_to_stop{1};

class signal_watch {
 public:
  signal_watch();  ///< blocks the four, and SIGPIPE, in this and all later threads
  ~signal_watch(); ///< restores the former mask

  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;

  /// The next signal, a request to stop before others; 0 when `patience` is over. Zero
  /// patience asks without waiting.
  int wait(std::chrono::milliseconds patience);
  /// The next signal, however long it takes: an idle node's main thread costs nothing.
  int wait();
  /// Any thread. Whoever waits now or next gets a signal that asks for nothing.
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
