// DATA LOCK: one node per data directory. Held for the process's life; the kernel drops
// it when the process ends, however it ends.
#pragma once

#include "proto/result.hpp"

#include <string>

namespace weir {

class data_lock {
 public:
  /// Creates the directory if needed and locks `<directory>/LOCK`; io_failed when another
  /// process holds it or the directory can't be written, with the path and what to do.
  static result<data_lock> acquire(const std::string& directory);

  data_lock(data_lock&& other) noexcept : descriptor_(other.descriptor_) {
    other.descriptor_ = -1;
  }
  data_lock& operator=(data_lock&&) = delete;
  data_lock(const data_lock&) = delete;
  data_lock& operator=(const data_lock&) = delete;
  ~data_lock();

 private:
  explicit data_lock(int descriptor) noexcept : descriptor_(descriptor) {}
  int descriptor_;
};

} // namespace weir
