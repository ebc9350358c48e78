#include "app/node/free_memory.hpp"

#include <malloc.h>
#include <pthread.h>

#include <algorithm>

namespace weir {

namespace {

constexpr size_t kept_least = size_t{8} << 20; ///< less is not worth the page faults

} // namespace

free_memory::free_memory(uint64_t ceiling, std::chrono::milliseconds period)
  : kept_max_(std::max<size_t>(ceiling / 8, kept_least)), period_(period),
    thread_([this] { run(); }) {}

free_memory::~free_memory() {
  {
    const std::lock_guard guard{lock_};
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void free_memory::run() {
  ::pthread_setname_np(::pthread_self(), "weir-memory");
  std::unique_lock held{lock_};
  // What was given back still counts as free: only what has grown since is looked at.
  size_t given_back = 0;
  while (!changed_.wait_for(held, period_, [this] { return ending_; })) {
    const size_t free = mallinfo2().fordblks;
    given_back = std::min(given_back, free);
    if (free - given_back <= kept_max_)
      continue;
    malloc_trim(0);
    given_back = mallinfo2().fordblks;
  }
}

} // namespace weir
