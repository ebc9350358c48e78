#include "app/file_source.hpp"

#include <cerrno>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir {
namespace {

/// Closes what it opened, never standard input.
struct descriptor {
  int fd;
  explicit descriptor(int opened) : fd(opened) {}
  ~descriptor() {
    if (fd > STDERR_FILENO)
      ::close(fd);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
};

fault io_fault(const std::string& path, const char* operation) {
  return {ec::io_failed, fmt::format("{}: cannot {}: {}", path, operation,
                                     std::generic_category().message(errno))};
}

} // namespace

result<opened_source> open_source(const std::string& path) {
  const bool standard = path == "-";
  const int fd = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return tl::unexpected(io_fault(path, "open"));
  const auto file = std::make_shared<descriptor>(fd);
  struct stat about {};
  if (::fstat(fd, &about) != 0)
    return tl::unexpected(io_fault(path, "look at"));
  if (S_ISDIR(about.st_mode))
    return fail(ec::io_failed, fmt::format("{}: is a directory", path));
  opened_source source;
  if (S_ISREG(about.st_mode))
    source.bytes_total = static_cast<uint64_t>(about.st_size);
  source.read = [file, path](char* to, size_t size) -> result<size_t> {
    for (;;) {
      const auto got = ::read(file->fd, to, size);
      if (got >= 0)
        return static_cast<size_t>(got);
      if (errno != EINTR)
        return tl::unexpected(io_fault(path, "read"));
    }
  };
  return source;
}

} // namespace weir
