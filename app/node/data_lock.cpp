#include "app/node/data_lock.hpp"

#include "storage/files/file_system.hpp"
#include "storage/open_sink.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace weir {

namespace {

constexpr int links_max = 40; // as many as the kernel follows

std::string inside(const std::string& directory) {
  return directory + "/LOCK";
}

/// Follows `file` to where it lies, also if it is still to be made there.
std::string beside(const std::string& file) {
  std::filesystem::path real{file};
  std::error_code ignored;
  for (int i = 0; i < links_max && std::filesystem::is_symlink(real, ignored); ++i)
    real = real.parent_path() / std::filesystem::read_symlink(real, ignored);
  return real.string() + ".lock";
}

} // namespace

std::vector<data_lock::place> data_lock::places(const config& settings) {
  std::vector<place> all{
    {"data_dir", settings.data_dir, inside(settings.data_dir), false}};
  // Only a persister has a journal, a sink and dead letters.
  if (!settings.roles().persister)
    return all;
  const auto& journal = settings.journal.directory;
  all.push_back({"journal.directory", journal, inside(journal), true});
  const auto place = kind_of(settings.sink).place;
  const auto& path = settings.sink.path;
  if (place == sink_place::file)
    all.push_back({"sink.path", path, beside(path), false});
  else if (place == sink_place::directory)
    all.push_back({"sink.path", path, inside(path), true});
  const auto& letters = settings.dead_letters.path;
  all.push_back({"dead_letters.path", letters, beside(letters), false});
  return all;
}

/// True if this process has the lock already: a place may be named twice, as when journal
/// and files share a directory.
bool data_lock::holds(int descriptor) const noexcept {
  struct ::stat wanted {};
  if (::fstat(descriptor, &wanted) != 0)
    return false;
  return std::any_of(descriptors_.begin(), descriptors_.end(), [&](int one) {
    struct ::stat held {};
    return ::fstat(one, &held) == 0 && held.st_dev == wanted.st_dev
           && held.st_ino == wanted.st_ino;
  });
}

/// Returns 0, or the reason (errno) why not.
int data_lock::take(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0640);
  if (descriptor < 0)
    return errno;
  if (!holds(descriptor) && ::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    ::close(descriptor);
    return reason;
  }
  descriptors_.push_back(descriptor);
  return 0;
}

result<void> data_lock::add(const place& wanted) {
  const auto folder = std::filesystem::path{wanted.lock}.parent_path();
  std::error_code unknown;
  if (!folder.empty() && !std::filesystem::is_directory(folder, unknown))
    if (auto made = posix_file_system().make_directory(folder.string()); !made)
      return fail(ec::io_failed, std::string{wanted.key} + ": " + made.error().text);
  // A directory is locked itself where the file system allows it: nothing is written then.
  int reason = wanted.whole ? take(wanted.path, O_RDONLY | O_DIRECTORY) : ENOTDIR;
  if (reason != 0 && reason != EWOULDBLOCK)
    reason = take(wanted.lock, O_CREAT | O_RDWR);
  if (reason == 0)
    return {};
  if (reason != EWOULDBLOCK)
    return fail(ec::io_failed, std::string{wanted.key} + ": cannot lock " + wanted.lock
                                 + ": " + std::strerror(reason));
  return fail(ec::io_failed, std::string{wanted.key} + ": another weir node uses "
                               + wanted.path + "; stop it or choose another "
                               + wanted.key);
}

result<data_lock> data_lock::acquire(const config& settings) {
  data_lock made;
  for (const auto& one : places(settings))
    if (auto added = made.add(one); !added)
      return tl::unexpected(added.error());
  return made;
}

data_lock::~data_lock() {
  for (const int descriptor : descriptors_)
    ::close(descriptor);
}

} // namespace weir
