// FAULT SHIM: loaded with LD_PRELOAD before a server under test, it stands between the process
// and its disk, clock and name server. By the rules of a shared table (fault_table.hpp) calls
// fail, take their time or write only half; without a rule each call is what it always was. It
// keeps a trace of the disk when asked to (disk_trace.hpp). Only tests use it.
#include "tests/failure/shim/disk_trace.hpp"
#include "tests/failure/shim/fault_table.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdlib>
#include <ctime>
#include <string>

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

namespace weir::faults {

namespace {

// -- the table

table* map_table() noexcept {
  const char* const path = std::getenv("WEIR_FAULTS");
  if (!path)
    return nullptr;
  const int fd =
    static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0));
  if (fd < 0)
    return nullptr;
  void* const at =
    ::mmap(nullptr, sizeof(table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::syscall(SYS_close, fd);
  if (at == MAP_FAILED || static_cast<table*>(at)->magic != table_magic)
    return nullptr;
  return static_cast<table*>(at);
}

table* shared() noexcept {
  static table* const mapped = map_table();
  return mapped;
}

bool any_rule_for(uint32_t operations) noexcept {
  const auto* const t = shared();
  return t && std::any_of(std::begin(t->rules), std::end(t->rules), [&](const rule& r) {
           return (r.operations.load(std::memory_order_acquire) & operations) != 0;
         });
}

/// What shall become of one call.
struct fate {
  int error = 0;
  bool cut_short = false;
};

/// True when it is this rule's turn.
bool take_turn(rule& r) noexcept {
  if (r.skip.load() > 0 && r.skip.fetch_sub(1) > 0)
    return false;
  if (r.remaining.load() < 0)
    return true;
  return r.remaining.load() > 0 && r.remaining.fetch_sub(1) > 0;
}

void pause(uint32_t us) noexcept {
  timespec left{static_cast<time_t>(us / 1'000'000),
                static_cast<long>(us % 1'000'000) * 1000};
  while (::syscall(SYS_nanosleep, &left, &left) != 0 && errno == EINTR)
    ;
}

fate fate_of(uint32_t operation, std::string_view path) noexcept {
  fate found;
  auto* const t = shared();
  if (!t)
    return found;
  for (auto& r : t->rules) {
    if ((r.operations.load(std::memory_order_acquire) & operation) == 0
        || path.find(r.path) == std::string_view::npos || !take_turn(r))
      continue;
    r.hits.fetch_add(1);
    if (r.delay_us > 0)
      pause(r.delay_us);
    found.cut_short = found.cut_short || r.cut_short != 0;
    if (r.error != 0) {
      found.error = r.error;
      return found;
    }
  }
  return found;
}

// -- files

/// The absolute path of an open file, empty for a socket, a pipe or a closed number.
struct path_buffer {
  std::array<char, PATH_MAX> bytes;
  std::string_view text;
};

std::string_view path_of(int fd, path_buffer& buffer) noexcept {
  const int error = errno;
  char link[32];
  ::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const auto n =
    ::syscall(SYS_readlinkat, AT_FDCWD, link, buffer.bytes.data(), buffer.bytes.size());
  errno = error;
  buffer.text = n > 0 && buffer.bytes[0] == '/'
                  ? std::string_view{buffer.bytes.data(), static_cast<size_t>(n)}
                  : std::string_view{};
  return buffer.text;
}

uint64_t inode_of(int fd) noexcept {
  struct ::stat about {};
  return ::fstat(fd, &about) == 0 ? about.st_ino : 0;
}

/// Files whose sync failed by a rule: nothing may be written to them any more.
class distrusted {
 public:
  void add(uint64_t inode) noexcept {
    const auto at = count_.fetch_add(1);
    if (at < inodes_.size())
      inodes_[at] = inode;
  }
  bool empty() const noexcept { return count_.load() == 0; }
  bool has(uint64_t inode) const noexcept {
    const auto n = std::min(count_.load(), inodes_.size());
    return std::any_of(inodes_.begin(), inodes_.begin() + static_cast<ptrdiff_t>(n),
                       [&](const auto& known) { return known.load() == inode; });
  }
  /// A new file may get the number of one that is gone.
  void forget(uint64_t inode) noexcept {
    for (auto& known : inodes_)
      if (known.load() == inode)
        known = 0;
  }

 private:
  std::array<std::atomic<uint64_t>, 1024> inodes_{};
  std::atomic<size_t> count_{0};
};

distrusted& failed_syncs() noexcept {
  static distrusted files;
  return files;
}

// -- what the replaced calls have in common

int fail_with(int error) noexcept {
  errno = error;
  return -1;
}

/// Without a rule, a trace or a file to watch a call is passed on at once.
bool is_watched(uint32_t operation) noexcept {
  return is_tracing() || any_rule_for(operation) || !failed_syncs().empty();
}

int synced(int fd, long number) noexcept {
  if (!is_watched(operation::sync))
    return static_cast<int>(::syscall(number, fd));
  path_buffer buffer;
  const auto path = path_of(fd, buffer);
  if (const auto f = fate_of(operation::sync, path); f.error != 0) {
    failed_syncs().add(inode_of(fd));
    return fail_with(f.error);
  }
  const auto before = trace_position();
  const auto done = static_cast<int>(::syscall(number, fd));
  if (done == 0 && is_traced(path))
    trace({trace_kind::sync, path, before, inode_of(fd), 0, {}});
  return done;
}

void note_written(int fd, std::string_view path, const char* data, ssize_t bytes,
                  off_t offset) noexcept {
  if (bytes <= 0)
    return;
  if (!failed_syncs().empty() && failed_syncs().has(inode_of(fd)))
    shared()->writes_after_failed_sync.fetch_add(1);
  if (is_traced(path))
    trace({trace_kind::write,
           path,
           trace_position(),
           inode_of(fd),
           static_cast<uint64_t>(offset),
           {data, static_cast<size_t>(bytes)}});
}

/// write and pwrite; `offset` is negative for the file's own position.
ssize_t written(int fd, const void* data, size_t bytes, off_t offset) noexcept {
  path_buffer buffer;
  const auto path =
    is_watched(operation::write) ? path_of(fd, buffer) : std::string_view{};
  if (!path.empty()) {
    const auto f = fate_of(operation::write, path);
    if (f.error != 0)
      return fail_with(f.error);
    if (f.cut_short && bytes > 1)
      bytes /= 2;
  }
  const auto done = offset < 0 ? ::syscall(SYS_write, fd, data, bytes)
                               : ::syscall(SYS_pwrite64, fd, data, bytes, offset);
  if (!path.empty()) {
    const auto end = offset < 0 ? ::lseek(fd, 0, SEEK_CUR) : 0;
    note_written(fd, path, static_cast<const char*>(data), done,
                 offset < 0 ? std::max<off_t>(end - done, 0) : offset);
  }
  return done;
}

/// The gathered calls as several plain ones: what they promise more does not matter here.
ssize_t written(int fd, const iovec* pieces, int count, off_t offset) noexcept {
  ssize_t sum = 0;
  for (int i = 0; i < count; ++i) {
    if (pieces[i].iov_len == 0)
      continue;
    const auto n = written(fd, pieces[i].iov_base, pieces[i].iov_len,
                           offset < 0 ? offset : offset + sum);
    if (n < 0)
      return sum > 0 ? sum : n;
    sum += n;
    if (static_cast<size_t>(n) < pieces[i].iov_len)
      break;
  }
  return sum;
}

bool is_file(int fd) noexcept {
  struct ::stat about {};
  return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

/// 0 or an error number.
int allocated(int fd, int mode, off_t offset, off_t bytes) noexcept {
  path_buffer buffer;
  const auto path = path_of(fd, buffer);
  if (const auto f = fate_of(operation::allocate, path); f.error != 0)
    return f.error;
  if (::syscall(SYS_fallocate, fd, mode, offset, bytes) != 0)
    return errno;
  struct ::stat about {};
  if (is_traced(path) && ::fstat(fd, &about) == 0)
    trace({trace_kind::size,
           path,
           trace_position(),
           about.st_ino,
           static_cast<uint64_t>(about.st_size),
           {}});
  return 0;
}

int truncated(int fd, off_t bytes) noexcept {
  path_buffer buffer;
  const auto path = path_of(fd, buffer);
  if (const auto f = fate_of(operation::truncate, path); f.error != 0)
    return fail_with(f.error);
  const auto done = static_cast<int>(::syscall(SYS_ftruncate, fd, bytes));
  if (done == 0 && is_traced(path))
    trace({trace_kind::size,
           path,
           trace_position(),
           inode_of(fd),
           static_cast<uint64_t>(bytes),
           {}});
  return done;
}

int opened(int directory, const char* path, int flags, mode_t mode) noexcept {
  const bool writes = (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
  if (!writes || !is_watched(operation::open))
    return static_cast<int>(::syscall(SYS_openat, directory, path, flags, mode));
  if (const auto f = fate_of(operation::open, path); f.error != 0)
    return fail_with(f.error);
  const int error = errno;
  const bool is_new =
    (flags & O_CREAT) != 0 && ::syscall(SYS_faccessat, directory, path, F_OK) != 0;
  errno = error;
  const int fd = static_cast<int>(::syscall(SYS_openat, directory, path, flags, mode));
  if (fd < 0)
    return fd;
  if (is_new)
    failed_syncs().forget(inode_of(fd));
  if (is_traced(path) && is_file(fd)) {
    if (is_new)
      trace({trace_kind::create, path, trace_position(), inode_of(fd), 0, {}});
    else if ((flags & O_TRUNC) != 0)
      trace({trace_kind::size, path, trace_position(), inode_of(fd), 0, {}});
  }
  return fd;
}

int renamed(const char* from, const char* to, unsigned flags = 0) noexcept {
  if (const auto f = fate_of(operation::rename, from); f.error != 0)
    return fail_with(f.error);
  const auto done =
    static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
  if (done == 0 && is_traced(from))
    trace({trace_kind::rename, from, trace_position(), 0, 0, to});
  return done;
}

int unlinked(const char* path) noexcept {
  if (const auto f = fate_of(operation::unlink, path); f.error != 0)
    return fail_with(f.error);
  const auto done = static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
  if (done == 0 && is_traced(path))
    trace({trace_kind::unlink, path, trace_position(), 0, 0, {}});
  return done;
}

int made_directory(const char* path, mode_t mode) noexcept {
  if (const auto f = fate_of(operation::mkdir, path); f.error != 0)
    return fail_with(f.error);
  const auto done = static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, path, mode));
  if (done == 0 && is_traced(path))
    trace({trace_kind::mkdir, path, trace_position(), 0, 0, {}});
  return done;
}

ssize_t read_fate(int fd) noexcept {
  path_buffer buffer;
  if (!any_rule_for(operation::read) || path_of(fd, buffer).empty())
    return 0;
  const auto f = fate_of(operation::read, buffer.text);
  return f.error != 0 ? fail_with(f.error) : 0;
}

// -- the clock

using clock_gettime_function = int (*)(clockid_t, timespec*);

int real_clock_gettime(clockid_t id, timespec* to) noexcept {
  // libc's own is answered without entering the kernel
  static const auto next =
    reinterpret_cast<clock_gettime_function>(::dlsym(RTLD_NEXT, "clock_gettime"));
  return next ? next(id, to) : static_cast<int>(::syscall(SYS_clock_gettime, id, to));
}

void shift(timespec& at) noexcept {
  const auto* const t = shared();
  if (!t)
    return;
  constexpr int64_t second = 1'000'000'000;
  const auto ns = at.tv_sec * second + at.tv_nsec
                  + t->realtime_offset_ns.load(std::memory_order_relaxed);
  at.tv_sec = ns / second;
  at.tv_nsec = ns % second;
}

using getaddrinfo_function = int (*)(const char*, const char*, const addrinfo*,
                                     addrinfo**);

timespec shifted_now() noexcept {
  timespec now{};
  real_clock_gettime(CLOCK_REALTIME, &now);
  shift(now);
  return now;
}

} // namespace

} // namespace weir::faults

using namespace weir::faults;

extern "C" {

int fsync(int fd) {
  return synced(fd, SYS_fsync);
}

int fdatasync(int fd) {
  return synced(fd, SYS_fdatasync);
}

ssize_t write(int fd, const void* data, size_t bytes) {
  return written(fd, data, bytes, off_t{-1});
}

ssize_t pwrite(int fd, const void* data, size_t bytes, off_t offset) {
  return written(fd, data, bytes, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t bytes, off64_t offset) {
  return written(fd, data, bytes, offset);
}

ssize_t writev(int fd, const iovec* pieces, int count) {
  if (!is_file(fd))
    return ::syscall(SYS_writev, fd, pieces, count);
  return written(fd, pieces, count, off_t{-1});
}

ssize_t pwritev(int fd, const iovec* pieces, int count, off_t offset) {
  return written(fd, pieces, count, offset);
}

ssize_t pwritev64(int fd, const iovec* pieces, int count, off64_t offset) {
  return written(fd, pieces, count, offset);
}

ssize_t read(int fd, void* to, size_t bytes) {
  return read_fate(fd) != 0 ? -1 : ::syscall(SYS_read, fd, to, bytes);
}

ssize_t pread(int fd, void* to, size_t bytes, off_t offset) {
  return read_fate(fd) != 0 ? -1 : ::syscall(SYS_pread64, fd, to, bytes, offset);
}

ssize_t pread64(int fd, void* to, size_t bytes, off64_t offset) {
  return read_fate(fd) != 0 ? -1 : ::syscall(SYS_pread64, fd, to, bytes, offset);
}

int posix_fallocate(int fd, off_t offset, off_t bytes) {
  return allocated(fd, 0, offset, bytes);
}

int posix_fallocate64(int fd, off64_t offset, off64_t bytes) {
  return allocated(fd, 0, offset, bytes);
}

int fallocate(int fd, int mode, off_t offset, off_t bytes) {
  const int error = allocated(fd, mode, offset, bytes);
  return error == 0 ? 0 : fail_with(error);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t bytes) {
  return ::fallocate(fd, mode, offset, bytes);
}

int ftruncate(int fd, off_t bytes) noexcept {
  return truncated(fd, bytes);
}

int ftruncate64(int fd, off64_t bytes) noexcept {
  return truncated(fd, bytes);
}

/// The mode is there only when a file may be made.
#define WEIR_MODE(flags, last)                                                           \
  mode_t mode = 0;                                                                       \
  if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) {                      \
    va_list rest;                                                                        \
    va_start(rest, last);                                                                \
    mode = va_arg(rest, mode_t);                                                         \
    va_end(rest);                                                                        \
  }

int open(const char* path, int flags, ...) {
  WEIR_MODE(flags, flags)
  return opened(AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  WEIR_MODE(flags, flags)
  return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int directory, const char* path, int flags, ...) {
  WEIR_MODE(flags, flags)
  return opened(directory, path, flags, mode);
}

int openat64(int directory, const char* path, int flags, ...) {
  WEIR_MODE(flags, flags)
  return opened(directory, path, flags | O_LARGEFILE, mode);
}

int rename(const char* from, const char* to) noexcept {
  return renamed(from, to);
}

/// Both directories are AT_FDCWD where the node calls it.
int renameat2(int, const char* from, int, const char* to, unsigned flags) noexcept {
  return renamed(from, to, flags);
}

int unlink(const char* path) noexcept {
  return unlinked(path);
}

int mkdir(const char* path, mode_t mode) noexcept {
  return made_directory(path, mode);
}

int clock_gettime(clockid_t id, timespec* to) noexcept {
  const int done = real_clock_gettime(id, to);
  if (done == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
    shift(*to);
  return done;
}

int gettimeofday(timeval* to, void*) noexcept {
  const auto now = shifted_now();
  to->tv_sec = now.tv_sec;
  to->tv_usec = now.tv_nsec / 1000;
  return 0;
}

int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                addrinfo** found) {
  static const auto next =
    reinterpret_cast<getaddrinfo_function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  if (host && fate_of(operation::resolve, host).error != 0)
    return EAI_AGAIN;
  return next(host, service, hints, found);
}

time_t time(time_t* to) noexcept {
  const auto now = shifted_now().tv_sec;
  if (to)
    *to = now;
  return now;
}

} // extern "C"
