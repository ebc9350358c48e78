// FREE MEMORY: gives what the allocator keeps back to the system. Blocks that are freed between
// others that live stay resident otherwise, and after a rush that would be most of the ceiling.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>

namespace weir {

class free_memory {
 public:
  /// Looks every `period`, on a thread of its own; gives back when more than an eighth of
  /// `ceiling` is free and resident.
  explicit free_memory(uint64_t ceiling,
                       std::chrono::milliseconds period = std::chrono::seconds{2});
  ~free_memory();
  free_memory(const free_memory&) = delete;
  free_memory& operator=(const free_memory&) = delete;

 private:
  void run();

  const size_t kept_max_;
  const std::chrono::milliseconds period_;
  std::mutex lock_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::thread thread_;
};

} // namespace weir
