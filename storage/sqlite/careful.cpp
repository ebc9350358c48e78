#include "storage/sqlite/careful.hpp"

namespace weir {

namespace {

constexpr const char* make_table_sql =
  "CREATE TABLE IF NOT EXISTS records_set_aside(id INTEGER NOT NULL, stream TEXT,"
  " received_at INTEGER, reason TEXT, body TEXT);"
  "CREATE INDEX IF NOT EXISTS records_set_aside_id ON records_set_aside(id)";

} // namespace

result<bool> has_set_aside(sqlite::connection& db) {
  return db
    .number("look for records set aside",
            "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
            " AND name = 'records_set_aside'")
    .map([](int64_t count) { return count != 0; });
}

result<void> careful_inserter::insert(std::span<const frame_view> frames) {
  for (;;) {
    auto stored = prepare().and_then([&] { return insert_all(frames); });
    if (!stored)
      return tl::unexpected(stored.error());
    if (*stored)
      return {};
  }
}

result<void> careful_inserter::prepare() {
  refused_in_row_ = began_in_row_;
  set_aside_ = 0;
  first_.clear();
  if (!db_.in_transaction())
    if (auto begun = db_.execute("begin a transaction", "BEGIN IMMEDIATE"); !begun)
      return begun;
  return prepare_into(place_, db_, "insert a record",
                      "INSERT INTO records(id, stream, received_at, body)"
                      " VALUES (?,?,?,?)");
}

/// False: a trigger rolled everything back, and what it refused is known now.
result<bool> careful_inserter::insert_all(std::span<const frame_view> frames) {
  for (const auto& frame : frames) {
    auto id = frame.first_sequence;
    for (const auto body : frame.records) {
      const record one{id++, frame, body};
      const auto known = known_.find(one.id);
      // What has rolled everything back once is not tried again.
      auto done =
        known != known_.end() ? keep_aside(one, known->second) : insert_one(one);
      if (!done)
        return tl::unexpected(done.error());
      if (!db_.in_transaction())
        return false;
    }
  }
  return true;
}

result<void> careful_inserter::insert_one(const record& one) {
  if (auto marked = db_.execute("set a savepoint", "SAVEPOINT one"); !marked)
    return marked;
  std::string reason;
  const auto placed = place(one, reason);
  if (!placed)
    return tl::unexpected(placed.error());
  if (*placed) {
    refused_in_row_ = 0;
    return db_.execute("leave a savepoint", "RELEASE one");
  }
  const bool about_a_value = db_.refused_a_value();
  // A trigger ended the transaction, and the savepoint with it: insert() begins anew.
  if (!db_.in_transaction()) {
    known_[one.id] = reason;
    return known_.size() > refused_max_
             ? fail(ec::io_failed,
                    db_.path() + ": a trigger rolls back whatever is stored: " + reason
                      + " (sink.refused_max)")
             : result<void>{};
  }
  return db_.execute("go back to a savepoint", "ROLLBACK TO one")
    .and_then([&] { return judge(one, reason, about_a_value); })
    .and_then([&] { return keep_aside(one, reason); })
    .and_then([&] { return db_.execute("leave a savepoint", "RELEASE one"); });
}

/// False: refused, for `reason`. Fails for what has nothing to do with the record.
result<bool> careful_inserter::place(const record& one, std::string& reason) {
  place_.bind(1, one.id);
  place_.bind_text(2, one.frame.stream);
  place_.bind(3, one.frame.received_at_us);
  place_.bind_text(4, one.body);
  const auto placed = place_.run();
  // RAISE(IGNORE) in a trigger leaves the row out without an error.
  if (placed) {
    reason = "a trigger on the table left it out";
    return place_.changes() == 1;
  }
  if (!db_.refused_for_good())
    return tl::unexpected(placed.error());
  reason = db_.last_words();
  return false;
}

/// Succeeds if the record is at fault; fails if the table is.
result<void> careful_inserter::judge(const record& one, const std::string& reason,
                                     bool about_a_value) {
  if (++refused_in_row_ <= refused_max_ && about_a_value)
    return {};
  const auto taken = takes_an_empty_record(one);
  if (!taken)
    return tl::unexpected(taken.error());
  if (!*taken)
    return fail(ec::io_failed, db_.path() + ": cannot store the records: " + reason
                                 + "; it refuses an empty record as well, so nothing is"
                                   " set aside (sink.refused_max)");
  refused_in_row_ = 0;
  return {};
}

result<bool> careful_inserter::takes_an_empty_record(const record& like) {
  std::string ignored;
  const auto taken = place({like.id, like.frame, "{}"}, ignored);
  if (!taken)
    return taken;
  return db_.execute("go back to a savepoint", "ROLLBACK TO one").map([&] {
    return *taken;
  });
}

result<void> careful_inserter::keep_aside(const record& one, const std::string& reason) {
  // Made anew in each transaction: a rollback takes the table away again.
  if (set_aside_++ == 0) {
    first_ = "record " + std::to_string(one.id) + " of stream "
             + std::string{one.frame.stream} + ": " + reason;
    auto ready =
      db_.execute("make the table of records set aside", make_table_sql).and_then([&] {
        return prepare_into(keep_, db_, "set a record aside",
                            "INSERT INTO records_set_aside VALUES"
                            " (?,?,?,?,?)");
      });
    if (!ready)
      return ready;
  }
  keep_.bind(1, one.id);
  keep_.bind_text(2, one.frame.stream);
  keep_.bind(3, one.frame.received_at_us);
  keep_.bind_text(4, reason);
  keep_.bind_text(5, one.body);
  return keep_.run();
}

} // namespace weir
