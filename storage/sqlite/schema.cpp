#include "storage/sqlite/schema.hpp"

#include <filesystem>

namespace weir::sqlite {

result<found> inspect(connection& db, const schema& wanted) {
  const auto tables = db.number("read the schema", "SELECT count(*) FROM sqlite_master");
  if (!tables)
    return tl::unexpected(tables.error());
  const auto application = db.number("read application_id", "PRAGMA application_id");
  if (!application)
    return tl::unexpected(application.error());
  const auto version = db.number("read user_version", "PRAGMA user_version");
  if (!version)
    return tl::unexpected(version.error());
  // Tables without our id, or an id without tables, are somebody else's.
  if (*tables == 0 && *application == 0 && *version == 0)
    return found::empty;
  if (*application != wanted.application)
    return fail(ec::io_failed, db.path() + ": is not a weir " + wanted.what
                                 + " (application_id " + std::to_string(*application)
                                 + "): give another path, or move that file away");
  if (*version != wanted.version)
    return fail(ec::io_failed,
                db.path() + ": schema version " + std::to_string(*version)
                  + ", this weir knows version " + std::to_string(wanted.version)
                  + ": use the weir that wrote it, or move that file away");
  return found::ours;
}

result<void> create(connection& db, const schema& wanted) {
  if (auto sized = db.execute("set the page size", "PRAGMA page_size = 8192"); !sized)
    return sized;
  auto work = transaction::begin(db);
  if (!work)
    return tl::unexpected(work.error());
  // Somebody may have been faster between inspect() and here.
  const auto now = inspect(db, wanted);
  if (!now)
    return tl::unexpected(now.error());
  if (*now == found::ours)
    return {};
  const auto sql = std::string{wanted.tables}
                   + ";PRAGMA application_id = " + std::to_string(wanted.application)
                   + ";PRAGMA user_version = " + std::to_string(wanted.version);
  return db.execute("create the tables", sql).and_then([&] { return work->commit(); });
}

namespace {

result<void> use_write_ahead_log(connection& db) {
  auto pragma = db.prepare("switch to a write-ahead log", "PRAGMA journal_mode = WAL");
  if (!pragma)
    return tl::unexpected(pragma.error());
  const auto row = pragma->step();
  if (!row)
    return tl::unexpected(row.error());
  if (!*row || pragma->bytes(0) != "wal")
    return fail(ec::io_failed, db.path()
                                 + ": this file system cannot hold a write-ahead log"
                                   " (no shared memory, as on NFS): use a local disk");
  return {};
}

/// Measured with 260-byte rows: 8 KiB pages cost a third less CPU than 4 KiB ones, 16 KiB
/// ones gain little more and double what a small transaction writes. A checkpoint every
/// 32 MiB halves the writes of one every 4 MiB. The cache holds 8 MiB, the log file
/// shrinks back to 64.
constexpr const char* tuning = "PRAGMA synchronous = FULL;"
                               "PRAGMA cache_size = -8192;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA wal_autocheckpoint = 4096;"
                               "PRAGMA journal_size_limit = 67108864";

} // namespace

result<void> adopt(connection& db, const schema& wanted) {
  const auto state = inspect(db, wanted);
  if (!state)
    return tl::unexpected(state.error());
  // Only somebody else can have put an empty file there: what we make comes with its tables.
  if (*state == found::empty)
    if (auto made = create(db, wanted); !made)
      return made;
  if (auto logged = use_write_ahead_log(db); !logged)
    return logged;
  return db.execute("set up the connection", tuning);
}

result<void> look(const std::string& path, const schema& wanted) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    return {};
  auto db = connection::open(path, access::read_only, std::chrono::milliseconds{1000});
  if (!db)
    return {};
  const auto state = inspect(*db, wanted);
  if (!state && state.error().code == ec::io_failed && db->refused_nothing())
    return tl::unexpected(state.error());
  return {};
}

result<void> check(connection& db, const schema& wanted) {
  const auto state = inspect(db, wanted);
  if (!state)
    return tl::unexpected(state.error());
  if (*state == found::empty)
    return fail(ec::sink_unavailable, db.path() + ": is empty, and not a weir "
                                        + std::string{wanted.what}
                                        + " yet: has weir run"
                                          " with this configuration?");
  return db.execute("set up the connection", "PRAGMA cache_size = -4096");
}

} // namespace weir::sqlite
