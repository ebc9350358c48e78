// DATA LOCK: one node per place that it writes to: `data_dir`, `journal.directory`, `sink.path`
// and `dead_letters.path`, each of which may be set to lie anywhere. Held for the process's life;
// the kernel drops it when the process ends, however it ends. What only reads takes none.
//
// data_dir is locked by the file LOCK in it, a database by `<database>.lock` beside the file that
// its path leads to. The other directories are locked themselves, for which nothing is written
// where a disk may fail; by a file LOCK in them where the file system refuses that, as NFS does.
// The same place is the same lock, by whatever path it is reached.
#pragma once

#include "app/config/config.hpp"
#include "base/result.hpp"

#include <string>
#include <vector>

namespace weir {

class data_lock {
 public:
  /// Creates the directories if needed and locks all that a node with these settings
  /// writes; io_failed if another process holds one of them or can't be locked out, with
  /// the key, the path and what to do.
  static result<data_lock> acquire(const config& settings);

  data_lock(data_lock&& other) noexcept = default;
  data_lock& operator=(data_lock&&) = delete;
  data_lock(const data_lock&) = delete;
  data_lock& operator=(const data_lock&) = delete;
  ~data_lock();

 private:
  struct place {
    const char* key; ///< the configuration's
    std::string path;
    std::string lock; ///< the file that is locked in its place
    bool whole;       ///< it is a directory that can be locked itself
  };

  data_lock() = default;
  static std::vector<place> places(const config& settings);
  result<void> add(const place& wanted);
  int take(const std::string& path, int flags);
  bool holds(int descriptor) const noexcept;

  std::vector<int> descriptors_; ///< empty when moved from
};

} // namespace weir
