#include "storage/sinks/postgres/schema.hpp"

#include <array>

namespace weir::postgres {

namespace {

struct migration {
  const char* what;
  const char* sql;
};

// An entry never changes once released: a new version is a new entry. For ids see rows.hpp.
constexpr std::array<migration, schema_version> migrations{{
  {"records by day, cursors, batch keys", R"sql(
CREATE TABLE records (
  id bigint NOT NULL,
  received_at timestamptz NOT NULL,
  batch uuid NOT NULL,
  stream text NOT NULL,
  body jsonb NOT NULL
) PARTITION BY RANGE (received_at);
COMMENT ON TABLE records IS 'weir: one row per record, one partition per day (UTC)';
CREATE INDEX records_received_at ON records USING brin (received_at)
  WITH (pages_per_range = 32);

CREATE TABLE records_set_aside (
  id bigint NOT NULL,
  received_at timestamptz NOT NULL,
  batch uuid NOT NULL,
  stream text NOT NULL,
  reason text NOT NULL,
  body text NOT NULL
);
COMMENT ON TABLE records_set_aside IS 'weir: records that jsonb cannot hold, as they came';
CREATE INDEX records_set_aside_received_at ON records_set_aside (received_at);

CREATE TABLE cursors (
  number integer PRIMARY KEY,
  node text NOT NULL,
  journal uuid NOT NULL,
  segment bigint NOT NULL DEFAULT 0,
  "offset" bigint NOT NULL DEFAULT 0,
  last_sequence bigint NOT NULL DEFAULT 0,
  verify_until timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (node, journal)
) WITH (fillfactor = 20);
COMMENT ON TABLE cursors IS 'weir: how far each journal of each node is stored';

CREATE TABLE batch_keys (
  key uuid PRIMARY KEY,
  received_at timestamptz NOT NULL,
  source integer NOT NULL,
  last_sequence bigint NOT NULL,
  fingerprint bigint NOT NULL,
  accepted bigint NOT NULL,
  rejected bigint NOT NULL,
  quarantined bigint NOT NULL,
  dropped bigint NOT NULL,
  keyed boolean NOT NULL
);
COMMENT ON TABLE batch_keys IS 'weir: batches stored lately, so that none is stored twice';
CREATE INDEX batch_keys_received_at ON batch_keys (keyed, received_at);

CREATE TABLE key_horizon (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  received_at timestamptz NOT NULL
);
COMMENT ON TABLE key_horizon IS 'weir: batch_keys received later than this are complete';
INSERT INTO key_horizon (received_at) VALUES ('epoch');
)sql"},
}};

tl::unexpected<fault> newer(const connection& db, int64_t version) {
  return fail(ec::io_failed, db.name() + ": schema version " + std::to_string(version)
                               + ", this weir knows version "
                               + std::to_string(schema_version)
                               + ": use the weir that migrated it, or a newer one");
}

result<bool> apply(connection& db, int64_t version) {
  auto work = transaction::begin(db);
  if (!work)
    return tl::unexpected(work.error());
  if (auto locked = lock_tables(db); !locked)
    return tl::unexpected(locked.error());
  const auto found = read_version(db);
  if (!found)
    return tl::unexpected(found.error());
  if (*found >= version)
    return false; // somebody else was faster
  const auto& step = migrations[static_cast<size_t>(version - 1)];
  return db
    .script("create the table of versions",
            "CREATE TABLE IF NOT EXISTS weir_schema (version integer PRIMARY KEY,"
            " what text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())")
    .and_then([&](const answer&) { return db.script("migrate the schema", step.sql); })
    .and_then([&](const answer&) {
      return db.run("note the schema's version",
                    "INSERT INTO weir_schema (version, what) VALUES ($1::integer, $2)",
                    {std::to_string(version), step.what});
    })
    .and_then([&](const answer&) { return work->commit(); })
    .map([] { return true; });
}

} // namespace

result<void> lock_tables(connection& db) {
  return db
    .script("wait for other migrations", "SELECT pg_advisory_xact_lock(2003134834)")
    .map([](const answer&) {});
}

result<void> check_encoding(const connection& db) {
  const auto encoding = db.setting("server_encoding");
  if (encoding == "UTF8")
    return {};
  return fail(ec::io_failed,
              db.name() + ": the database's encoding is " + encoding
                + ", which cannot hold every character that JSON has: weir needs UTF8."
                  " Make a database for it, CREATE DATABASE weir ENCODING 'UTF8' TEMPLATE"
                  " template0, and name that one in sink.url");
}

result<int64_t> read_version(connection& db) {
  // Not to_regclass(): that may answer from what it knew before the lock was waited for.
  const auto exists =
    db.script("read the schema's version",
              "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n"
              " ON n.oid = c.relnamespace WHERE c.relname = 'weir_schema'"
              " AND n.nspname = ANY (current_schemas(false)))");
  if (!exists)
    return tl::unexpected(exists.error());
  if (exists->text(0, 0) != "t")
    return int64_t{0};
  const auto version = db.script("read the schema's version",
                                 "SELECT coalesce(max(version), 0) FROM weir_schema");
  if (!version)
    return tl::unexpected(version.error());
  return version->integer(0, 0);
}

result<void> check_version(connection& db) {
  const auto version = read_version(db);
  if (!version)
    return tl::unexpected(version.error());
  if (*version == schema_version)
    return {};
  if (*version > schema_version)
    return newer(db, *version);
  return fail(ec::io_failed,
              db.name()
                + (*version == 0
                     ? ": has no tables of weir"
                     : ": schema version " + std::to_string(*version)
                         + ", this weir needs version " + std::to_string(schema_version))
                + ": run `weir migrate` with this configuration");
}

result<migration_report> migrate(connection& db) {
  migration_report report;
  const auto before = read_version(db);
  if (!before)
    return tl::unexpected(before.error());
  report.before = *before;
  if (*before > schema_version)
    return newer(db, *before);
  for (auto version = *before + 1; version <= schema_version; ++version) {
    const auto done = apply(db, version);
    if (!done)
      return tl::unexpected(done.error());
    // False: another node was faster.
    if (*done)
      report.applied.push_back("version " + std::to_string(version) + ": "
                               + migrations[static_cast<size_t>(version - 1)].what);
  }
  return report;
}

} // namespace weir::postgres
