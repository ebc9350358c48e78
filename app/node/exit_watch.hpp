// EXIT WATCH: the last part of a process's life, bounded. Once the tree has drained, what is
// left is to give back threads, and not all of them can be told to end: one that asks a name
// server stays in getaddrinfo for as long as that takes. All that is durable is closed by
// then, so the process may end without them.
//
//   Owner:   the node, from the end of its drain until all that it owns is gone; a thread of
//            its own, which hears the signals in the main thread's place.
//   Bounds:  `patience`; less when somebody asks to stop once more.
#pragma once

#include "app/node/signals.hpp"

#include <atomic>
#include <chrono>
#include <thread>

namespace weir {

class exit_watch {
 public:
  /// Ends the process with `code` unless it is destroyed in time. `signals` outlives it,
  /// and nobody else waits for them any more. A request to stop before `heed_from` asks
  /// for no more than what is being done.
  exit_watch(signal_watch& signals, std::chrono::milliseconds patience, int code,
             std::chrono::steady_clock::time_point heed_from = {});
  ~exit_watch();

  exit_watch(const exit_watch&) = delete;
  exit_watch& operator=(const exit_watch&) = delete;

 private:
  using time_point = std::chrono::steady_clock::time_point;
  void watch(time_point until, int code, time_point heed_from);

  signal_watch& signals_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

} // namespace weir
