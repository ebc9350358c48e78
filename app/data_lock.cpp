#include "app/data_lock.hpp"

#include "storage/file_system.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir {

result<data_lock> data_lock::acquire(const std::string& directory) {
  if (auto made = posix_file_system().make_directory(directory); !made)
    return fail(ec::io_failed, "data_dir: " + made.error().text);
  const auto path = directory + "/LOCK";
  const int descriptor = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0640);
  if (descriptor < 0)
    return fail(ec::io_failed,
                "data_dir: cannot open " + path + ": " + std::strerror(errno));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    ::close(descriptor);
    if (reason == EWOULDBLOCK)
      return fail(ec::io_failed, "data_dir: another weir node uses " + directory
                                   + "; stop it or choose another data_dir");
    return fail(ec::io_failed,
                "data_dir: cannot lock " + path + ": " + std::strerror(reason));
  }
  return data_lock{descriptor};
}

data_lock::~data_lock() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

} // namespace weir
