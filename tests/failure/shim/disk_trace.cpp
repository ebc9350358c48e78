#include "tests/failure/shim/disk_trace.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <mutex>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace weir::faults {

namespace {

struct head {
  uint32_t kind;
  uint32_t path_bytes;
  uint64_t monotonic_ns;
  uint64_t before;
  uint64_t inode;
  uint64_t offset;
  uint64_t data_bytes;
};
static_assert(sizeof(head) == 48);

uint64_t monotonic_ns() noexcept {
  timespec now{};
  ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000
         + static_cast<uint64_t>(now.tv_nsec);
}

struct trace_file {
  int fd = -1;
  std::string_view prefix;
  std::mutex lock;
  std::atomic<uint64_t> entries{0};

  trace_file() {
    const char* const path = std::getenv("WEIR_TRACE");
    const char* const below = std::getenv("WEIR_TRACE_BELOW");
    if (!path || !below)
      return;
    prefix = below;
    fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path,
                                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    add({trace_kind::start, {}, 0, 0, 0, {}});
  }

  void add(const trace_entry& entry) noexcept;
};

void trace_file::add(const trace_entry& entry) noexcept {
  head start{static_cast<uint32_t>(entry.kind),
             static_cast<uint32_t>(entry.path.size()),
             monotonic_ns(),
             entry.before,
             entry.inode,
             entry.offset,
             entry.data.size()};
  const iovec pieces[]{{&start, sizeof start},
                       {const_cast<char*>(entry.path.data()), entry.path.size()},
                       {const_cast<char*>(entry.data.data()), entry.data.size()}};
  const auto wanted = sizeof start + entry.path.size() + entry.data.size();
  if (::syscall(SYS_writev, fd, pieces, 3) != static_cast<long>(wanted))
    std::abort(); // a trace with a hole would accuse the innocent
}

trace_file& kept() noexcept {
  static trace_file file;
  return file;
}

} // namespace

bool is_tracing() noexcept {
  return kept().fd >= 0;
}

bool is_traced(std::string_view path) noexcept {
  const auto& file = kept();
  return file.fd >= 0 && path.starts_with(file.prefix);
}

uint64_t trace_position() noexcept {
  return kept().entries.load();
}

void trace(const trace_entry& entry) noexcept {
  const int error = errno;
  auto& file = kept();
  const std::lock_guard guard{file.lock};
  file.add(entry);
  ++file.entries;
  errno = error;
}

} // namespace weir::faults
