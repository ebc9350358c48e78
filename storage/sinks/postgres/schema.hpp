// POSTGRES SCHEMA: weir's tables in a PostgreSQL database, versioned. docs/sinks.md describes them
// for those who query; the SQL is in the list of migrations. They are made in the first schema of
// the connection's search_path.
#pragma once

#include "storage/sinks/postgres/postgres.hpp"

#include <string>
#include <vector>

namespace weir::postgres {

/// What this weir writes and reads.
inline constexpr int64_t schema_version = 1;

struct migration_report {
  int64_t before = 0;               ///< 0: there was nothing
  std::vector<std::string> applied; ///< one line each; empty: nothing was to do
};

/// Brings the schema to schema_version, each step in a transaction of its own. Harmless to repeat
/// and to run from several places at once. io_failed when the schema is newer.
result<migration_report> migrate(connection& db);

/// 0 when there is none.
result<int64_t> read_version(connection& db);

/// io_failed, with what to do, unless the schema is at schema_version.
result<void> check_version(connection& db);

/// io_failed, with what to do, unless the database holds every character that JSON has.
result<void> check_encoding(const connection& db);

/// Takes the lock of those who change tables, to the end of the transaction: two that make the
/// same one would disturb each other.
result<void> lock_tables(connection& db);

} // namespace weir::postgres
