#include "storage/files/file_system.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

namespace weir {

namespace {

/// `error` is errno, or what posix_fallocate returned. A full disk or quota is the one failure
/// that passes by itself, so it has a code of its own. A limit on the size of files (EFBIG)
/// stays until somebody lifts it.
tl::unexpected<fault> io_fault(const std::string& path, const char* operation,
                               int error) {
  const auto code = error == ENOSPC || error == EDQUOT ? ec::journal_full : ec::io_failed;
  return fail(code,
              path + ": " + operation + ": " + std::generic_category().message(error));
}

class descriptor {
 public:
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

int open_retrying(const char* path, int flags) noexcept {
  int fd = -1;
  do
    fd = ::open(path, flags | O_CLOEXEC, 0640);
  while (fd < 0 && errno == EINTR);
  return fd;
}

class posix_file final : public file {
 public:
  posix_file(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  std::string name() const override { return path_; }

  result<void> write_at(uint64_t offset, std::span<const std::byte> bytes) override {
    if (!bytes.empty())
      go_direct(false);
    while (!bytes.empty()) {
      const auto n =
        ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return io_fault(path_, "write", errno);
      if (n == 0) // POSIX allows it; without this the loop would never end
        return io_fault(path_, "write", EIO);
      offset += static_cast<uint64_t>(n);
      bytes = bytes.subspan(static_cast<size_t>(n));
    }
    return {};
  }

  result<void>
  write_pieces_at(uint64_t offset,
                  std::span<const std::span<const std::byte>> pieces) override {
    auto past_cache = write_past_cache(offset, pieces);
    if (!past_cache)
      return tl::unexpected{past_cache.error()};
    // What did not go past the cache goes through it, from where the direct write ended.
    for (auto piece : pieces) {
      const auto written = std::min(*past_cache, piece.size());
      *past_cache -= written;
      piece = piece.subspan(written);
      offset += written;
      if (auto rest = write_at(offset, piece); !rest)
        return rest;
      offset += piece.size();
    }
    return {};
  }

  void write_direct(bool wanted) noexcept override { wants_direct_ = wanted; }

  result<size_t> read_at(uint64_t offset, std::span<std::byte> bytes) override {
    // A direct read would need aligned memory.
    go_direct(false);
    size_t done = 0;
    while (done < bytes.size()) {
      const auto n = ::pread(fd_.get(), bytes.data() + done, bytes.size() - done,
                             static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return io_fault(path_, "read", errno);
      if (n == 0)
        break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  result<void> sync_data() override {
    // never repeated: a second call may report success falsely
    if (::fdatasync(fd_.get()) != 0)
      return io_fault(path_, "fdatasync", errno);
    return {};
  }

  result<void> drop_cached() override {
    const int error = ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
    // A journal that does not open is worse than one that can't see what the cache hides, which
    // takes a failed sync and a crash right after it.
    const bool unknown = error == ENOSYS || error == EINVAL || error == EOPNOTSUPP;
    return error == 0 || unknown ? result<void>{}
                                 : io_fault(path_, "drop from the page cache", error);
  }

  result<void> allocate(uint64_t bytes) override {
    int error = 0;
    do
      error = ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(bytes));
    while (error == EINTR);
    if (error != 0)
      return io_fault(path_, "allocate", error);
    return {};
  }

  result<void> truncate(uint64_t bytes) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(bytes)) != 0)
      return io_fault(path_, "truncate", errno);
    return {};
  }

  result<uint64_t> size() override {
    struct ::stat about {};
    if (::fstat(fd_.get(), &about) != 0)
      return io_fault(path_, "stat", errno);
    return static_cast<uint64_t>(about.st_size);
  }

  /// A backup may have given it another name. A write lease is given only to a sole user.
  bool unshared() noexcept override {
    struct ::stat about {};
    if (::fstat(fd_.get(), &about) != 0 || about.st_nlink != 0)
      return false;
    if (::fcntl(fd_.get(), F_SETLEASE, F_WRLCK) != 0)
      return false;
    ::fcntl(fd_.get(), F_SETLEASE, F_UNLCK);
    return true;
  }

 private:
  static constexpr size_t pieces_max = 64;

  /// How many bytes of `pieces` were written; the rest may still go through the cache.
  result<size_t> write_past_cache(uint64_t offset,
                                  std::span<const std::span<const std::byte>> pieces) {
    std::array<iovec, pieces_max> list;
    if (!wants_direct_ || !can_go_direct_ || pieces.size() > list.size()
        || offset % direct_block != 0)
      return size_t{0};
    for (size_t i = 0; i < pieces.size(); ++i) {
      const auto* const data = pieces[i].data();
      if ((reinterpret_cast<uintptr_t>(data) | pieces[i].size()) % direct_block != 0)
        return size_t{0};
      list[i] = {const_cast<std::byte*>(data), pieces[i].size()};
    }
    go_direct(true);
    ssize_t n = 0;
    do
      n = !direct_ ? 0
                   : ::pwritev(fd_.get(), list.data(), static_cast<int>(pieces.size()),
                               static_cast<off_t>(offset));
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EINVAL) { // where blocks have another size, for example
      can_go_direct_ = false;
      return size_t{0};
    }
    if (n < 0)
      return io_fault(path_, "write", errno);
    return static_cast<size_t>(n);
  }

  void go_direct(bool wanted) noexcept {
    if (wanted == direct_)
      return;
    if (::fcntl(fd_.get(), F_SETFL, wanted ? O_DIRECT : 0) == 0)
      direct_ = wanted;
    else
      can_go_direct_ = false; // this file system knows only the cache
  }

  descriptor fd_;
  std::string path_;
  bool wants_direct_ = false;
  bool can_go_direct_ = true; ///< until it is refused
  bool direct_ = false;       ///< the descriptor has O_DIRECT
};

/// True if a process may have died after it made a directory here and before it synced that.
/// Where we may not write, there was no such process.
bool can_lose(const std::filesystem::path& parent) noexcept {
  return ::access(parent.c_str(), W_OK) == 0;
}

class posix_files final : public file_system {
 public:
  result<std::unique_ptr<file>> create(const std::string& path) override {
    return opened(path, O_RDWR | O_CREAT | O_EXCL, "create");
  }

  result<std::unique_ptr<file>> open(const std::string& path, bool writable) override {
    return opened(path, writable ? O_RDWR : O_RDONLY, "open");
  }

  result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0)
      return io_fault(path, "remove", errno);
    return {};
  }

  result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0)
      return io_fault(from, ("rename to " + to).c_str(), errno);
    return {};
  }

  result<void> make_directory(const std::string& path) override {
    auto whole = std::filesystem::path{path}.lexically_normal();
    if (!whole.has_filename()) // a slash at the end
      whole = whole.parent_path();
    std::filesystem::path made;
    for (const auto& part : whole) {
      const auto parent = made.empty() ? std::filesystem::path{"."} : made;
      made /= part;
      if (part == "/" || part == "." || part == ".." || part.empty())
        continue;
      const bool is_new = ::mkdir(made.c_str(), 0777) == 0;
      const int error = is_new ? 0 : errno;
      std::error_code unknown;
      if (!is_new && !std::filesystem::is_directory(made, unknown))
        return io_fault(path, "make directory", error);
      if (is_new || made == whole)
        if (auto synced = sync_directory(parent); !synced && (is_new || can_lose(parent)))
          return synced;
    }
    return {};
  }

  result<std::vector<std::string>> list(const std::string& path) override {
    std::unique_ptr<DIR, int (*)(DIR*)> directory{::opendir(path.c_str()), &::closedir};
    if (!directory)
      return io_fault(path, "list", errno);
    std::vector<std::string> names;
    // Only errno tells an error of readdir() from the end.
    errno = 0;
    while (const auto* entry = ::readdir(directory.get())) {
      const std::string_view name{entry->d_name};
      if (name != "." && name != "..")
        names.emplace_back(name);
      errno = 0;
    }
    if (errno != 0)
      return io_fault(path, "list", errno);
    std::sort(names.begin(), names.end());
    return names;
  }

  result<void> sync_directory(const std::string& path) override {
    const descriptor directory{open_retrying(path.c_str(), O_RDONLY | O_DIRECTORY)};
    if (directory.get() < 0)
      return io_fault(path, "open directory", errno);
    if (::fsync(directory.get()) != 0)
      return io_fault(path, "fsync directory", errno);
    return {};
  }

  result<uint64_t> free_bytes(const std::string& path) override {
    struct ::statvfs about {};
    if (::statvfs(path.c_str(), &about) != 0)
      return io_fault(path, "statvfs", errno);
    return static_cast<uint64_t>(about.f_bavail) * about.f_frsize;
  }

 private:
  static result<std::unique_ptr<file>> opened(const std::string& path, int flags,
                                              const char* operation) {
    const int fd = open_retrying(path.c_str(), flags);
    if (fd < 0)
      return io_fault(path, operation, errno);
    return std::make_unique<posix_file>(fd, path);
  }
};

} // namespace

file_system& posix_file_system() {
  static posix_files disk;
  return disk;
}

} // namespace weir
