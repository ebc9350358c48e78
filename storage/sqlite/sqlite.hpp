// SQLITE: the part of sqlite3 that storage/ needs, owned by RAII. Parameters are always
// bound, never pasted into SQL. Every failure is a fault that names the file, the
// operation and sqlite's own text; it is sink_unavailable when time or an operator can
// mend it (locked, disk full, gone, I/O error), io_failed when the file is not what we
// need (corrupt, foreign, wrong shape).
//
// One thread at a time per connection (opened without sqlite's mutexes). Statements must
// not outlive their connection.
#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace weir::sqlite {

/// What a connection shares with its statements.
struct handle {
  sqlite3* db = nullptr;
  std::string path;
  bool io_error = false; ///< sqlite reported SQLITE_IOERR since the connection was opened
  int last_failure = 0;  ///< sqlite's code
  std::string last_words;
  ~handle();
  handle() = default;
  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;

  /// Describes sqlite's result `code` for `operation`; notes I/O errors.
  fault describe(int code, std::string_view operation);
};

/// One prepared statement. Text and blobs are bound without a copy: they must live until
/// the next reset(). Columns are views that live until the next step() or reset().
class statement {
 public:
  statement() = default;
  statement(statement&& other) noexcept;
  statement& operator=(statement&& other) noexcept;
  ~statement();

  /// Parameters count from 1.
  void bind(int parameter, int64_t value) noexcept;
  void bind(int parameter, uint64_t value) noexcept {
    bind(parameter, static_cast<int64_t>(value));
  }
  void bind_text(int parameter, std::string_view value) noexcept;
  void bind_blob(int parameter, std::string_view value) noexcept;

  /// True: a row is there. False: done, and the statement is reset.
  result<bool> step();
  /// For statements without rows: step until done, then reset.
  result<void> run();
  void reset() noexcept;
  /// Rows that the connection's last INSERT, UPDATE or DELETE changed itself.
  int64_t changes() const noexcept;

  /// Columns count from 0.
  int64_t integer(int column) const noexcept;
  uint64_t natural(int column) const noexcept {
    return static_cast<uint64_t>(integer(column));
  }
  std::string_view bytes(int column) const noexcept;

 private:
  friend class connection;
  statement(handle* owner, sqlite3_stmt* code, const char* operation) noexcept
    : owner_(owner), code_(code), operation_(operation) {}

  handle* owner_ = nullptr;
  sqlite3_stmt* code_ = nullptr;
  const char* operation_ = "";
  int bind_error_ = 0; ///< the last one since step(); 0: none
};

enum class access : uint8_t { read_write, read_only };

class connection {
 public:
  /// Opens the file, creating it for read_write. read_only also works beside a writer,
  /// and in a directory without write permission as long as no write-ahead log is left
  /// there.
  static result<connection> open(const std::string& path, access mode,
                                 std::chrono::milliseconds busy_timeout);

  /// `operation` is a literal: "create the tables".
  result<void> execute(const char* operation, const std::string& sql);
  result<statement> prepare(const char* operation, const std::string& sql);
  /// The first column of the first row.
  result<int64_t> number(const char* operation, const std::string& sql);

  const std::string& path() const noexcept { return handle_->path; }
  /// True if the last failure may be about the row: it is no lock, disk or lack of memory.
  bool refused_for_good() const noexcept;
  /// True if it certainly is: a constraint or a trigger, or a value too large.
  bool refused_a_value() const noexcept;
  /// True if no call has failed.
  bool refused_nothing() const noexcept { return handle_->last_failure == 0; }
  /// Sqlite's own words for what failed last.
  const std::string& last_words() const noexcept { return handle_->last_words; }
  /// False if a trigger has rolled everything back.
  bool in_transaction() const noexcept;
  bool io_error() const noexcept { return handle_->io_error; }
  /// True if the file, or its write-ahead log, was deleted or replaced underneath: what is
  /// written now would be lost. Costs two stat calls.
  bool moved() noexcept;
  /// Moves the whole write-ahead log into the database and syncs both. False: a reader kept it.
  result<bool> checkpoint();

 private:
  friend class transaction;
  std::unique_ptr<handle> handle_;
  uint64_t wal_inode_ = 0; ///< 0: not seen yet
};

result<void> prepare_into(statement& to, connection& db, const char* operation,
                          const std::string& sql);

/// BEGIN IMMEDIATE … COMMIT; rolled back when destroyed before commit() succeeded.
class transaction {
 public:
  static result<transaction> begin(connection& db);
  transaction(transaction&& other) noexcept : db_(other.db_) { other.db_ = nullptr; }
  transaction& operator=(transaction&&) = delete;
  ~transaction();
  result<void> commit();

 private:
  explicit transaction(handle* db) noexcept : db_(db) {}
  handle* db_;
};

} // namespace weir::sqlite
