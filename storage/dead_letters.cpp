#include "storage/dead_letters.hpp"

#include "storage/sink/state.hpp"
#include "storage/sqlite/schema.hpp"
#include "storage/sqlite/sqlite.hpp"

#include <algorithm>
#include <filesystem>

namespace weir {

namespace {

using std::chrono::milliseconds;

/// How long to wait for a lock: replay marks letters beside the running server.
constexpr milliseconds busy_timeout{1000};

/// Application id "WeiD". cursor.last_sequence notes the largest id before letters are deleted on
/// demand, and the newest letter is never pruned: so ids only grow.
const sqlite::schema schema{
  0x57656944, 1, "dead letter store",
  "CREATE TABLE dead_letters(id INTEGER PRIMARY KEY, stream TEXT NOT NULL,"
  " received_at INTEGER NOT NULL, batch TEXT NOT NULL, record INTEGER NOT NULL,"
  " line INTEGER NOT NULL, code TEXT NOT NULL, pointer TEXT NOT NULL, detail TEXT NOT "
  "NULL,"
  " body BLOB NOT NULL, replayed_at INTEGER NOT NULL DEFAULT 0);"
  "CREATE TABLE cursor(one INTEGER PRIMARY KEY CHECK (one = 1), segment INTEGER NOT NULL,"
  " offset INTEGER NOT NULL, last_sequence INTEGER NOT NULL);"
  "INSERT INTO cursor VALUES (1, 0, 0, 0)"};

constexpr const char* columns =
  "id, stream, received_at, batch, record, line, code, pointer,"
  " detail, replayed_at";

dead_letter letter_of(const sqlite::statement& row) {
  const auto text = [&](int column) { return std::string{row.bytes(column)}; };
  return {row.natural(0),
          text(1),
          row.integer(2),
          text(3),
          static_cast<uint32_t>(row.integer(4)),
          row.natural(5),
          text(6),
          text(7),
          text(8),
          text(10),
          row.integer(9)};
}

/// About what one row costs to keep; asked before it is copied.
size_t bytes_of(const sqlite::statement& row) {
  return sizeof(dead_letter) + row.bytes(7).size() + row.bytes(8).size()
         + row.bytes(10).size();
}

class sqlite_dead_letters final : public dead_letter_store {
 public:
  explicit sqlite_dead_letters(const dead_letter_config& config, sqlite::access mode)
    : config_(config), mode_(mode) {}

  result<void> connect();

  journal_position cursor() const noexcept override { return cursor_; }
  result<void> commit(std::span<const frame_view> frames, journal_position next) override;
  result<std::vector<dead_letter>> list(const dead_letter_query& query) override;
  result<std::optional<dead_letter>> get(uint64_t id) override;
  result<void> mark_replayed(uint64_t id, int64_t at_us) override;
  result<uint64_t> remove(const dead_letter_choice& which) override;
  result<uint64_t> count() override;

 private:
  result<void> usable();
  result<void> writable();
  result<void> store(std::span<const frame_view> frames, journal_position next);
  result<void> insert(const frame_view& frame, sqlite::statement& into);
  result<void> count_again();
  result<uint64_t> remove_some(uint64_t id, const dead_letter_choice& which);
  result<void> prune();
  result<void> move_cursor(journal_position next);

  const dead_letter_config config_;
  const sqlite::access mode_;
  std::optional<sqlite::connection> db_;
  journal_position cursor_;
  uint64_t next_id_ = 1;
  uint64_t count_ = 0;        ///< valid while data_version is the same
  int64_t data_version_ = -1; ///< changes when another connection commits
};

result<void> sqlite_dead_letters::connect() {
  const bool writes = mode_ == sqlite::access::read_write;
  auto db = writes ? sqlite::open_ours(config_.path, schema, busy_timeout)
                   : sqlite::connection::open(config_.path, mode_, busy_timeout);
  if (!db)
    return tl::unexpected(db.error());
  if (!writes)
    if (auto ours = check(*db, schema); !ours)
      return ours;
  // As in database_sink: what a killed process left is synced before its cursor is
  // believed.
  if (writes)
    if (auto settled = db->checkpoint(); !settled)
      return tl::unexpected(settled.error());
  const auto cursor = read_cursor(*db);
  if (!cursor)
    return tl::unexpected(cursor.error());
  const auto last = db->number("read the last id", "SELECT max(id) FROM dead_letters");
  if (!last)
    return tl::unexpected(last.error());
  cursor_ = cursor->position;
  next_id_ = std::max(static_cast<uint64_t>(*last), cursor->last_sequence) + 1;
  data_version_ = -1;
  db_.emplace(std::move(*db));
  return {};
}

/// Opens anew a store that was deleted or replaced while open. The letters in it are gone because
/// an operator wanted that, so the next ones go on where we are.
result<void> sqlite_dead_letters::usable() {
  if (db_ && (mode_ == sqlite::access::read_only || !db_->moved()))
    return {};
  const auto was = cursor_;
  db_.reset();
  auto connected = connect();
  cursor_ = std::max(cursor_, was);
  return connected;
}

result<void> sqlite_dead_letters::writable() {
  if (mode_ == sqlite::access::read_only)
    return fail(ec::io_failed, config_.path + ": is open for reading only");
  return usable();
}

result<void> sqlite_dead_letters::insert(const frame_view& frame,
                                         sqlite::statement& into) {
  const auto batch = to_hex(frame.key);
  count_ += frame.dead_letters.size();
  for (const auto& letter : frame.dead_letters) {
    into.bind(1, next_id_++);
    into.bind_text(2, frame.stream);
    into.bind(3, frame.received_at_us);
    into.bind_text(4, batch);
    into.bind(5, uint64_t{letter.record} + 1); // from 1, as in the answer to the client
    into.bind(6, letter.line + 1);
    into.bind_text(7, to_string(letter.code));
    into.bind_text(8, letter.pointer);
    into.bind_text(9, letter.detail);
    into.bind_blob(10, letter.body);
    if (auto inserted = into.run(); !inserted)
      return inserted;
  }
  return {};
}

/// Counts anew if another connection has changed the database: others delete letters, too.
result<void> sqlite_dead_letters::count_again() {
  const auto version = db_->number("look for changes", "PRAGMA data_version");
  if (!version)
    return tl::unexpected(version.error());
  if (*version == data_version_)
    return {};
  const auto counted =
    db_->number("count dead letters", "SELECT count(*) FROM dead_letters");
  if (!counted)
    return tl::unexpected(counted.error());
  data_version_ = *version;
  count_ = static_cast<uint64_t>(*counted);
  return {};
}

/// The oldest letters are at the table's front.
result<void> sqlite_dead_letters::prune() {
  const auto keep = std::max<uint64_t>(config_.letters_max, 1);
  if (count_ <= keep)
    return {};
  auto forget = db_->prepare("prune the oldest",
                             "DELETE FROM dead_letters WHERE id IN"
                             " (SELECT id FROM dead_letters ORDER BY id LIMIT ?1)");
  if (!forget)
    return tl::unexpected(forget.error());
  forget->bind(1, count_ - keep);
  count_ = keep;
  return forget->run();
}

result<void> sqlite_dead_letters::move_cursor(journal_position next) {
  auto move =
    db_->prepare("write the cursor", "UPDATE cursor SET segment = ?1, offset = ?2");
  if (!move)
    return tl::unexpected(move.error());
  move->bind(1, next.segment);
  move->bind(2, next.offset);
  return move->run();
}

result<void> sqlite_dead_letters::store(std::span<const frame_view> frames,
                                        journal_position next) {
  auto work = sqlite::transaction::begin(*db_);
  if (!work)
    return tl::unexpected(work.error());
  if (auto counted = count_again(); !counted)
    return counted;
  auto into =
    db_->prepare("insert dead letters",
                 "INSERT INTO dead_letters(id, stream, received_at, batch, record, line,"
                 " code, pointer, detail, body) VALUES (?,?,?,?,?,?,?,?,?,?)");
  if (!into)
    return tl::unexpected(into.error());
  // A frame that the cursor has passed comes again: its letters are here.
  for (const auto& frame : frames)
    if (frame.next > cursor_)
      if (auto inserted = insert(frame, *into); !inserted)
        return inserted;
  return prune().and_then([&] { return move_cursor(next); }).and_then([&] {
    return work->commit();
  });
}

result<void> sqlite_dead_letters::commit(std::span<const frame_view> frames,
                                         journal_position next) {
  if (auto ready = writable(); !ready)
    return ready;
  if (next <= cursor_)
    return {};
  auto stored = store(frames, next);
  if (stored)
    cursor_ = next;
  else
    db_.reset(); // one way back, whatever went wrong: the next call opens anew
  return stored;
}

result<std::vector<dead_letter>>
sqlite_dead_letters::list(const dead_letter_query& query) {
  if (auto ready = usable(); !ready)
    return tl::unexpected(ready.error());
  auto select =
    db_->prepare("list dead letters",
                 std::string{"SELECT "} + columns + (query.bodies ? ", body" : ", ''")
                   + " FROM dead_letters WHERE id > ?1 AND (?2 = '' OR stream = ?2)"
                     " ORDER BY id LIMIT ?3");
  if (!select)
    return tl::unexpected(select.error());
  select->bind(1, query.after);
  select->bind_text(2, query.stream);
  select->bind(3, uint64_t{std::clamp<size_t>(query.limit, 1, 10'000)});
  std::vector<dead_letter> all;
  size_t bytes = 0;
  for (;;) {
    const auto row = select->step();
    if (!row)
      return tl::unexpected(row.error());
    if (!*row)
      return all;
    bytes += bytes_of(*select);
    // One letter, however large, is always there: else the list could not go on.
    if (!all.empty() && bytes > query.bytes_max)
      return all;
    all.push_back(letter_of(*select));
  }
}

result<std::optional<dead_letter>> sqlite_dead_letters::get(uint64_t id) {
  if (auto ready = usable(); !ready)
    return tl::unexpected(ready.error());
  auto select =
    db_->prepare("read a dead letter", std::string{"SELECT "} + columns
                                         + ", body FROM dead_letters WHERE id = ?1");
  if (!select)
    return tl::unexpected(select.error());
  select->bind(1, id);
  const auto row = select->step();
  if (!row)
    return tl::unexpected(row.error());
  return *row ? std::optional{letter_of(*select)} : std::nullopt;
}

result<void> sqlite_dead_letters::mark_replayed(uint64_t id, int64_t at_us) {
  if (auto ready = writable(); !ready)
    return ready;
  auto mark =
    db_->prepare("mark a letter replayed",
                 "UPDATE dead_letters SET replayed_at = ?2 WHERE id = ?1 RETURNING id");
  if (!mark)
    return tl::unexpected(mark.error());
  mark->bind(1, id);
  mark->bind(2, at_us);
  // RETURNING gives a row only if the letter is still there.
  const auto row = mark->step();
  if (!row)
    return tl::unexpected(row.error());
  if (!*row)
    return fail(ec::io_failed, config_.path + ": has no dead letter " + std::to_string(id)
                                 + " (any more)");
  return mark->run();
}

/// Deletes in short transactions: the running server waits for a lock a second at most.
result<uint64_t> sqlite_dead_letters::remove(const dead_letter_choice& which) {
  if (auto ready = writable(); !ready)
    return tl::unexpected(ready.error());
  uint64_t removed = 0;
  if (which.ids.empty())
    // Up to a thousand at a time, until a round finds none.
    for (uint64_t some = 1; some != 0; removed += some) {
      const auto done = remove_some(0, which);
      if (!done)
        return done;
      some = *done;
    }
  for (const auto id : which.ids) {
    const auto done = remove_some(id, which);
    if (!done)
      return done;
    removed += *done;
  }
  return removed;
}

/// Deletes the letter `id`; 0: up to a thousand of those that are meant.
result<uint64_t> sqlite_dead_letters::remove_some(uint64_t id,
                                                  const dead_letter_choice& which) {
  auto work = sqlite::transaction::begin(*db_);
  if (!work)
    return tl::unexpected(work.error());
  auto note = db_->execute("note the largest id",
                           "UPDATE cursor SET last_sequence = max(last_sequence,"
                           " (SELECT coalesce(max(id), 0) FROM dead_letters))");
  if (!note)
    return tl::unexpected(note.error());
  auto forget = db_->prepare(
    "delete dead letters", "DELETE FROM dead_letters WHERE id IN (SELECT id FROM"
                           " dead_letters WHERE (?1 = 0 OR id = ?1) AND (?2 = '' OR"
                           " stream = ?2) AND (?3 = 0 OR received_at < ?3) LIMIT 1000)");
  if (!forget)
    return tl::unexpected(forget.error());
  forget->bind(1, id);
  forget->bind_text(2, which.stream);
  forget->bind(3, which.before_us);
  if (auto gone = forget->run(); !gone)
    return tl::unexpected(gone.error());
  const auto removed = static_cast<uint64_t>(forget->changes());
  data_version_ = -1; // it does not change for this connection's own commits
  return work->commit().map([&] { return removed; });
}

result<uint64_t> sqlite_dead_letters::count() {
  if (auto ready = usable(); !ready)
    return tl::unexpected(ready.error());
  return count_again().map([&] { return count_; });
}

result<std::unique_ptr<dead_letter_store>> open_store(const dead_letter_config& config,
                                                      sqlite::access mode) {
  auto made = std::make_unique<sqlite_dead_letters>(config, mode);
  if (auto connected = made->connect(); !connected)
    return tl::unexpected(connected.error());
  return made;
}

/// True if the file is missing, or nothing was made in it yet.
result<bool> nothing_there(const std::string& path) {
  std::error_code unknown;
  if (!std::filesystem::exists(path, unknown) && !unknown)
    return true;
  auto db = sqlite::connection::open(path, sqlite::access::read_only, busy_timeout);
  if (!db)
    return tl::unexpected(db.error());
  return inspect(*db, schema).map([](sqlite::found what) {
    return what == sqlite::found::empty;
  });
}

} // namespace

result<std::unique_ptr<dead_letter_store>>
dead_letter_store::open_if_there(const dead_letter_config& config) {
  const auto nothing = nothing_there(config.path);
  if (!nothing)
    return tl::unexpected(nothing.error());
  if (*nothing)
    return std::unique_ptr<dead_letter_store>{};
  return open_store(config, sqlite::access::read_only);
}

result<std::unique_ptr<dead_letter_store>>
dead_letter_store::open(const dead_letter_config& config) {
  return open_store(config, sqlite::access::read_write);
}

result<void> dead_letter_store::look(const dead_letter_config& config) {
  return sqlite::look(config.path, schema);
}

result<std::unique_ptr<dead_letter_store>>
dead_letter_store::open_read_only(const dead_letter_config& config) {
  return open_store(config, sqlite::access::read_only);
}

} // namespace weir
