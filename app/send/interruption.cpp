#include "app/send/interruption.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <system_error>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace weir {
namespace {

/// True for a signal that was ignored at the start, as by nohup or in the background of a script.
bool is_ignored(int signal) noexcept {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

int descriptor_or_throw(int fd, const char* what) {
  if (fd < 0)
    throw std::system_error(errno, std::generic_category(), what);
  return fd;
}

void raise_event(int fd) noexcept {
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

/// Polls two descriptors until one is readable; both results are false when the time is over.
struct ready_pair {
  bool first = false;
  bool second = false;
};
ready_pair poll_two(int first, int second, std::chrono::milliseconds wait) {
  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + wait;
  pollfd fds[] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
  for (;;) {
    const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(end - clock::now()).count();
    const auto patience = std::clamp<int64_t>(left, 0, 1'000'000'000);
    const int got = ::poll(fds, 2, wait.count() < 0 ? -1 : static_cast<int>(patience));
    if (got >= 0 || errno != EINTR)
      return {fds[0].revents != 0, fds[1].revents != 0};
  }
}

} // namespace

interruption::interruption() {
  sigemptyset(&watched_);
  for (const int s : {SIGINT, SIGTERM, SIGHUP})
    if (!is_ignored(s))
      sigaddset(&watched_, s);
  pthread_sigmask(SIG_BLOCK, &watched_, &before_);
  signals_ = descriptor_or_throw(::signalfd(-1, &watched_, SFD_CLOEXEC | SFD_NONBLOCK),
                                 "signalfd");
  asked_ = descriptor_or_throw(::eventfd(0, EFD_CLOEXEC), "eventfd");
  ended_ = descriptor_or_throw(::eventfd(0, EFD_CLOEXEC), "eventfd");
  watcher_ = std::thread{[this] { watch(); }};
}

interruption::~interruption() {
  raise_event(ended_);
  watcher_.join();
  for (const int fd : {signals_, asked_, ended_})
    ::close(fd);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void interruption::watch() {
  const int first = next_signal(std::chrono::milliseconds{-1});
  if (first == 0)
    return;
  signal_.store(first);
  raise_event(asked_);
  std::fputs(
    "\nstopping once the request on its way is answered; again to stop at once\n",
    stderr);
  next_signal(patience);
  // Abandoning may take a while, as when a connection is being made: now a signal ends all.
  pthread_sigmask(SIG_UNBLOCK, &watched_, nullptr);
  const std::lock_guard guard{lock_};
  if (abandon_)
    abandon_();
}

int interruption::next_signal(std::chrono::milliseconds wait) const {
  if (const auto got = poll_two(signals_, ended_, wait); got.second || !got.first)
    return 0;
  signalfd_siginfo info{};
  const auto size = ::read(signals_, &info, sizeof info);
  return size == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

void interruption::sleep(std::chrono::milliseconds wait) const {
  poll_two(asked_, ended_, wait);
}

bool interruption::readable(int fd, std::chrono::milliseconds wait) const {
  const auto got = poll_two(fd, asked_, wait);
  return got.first && !asked();
}

void interruption::abandon_with(std::function<void()> abandon) {
  const std::lock_guard guard{lock_};
  abandon_ = std::move(abandon);
}

} // namespace weir
