// How a database comes to be: whole. It is made under a name of its own, synced, and only then
// takes its place, so that nobody beside it (a reader, `weir export`, the journal that asks what
// the stores remember) ever finds a half-made one, and a process that is killed leaves none.
#include "storage/files/file_system.hpp"
#include "storage/sqlite/schema.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::sqlite {

namespace {

/// A name that no other thread or process uses.
std::string name_beside(const std::string& path) {
  static std::atomic<unsigned> made{0};
  return path + ".new-" + std::to_string(::getpid()) + '-' + std::to_string(++made);
}

bool missing(const std::string& path) noexcept {
  struct ::stat found {};
  return ::lstat(path.c_str(), &found) != 0 && errno == ENOENT;
}

/// Closes it: with a rollback journal, the default, all of it is then in the one file.
bool build(const std::string& name, const schema& wanted,
           std::chrono::milliseconds busy_timeout) {
  auto db = connection::open(name, access::read_write, busy_timeout);
  return db && create(*db, wanted);
}

} // namespace

void make_whole(const std::string& path, const schema& wanted,
                std::chrono::milliseconds busy_timeout) {
  // The log of a deleted database would be taken for ours: sqlite clears it away only where it
  // makes the file itself.
  if (!missing(path) || !missing(path + "-wal") || !missing(path + "-journal"))
    return;
  const auto name = name_beside(path);
  // Not in the place of a file that somebody else has put there meanwhile.
  if (build(name, wanted, busy_timeout)
      && ::renameat2(AT_FDCWD, name.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE)
           == 0) {
    const auto folder = std::filesystem::path{path}.parent_path();
    (void)posix_file_system().sync_directory(folder.empty() ? "." : folder.string());
  }
  ::unlink(name.c_str()); // gone if it has taken its place
  ::unlink((name + "-journal").c_str());
}

result<connection> open_ours(const std::string& path, const schema& wanted,
                             std::chrono::milliseconds busy_timeout) {
  // A failure here is told by opening the file, with its path.
  const auto folder = std::filesystem::path{path}.parent_path();
  if (!folder.empty())
    (void)posix_file_system().make_directory(folder.string());
  make_whole(path, wanted, busy_timeout);
  auto db = connection::open(path, access::read_write, busy_timeout);
  if (db)
    if (auto ours = adopt(*db, wanted); !ours)
      return tl::unexpected(ours.error());
  return db;
}

} // namespace weir::sqlite
