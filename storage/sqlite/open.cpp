// How a database is opened: plainly for writing; for reading also in directories we may not
// write to, where sqlite cannot make the shared-memory file that a WAL database needs.
#include "base/text.hpp"
#include "storage/sqlite/sqlite.hpp"

#include <cerrno>

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::sqlite {

namespace {

bool exists(const std::string& path) noexcept {
  struct ::stat found {};
  return ::stat(path.c_str(), &found) == 0;
}

bool empty_or_missing(const std::string& path) noexcept {
  struct ::stat found {};
  return ::stat(path.c_str(), &found) != 0 || found.st_size == 0;
}

/// A file: URI that promises sqlite that nobody writes.
std::string immutable_uri(const std::string& path) {
  std::string uri = path.starts_with('/') ? "file://" : "file:";
  for (const auto c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '%' || c == '?' || c == '#' || byte < 0x21 || byte > 0x7e)
      uri += {'%', hex_upper[byte >> 4], hex_upper[byte & 15]};
    else
      uri += c;
  }
  return uri + "?immutable=1";
}

/// Opens and reads the schema: only a first read tells whether the file can be used.
int try_open(handle& db, const std::string& name, int flags,
             std::chrono::milliseconds wait) {
  sqlite3_close_v2(db.db);
  db.db = nullptr;
  auto code = sqlite3_open_v2(name.c_str(), &db.db, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK)
    return code;
  sqlite3_extended_result_codes(db.db, 1);
  sqlite3_busy_timeout(db.db, static_cast<int>(wait.count()));
  return sqlite3_exec(db.db, "PRAGMA schema_version", nullptr, nullptr, nullptr);
}

fault explain(handle& db, int code) {
  auto why = db.describe(code, "open the database");
  const auto primary = code & 0xff;
  if ((primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY)
      && exists(db.path + "-wal"))
    why.text +=
      "; its write-ahead log " + db.path
      + "-wal holds writes that are not in it yet, and reading them needs write"
        " permission in the directory: read it as the server's user, or stop the"
        " server cleanly first";
  else if (primary == SQLITE_CANTOPEN && ::access(db.path.c_str(), R_OK) != 0)
    why.text += errno == ENOENT   ? ": there is no such file: has weir run with this"
                                    " configuration?"
                : errno == EACCES ? ": permission denied: run it as the server's user"
                                  : "";
  return why;
}

} // namespace

result<connection> connection::open(const std::string& path, access mode,
                                    std::chrono::milliseconds busy_timeout) {
  connection opened;
  opened.handle_ = std::make_unique<handle>();
  auto& db = *opened.handle_;
  db.path = path;
  if (mode == access::read_write) {
    const auto flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (const auto code = try_open(db, path, flags, busy_timeout); code != SQLITE_OK)
      return tl::unexpected(explain(db, code));
    return opened;
  }
  auto code = try_open(db, path, SQLITE_OPEN_READONLY, busy_timeout);
  const bool refused =
    (code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_READONLY;
  // Without a log the file needs no shared memory: it is opened as one that nobody writes.
  if (refused && exists(path) && empty_or_missing(path + "-wal"))
    code = try_open(db, immutable_uri(path), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                    busy_timeout);
  if (code != SQLITE_OK)
    return tl::unexpected(explain(db, code));
  return opened;
}

} // namespace weir::sqlite
