#include "storage/sqlite/sqlite.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

#include <utility>

namespace weir::sqlite {

namespace {

/// True if time or an operator can mend it while the file stays what it is.
bool passing(int code) noexcept {
  switch (code & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
  case SQLITE_FULL:
  case SQLITE_IOERR:
  case SQLITE_CANTOPEN:
  case SQLITE_READONLY:
  case SQLITE_PROTOCOL:
  case SQLITE_NOMEM:
  case SQLITE_PERM:
    return true;
  default:
    return false;
  }
}

uint64_t inode_of(const std::string& path) noexcept {
  struct ::stat found {};
  return ::stat(path.c_str(), &found) == 0 ? static_cast<uint64_t>(found.st_ino) : 0;
}

result<void> simple(handle& db, const char* operation, const char* sql) {
  const auto code = sqlite3_exec(db.db, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK)
    return tl::unexpected(db.describe(code, operation));
  return {};
}

} // namespace

handle::~handle() {
  sqlite3_close_v2(db);
}

fault handle::describe(int code, std::string_view operation) {
  last_failure = code;
  if ((code & 0xff) == SQLITE_IOERR)
    io_error = true;
  auto text = path + ": cannot " + std::string{operation} + ": ";
  const auto* said = db != nullptr ? sqlite3_errmsg(db) : nullptr;
  last_words =
    said != nullptr && sqlite3_errcode(db) != SQLITE_OK ? said : sqlite3_errstr(code);
  text += last_words;
  text += " (sqlite " + std::to_string(code) + ")";
  return fault{passing(code) ? ec::sink_unavailable : ec::io_failed, std::move(text)};
}

statement::statement(statement&& other) noexcept
  : owner_(other.owner_), code_(std::exchange(other.code_, nullptr)),
    operation_(other.operation_), bind_error_(other.bind_error_) {}

statement& statement::operator=(statement&& other) noexcept {
  std::swap(owner_, other.owner_);
  std::swap(code_, other.code_);
  std::swap(operation_, other.operation_);
  std::swap(bind_error_, other.bind_error_);
  return *this;
}

statement::~statement() {
  sqlite3_finalize(code_);
}

void statement::bind(int parameter, int64_t value) noexcept {
  if (const auto code = sqlite3_bind_int64(code_, parameter, value); code != SQLITE_OK)
    bind_error_ = code;
}

void statement::bind_text(int parameter, std::string_view value) noexcept {
  // A null pointer would bind NULL: an empty view must stay an empty text.
  const auto* bytes = value.data() != nullptr ? value.data() : "";
  if (const auto code = sqlite3_bind_text64(code_, parameter, bytes, value.size(),
                                            SQLITE_STATIC, SQLITE_UTF8);
      code != SQLITE_OK)
    bind_error_ = code;
}

void statement::bind_blob(int parameter, std::string_view value) noexcept {
  const auto* bytes = value.data() != nullptr ? value.data() : "";
  if (const auto code =
        sqlite3_bind_blob64(code_, parameter, bytes, value.size(), SQLITE_STATIC);
      code != SQLITE_OK)
    bind_error_ = code;
}

result<bool> statement::step() {
  auto code = std::exchange(bind_error_, 0);
  if (code == SQLITE_OK)
    code = sqlite3_step(code_);
  if (code == SQLITE_ROW)
    return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(code_);
    return false;
  }
  auto why = owner_->describe(code, operation_); // before reset() changes the message
  sqlite3_reset(code_);
  return tl::unexpected(std::move(why));
}

result<void> statement::run() {
  for (;;) {
    const auto row = step();
    if (!row)
      return tl::unexpected(row.error());
    if (!*row)
      return {};
  }
}

void statement::reset() noexcept {
  sqlite3_reset(code_);
}

int64_t statement::integer(int column) const noexcept {
  return sqlite3_column_int64(code_, column);
}

std::string_view statement::bytes(int column) const noexcept {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(code_, column));
  const auto size = static_cast<size_t>(sqlite3_column_bytes(code_, column));
  return data != nullptr ? std::string_view{data, size} : std::string_view{};
}

result<void> connection::execute(const char* operation, const std::string& sql) {
  return simple(*handle_, operation, sql.c_str());
}

result<statement> connection::prepare(const char* operation, const std::string& sql) {
  sqlite3_stmt* code = nullptr;
  const auto outcome =
    sqlite3_prepare_v3(handle_->db, sql.data(), static_cast<int>(sql.size()),
                       SQLITE_PREPARE_PERSISTENT, &code, nullptr);
  if (outcome != SQLITE_OK)
    return tl::unexpected(handle_->describe(outcome, operation));
  return statement{handle_.get(), code, operation};
}

result<void> prepare_into(statement& to, connection& db, const char* operation,
                          const std::string& sql) {
  auto made = db.prepare(operation, sql);
  if (!made)
    return tl::unexpected(made.error());
  to = std::move(*made);
  return {};
}

result<int64_t> connection::number(const char* operation, const std::string& sql) {
  auto query = prepare(operation, sql);
  if (!query)
    return tl::unexpected(query.error());
  const auto row = query->step();
  if (!row)
    return tl::unexpected(row.error());
  return *row ? query->integer(0) : 0;
}

bool connection::refused_for_good() const noexcept {
  const auto code = handle_->last_failure & 0xff;
  return refused_a_value() || code == SQLITE_ERROR;
}

bool connection::refused_a_value() const noexcept {
  const auto code = handle_->last_failure & 0xff;
  return code == SQLITE_CONSTRAINT || code == SQLITE_TOOBIG || code == SQLITE_MISMATCH;
}

int64_t statement::changes() const noexcept {
  return sqlite3_changes(owner_->db);
}

bool connection::in_transaction() const noexcept {
  return sqlite3_get_autocommit(handle_->db) == 0;
}

bool connection::moved() noexcept {
  int gone = 0;
  if (sqlite3_file_control(handle_->db, "main", SQLITE_FCNTL_HAS_MOVED, &gone)
        == SQLITE_OK
      && gone != 0)
    return true;
  const auto wal = inode_of(handle_->path + "-wal");
  if (wal_inode_ == 0)
    wal_inode_ = wal;
  return wal_inode_ != wal;
}

result<bool> connection::checkpoint() {
  const auto code = sqlite3_wal_checkpoint_v2(
    handle_->db, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
    return false;
  if (code != SQLITE_OK)
    return tl::unexpected(handle_->describe(code, "checkpoint the write-ahead log"));
  return true;
}

result<transaction> transaction::begin(connection& db) {
  if (auto begun = simple(*db.handle_, "begin a transaction", "BEGIN IMMEDIATE"); !begun)
    return tl::unexpected(begun.error());
  return transaction{db.handle_.get()};
}

transaction::~transaction() {
  // After some errors sqlite has rolled back by itself.
  if (db_ != nullptr && sqlite3_get_autocommit(db_->db) == 0)
    sqlite3_exec(db_->db, "ROLLBACK", nullptr, nullptr, nullptr);
}

result<void> transaction::commit() {
  auto done = simple(*db_, "commit", "COMMIT");
  if (done)
    db_ = nullptr;
  return done;
}

} // namespace weir::sqlite
