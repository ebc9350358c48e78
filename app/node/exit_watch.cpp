#include "app/node/exit_watch.hpp"

#include "base/log.hpp"

#include <pthread.h>

#include <cstdlib>

namespace weir {

exit_watch::exit_watch(signal_watch& signals, std::chrono::milliseconds patience,
                       int code, time_point heed_from)
  : signals_(signals), thread_([this, until = std::chrono::steady_clock::now() + patience,
                                code, heed_from] { watch(until, code, heed_from); }) {}

exit_watch::~exit_watch() {
  over_ = true;
  signals_.wake();
  thread_.join();
}

void exit_watch::watch(time_point until, int code, time_point heed_from) {
  ::pthread_setname_np(::pthread_self(), "weir-exit");
  bool asked = false;
  while (!over_ && !asked && std::chrono::steady_clock::now() < until)
    asked = signal_watch::asks_to_stop(signals_.wait(std::chrono::milliseconds{10}))
            && std::chrono::steady_clock::now() >= heed_from;
  if (over_)
    return;
  log_event(log_level::warning, "left_behind",
            {{"reason", asked ? "a second signal" : "a thread does not end"},
             {"now", "the process ends without waiting for it"}});
  std::_Exit(code);
}

} // namespace weir
