// DATABASE SINK: what the sqlite, file and null sinks share. Cursor and keys live in an SQLite
// database (the sink's own, or a small one beside its files), and one transaction of it decides
// whether a commit happened.
//
// After any failure the connection is dropped and the next commit opens the file anew, so
// there is one way back whatever went wrong. A database that was deleted or replaced
// while open is noticed before the next commit: that commit fails, the sink goes on with
// what is at the path now (a new database when nothing is), and cursor() says from where.
// Nothing is skipped: the reader of the journal goes back to that cursor, and what the
// journal still has comes again.
#pragma once

#include "base/clock.hpp"
#include "storage/sink/sink.hpp"
#include "storage/sink/state.hpp"
#include "storage/sqlite/schema.hpp"
#include "storage/sqlite/sqlite.hpp"

namespace weir {

/// Where a sink whose `path` is a directory keeps its cursor and keys.
std::string state_database(const sink_config& config);

class database_sink : public sink {
 public:
  database_sink(const sink_config& config, std::string database,
                const sqlite::schema& schema, const clock_source& clock);
  /// To be called once, after construction.
  result<void> connect() { return connect(false); }

  sink_cursor cursor() const noexcept final { return cursor_; }
  result<std::vector<remembered_key>> keys() final;
  result<void> commit(std::span<const frame_view> frames, journal_position next) final;
  result<void> refresh() final { return {}; }
  result<void> each_after(uint64_t after,
                          const std::function<bool(const stored_record&)>& visit) final;

 protected:
  const sink_config& config() const noexcept { return config_; }
  const clock_source& clock() const noexcept { return clock_; }

 private:
  /// A connection was opened at `cursor`: prepare statements, mend files.
  virtual result<void> opened(sqlite::connection& db, const sink_cursor& cursor) = 0;
  /// The connection is about to close, after a failure or to be replaced: let go of
  /// statements.
  virtual void dropped() noexcept = 0;
  /// Inside the transaction of `db`: store the records of `frames`, none of which are stored yet.
  virtual result<void> put(sqlite::connection& db,
                           std::span<const frame_view> frames) = 0;
  /// The commit is in the database for good.
  virtual void committed() noexcept {}
  virtual result<void>
  visit_records(sqlite::connection& db, uint64_t after, uint64_t last,
                const std::function<bool(const stored_record&)>& visit) = 0;

  struct open_database {
    sqlite::connection db;
    sink_state state;
  };
  result<void> connect(bool after_failure);
  result<void> usable();
  result<void> store(std::span<const frame_view> frames, const sink_cursor& to);
  void drop() noexcept;

  const sink_config config_;
  const std::string database_;
  const sqlite::schema schema_;
  const clock_source& clock_;
  std::optional<open_database> open_;
  sink_cursor cursor_;
  bool io_error_ = false; ///< the last connection ended with one
};

/// Reads a sink's records from its database, after `after` and up to `last`.
using record_walk =
  std::function<result<void>(sqlite::connection& db, uint64_t after, uint64_t last,
                             const std::function<bool(const stored_record&)>&)>;

/// A sink for reading only, beside a running server or without one.
result<std::unique_ptr<sink>> open_database_read_only(const sink_config& config,
                                                      const std::string& database,
                                                      const sqlite::schema& schema,
                                                      record_walk walk);

/// The walk of a sink that keeps no records.
result<void> no_records(sqlite::connection& db, uint64_t after, uint64_t last,
                        const std::function<bool(const stored_record&)>& visit);

} // namespace weir
