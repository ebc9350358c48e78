#include "storage/journal/errands.hpp"

#include <utility>

#include <pthread.h>

namespace weir {

errand_thread::errand_thread(std::function<void()> on_over)
  : on_over_(std::move(on_over)), thread_([this] { work(); }) {}

errand_thread::~errand_thread() {
  {
    const std::lock_guard lock{mutex_};
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

/// Waits first: a job's outcome may be known before the thread is done with it.
void errand_thread::run(std::function<void()> job) {
  {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return !job_; });
    job_ = std::move(job);
  }
  changed_.notify_all();
}

void errand_thread::wait() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return !job_; });
}

void errand_thread::work() {
  ::pthread_setname_np(::pthread_self(), "weir-upkeep");
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return job_ || ending_; });
    if (!job_)
      return;
    lock.unlock();
    job_();
    lock.lock();
    job_ = nullptr;
    changed_.notify_all();
    lock.unlock();
    try {
      on_over_();
    } catch (...) { // no memory to tell the sender, who looks at the next occasion
    }
    lock.lock();
  }
}

} // namespace weir
