// Whose database is it? Every database of weir carries an application id and a version in
// its header; one that is foreign or newer is refused before anything in it is changed.
#pragma once

#include "storage/sqlite/sqlite.hpp"

namespace weir::sqlite {

struct schema {
  int64_t application = 0; ///< PRAGMA application_id
  int64_t version = 1;     ///< PRAGMA user_version
  const char* what = "";   ///< for error texts: "sink database"
  const char* tables = ""; ///< makes the tables in an empty database
};

enum class found : uint8_t { empty, ours };

/// io_failed when it is foreign, or of another version.
result<found> inspect(connection& db, const schema& wanted);

/// Makes the tables in an empty database, all or nothing.
result<void> create(connection& db, const schema& wanted);

/// Makes the file if there is none, complete before it has its name. What fails is told by opening
/// the file.
void make_whole(const std::string& path, const schema& wanted,
                std::chrono::milliseconds busy_timeout);

/// Opens it for writing, made with its directory if need be, and adopts it.
result<connection> open_ours(const std::string& path, const schema& wanted,
                             std::chrono::milliseconds busy_timeout);

/// Makes an empty database ours or checks one that has tables, then sets it up for
/// writing: write-ahead log, a sync at every commit, bounded cache and log. io_failed
/// when it is foreign.
result<void> adopt(connection& db, const schema& wanted);

/// Before a start: io_failed when the file at `path` is foreign or newer. One that is not there, or
/// can't be read just now, is left to whoever opens it.
result<void> look(const std::string& path, const schema& wanted);

/// For readers: io_failed when it is foreign, sink_unavailable when it is still empty.
result<void> check(connection& db, const schema& wanted);

} // namespace weir::sqlite
