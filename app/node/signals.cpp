#include "app/node/signals.hpp"

#include <pthread.h>
#include <unistd.h>

namespace weir {

signal_watch::signal_watch() {
  sigemptyset(&watched_);
  for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGUSR1})
    sigaddset(&watched_, s);
  auto blocked = watched_;
  // A write to a closed socket is an error code, not a death.
  sigaddset(&blocked, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &blocked, &before_);
}

signal_watch::~signal_watch() {
  // A signal nobody waited for is dropped, and later ones do nothing: unblocked, they
  // would end a process that has done all it was asked to with another exit code.
  for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGUSR1})
    std::signal(s, SIG_IGN);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

/// The kernel names the lowest number first: a request to stop would wait for as long as
/// others send SIGHUP.
int signal_watch::stop_first(int got) const {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  const timespec at_once{};
  const int stop = asks_to_stop(got) ? 0 : sigtimedwait(&stops, nullptr, &at_once);
  return stop > 0 ? stop : got;
}

int signal_watch::wait(std::chrono::milliseconds patience) {
  const timespec limit{patience.count() / 1000, (patience.count() % 1000) * 1'000'000};
  const int got = sigtimedwait(&watched_, nullptr, &limit);
  // EAGAIN: the time is over; EINTR: the caller asks again.
  return got > 0 ? stop_first(got) : 0;
}

int signal_watch::wait() {
  int got = 0;
  while (sigwait(&watched_, &got) != 0) {
  }
  return stop_first(got);
}

void signal_watch::wake() noexcept {
  ::kill(::getpid(), SIGUSR1);
}

} // namespace weir
