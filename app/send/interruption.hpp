// INTERRUPTION: Ctrl-C and SIGTERM for a command that has work to account for. The first one is
// remembered, ends waits and lets the request on its way be answered for a moment; then, or
// with a second one, that request is abandoned. No code runs in a signal handler.
#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <mutex>
#include <thread>

namespace weir {

class interruption {
 public:
  /// How long to wait for an answer once somebody has asked to stop.
  static constexpr std::chrono::milliseconds patience{5'000};

  /// Blocks SIGINT, SIGTERM and SIGHUP, unless they are ignored, in this thread and those it
  /// makes later.
  interruption();
  ~interruption(); ///< restores the former mask
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;

  bool asked() const noexcept { return signal() != 0; }
  /// The first signal, or 0.
  int signal() const noexcept { return signal_.load(); }

  /// Waits so long, or until somebody asks to stop.
  void sleep(std::chrono::milliseconds wait) const;
  /// True if a read of `fd` has something to give, or its end; false when `wait` is over
  /// or somebody asks to stop. A negative wait is for ever.
  bool readable(int fd, std::chrono::milliseconds wait) const;

  /// Called from another thread when patience is over: it makes the request on its way fail.
  void abandon_with(std::function<void()> abandon);

 private:
  void watch();
  /// The next signal, or 0: `wait` is over, or the command ends. A negative wait is for ever.
  int next_signal(std::chrono::milliseconds wait) const;

  sigset_t watched_{};
  sigset_t before_{};
  int signals_ = -1; ///< signalfd of what is watched
  int asked_ = -1;   ///< eventfd: readable once somebody asked to stop
  int ended_ = -1;   ///< eventfd: readable once the command ends
  std::atomic<int> signal_{0};
  std::mutex lock_;
  std::function<void()> abandon_;
  std::thread watcher_;
};

} // namespace weir
