#include "storage/sinks/sqlite/records.hpp"

#include "storage/sink/key_walk.hpp"
#include "storage/sink/state.hpp"
#include "storage/sqlite/careful.hpp"

namespace weir {

const sqlite::schema& sqlite_sink_schema() {
  static const auto tables =
    std::string{"CREATE TABLE records(id INTEGER PRIMARY KEY, stream TEXT,"
                " received_at INTEGER, body TEXT);"}
    + sink_state_tables;
  static const sqlite::schema wanted{0x57656953, 1, "sink database", tables.c_str()};
  return wanted;
}

result<record_inserter> record_inserter::open(sqlite::connection& db) {
  // Without an id in them, sqlite appends at the table's end.
  const std::string one = "INSERT INTO records(stream, received_at, body) VALUES (?,?,?)";
  auto many = one;
  for (int i = 1; i < rows_per_statement; ++i)
    many += ",(?,?,?)";
  record_inserter made;
  return prepare_into(made.place_, db, "insert a record",
                      "INSERT INTO records(stream, received_at, body, id)"
                      " VALUES (?,?,?,?)")
    .and_then([&] { return prepare_into(made.many_, db, "insert records", many); })
    .and_then([&] { return prepare_into(made.one_, db, "insert a record", one); })
    .and_then([&] {
      return prepare_into(made.largest_, db, "find the end of the records",
                          "SELECT max(id) FROM records");
    })
    .map([&] { return std::move(made); });
}

void record_inserter::bind(sqlite::statement& to, int first, const frame_view& frame,
                           std::string_view body) noexcept {
  to.bind_text(first, frame.stream);
  to.bind(first + 1, frame.received_at_us);
  to.bind_text(first + 2, body);
}

result<void> record_inserter::take(uint64_t id, const frame_view& frame,
                                   std::string_view body) {
  if (id != next_)
    return place(id, frame, body);
  ++next_;
  rows_[static_cast<size_t>(held_++)] = {&frame, body};
  return held_ == rows_per_statement ? run_full() : result<void>{};
}

/// Inserts a record under its id. If the table has larger ids already, so do all that follow.
result<void> record_inserter::place(uint64_t id, const frame_view& frame,
                                    std::string_view body) {
  if (auto before = expect_last(); !before)
    return before;
  bind(place_, 1, frame, body);
  place_.bind(4, id);
  if (auto placed = place_.run(); !placed)
    return placed;
  left_out_ = place_.changes() != 1;
  if (left_out_)
    return fail(ec::io_failed, "a trigger on the table of records leaves record "
                                 + std::to_string(id) + " out");
  return largest_id().map([&](uint64_t largest) { next_ = largest == id ? id + 1 : 0; });
}

result<uint64_t> record_inserter::largest_id() {
  const auto found = largest_.step();
  if (!found)
    return tl::unexpected(found.error());
  const auto largest = *found ? largest_.natural(0) : 0;
  largest_.reset();
  return largest;
}

/// Stores what is held, and fails unless it got the ids it should have.
result<void> record_inserter::expect_last() {
  if (next_ == 0)
    return {};
  if (auto stored = run_rest(); !stored)
    return stored;
  const auto largest = largest_id();
  if (!largest)
    return tl::unexpected(largest.error());
  // sqlite chose the ids: rows that a trigger adds or leaves out would shift them.
  left_out_ = *largest + 1 != next_;
  if (left_out_)
    return fail(ec::io_failed, "sqlite gave record " + std::to_string(next_ - 1)
                                 + " the id " + std::to_string(*largest)
                                 + ": is there a trigger on the table?");
  return {};
}

result<void> record_inserter::run_full() {
  for (int i = 0; i < held_; ++i)
    bind(many_, 3 * i + 1, *rows_[static_cast<size_t>(i)].frame,
         rows_[static_cast<size_t>(i)].body);
  held_ = 0;
  return many_.run();
}

result<void> record_inserter::run_rest() {
  for (int i = 0; i < held_; ++i) {
    bind(one_, 1, *rows_[static_cast<size_t>(i)].frame,
         rows_[static_cast<size_t>(i)].body);
    if (auto inserted = one_.run(); !inserted)
      return inserted;
  }
  held_ = 0;
  return {};
}

result<void> record_inserter::insert(std::span<const frame_view> frames) {
  held_ = 0;
  left_out_ = false;
  next_ = 0; // others may write between transactions
  for (const auto& frame : frames) {
    auto id = frame.first_sequence;
    for (const auto body : frame.records)
      if (auto taken = take(id++, frame, body); !taken)
        return taken;
  }
  return expect_last();
}

namespace {

/// One page of rows, copied out of the database.
class record_page {
 public:
  static constexpr size_t rows_max = 1024;
  static constexpr size_t bytes_max = size_t{1} << 20; ///< passed by at most one row

  bool full() const noexcept {
    return rows_.size() >= rows_max || text_.size() >= bytes_max;
  }
  bool empty() const noexcept { return rows_.empty(); }
  uint64_t last_id() const noexcept { return rows_.back().id; }
  void clear() noexcept {
    rows_.clear();
    text_.clear();
  }
  void take(const sqlite::statement& from) {
    const auto stream = from.bytes(1);
    const auto body = from.bytes(3);
    rows_.push_back(
      {from.natural(0), from.integer(2), text_.size(), stream.size(), body.size()});
    text_.append(stream).append(body);
  }
  template <class Visit>
  bool each(const Visit& visit) const {
    for (const auto& r : rows_) {
      const auto text = std::string_view{text_}.substr(r.at, r.stream + r.body);
      if (!visit(stored_record{r.id, text.substr(0, r.stream), r.received_at,
                               text.substr(r.stream), std::nullopt}))
        return false;
    }
    return true;
  }

 private:
  struct row {
    uint64_t id;
    int64_t received_at;
    size_t at, stream, body;
  };
  std::vector<row> rows_;
  std::string text_;
};

result<void> fill(record_page& page, sqlite::statement& query, uint64_t after,
                  uint64_t last) {
  page.clear();
  query.bind(1, after);
  query.bind(2, last);
  while (!page.full()) {
    const auto row = query.step();
    if (!row)
      return tl::unexpected(row.error());
    if (!*row)
      return {};
    page.take(query);
  }
  // A statement that is not reset would keep its read transaction.
  query.reset();
  return {};
}

} // namespace

result<void> each_record(sqlite::connection& db, uint64_t after, uint64_t last,
                         const std::function<bool(const stored_record&)>& visit) {
  const auto aside = has_set_aside(db);
  if (!aside)
    return tl::unexpected(aside.error());
  const std::string from = "SELECT id, stream, received_at, body FROM records";
  const std::string range = " WHERE id > ?1 AND id <= ?2";
  auto query =
    db.prepare("read records",
               from + range + (*aside ? " UNION ALL " + from + "_set_aside" + range : "")
                 + " ORDER BY id");
  if (!query)
    return tl::unexpected(query.error());
  auto keys = key_walk::open(db);
  if (!keys)
    return tl::unexpected(keys.error());
  result<void> outcome;
  const auto with_key = [&](stored_record record) {
    auto key = keys->of(record.id);
    if (!key)
      outcome = tl::unexpected(key.error());
    else
      record.batch = *key;
    return key && visit(record);
  };
  for (record_page page;;) {
    // The page's transaction is over before anybody is visited.
    if (auto filled = fill(page, *query, after, last); !filled)
      return filled;
    if (page.empty() || !page.each(with_key))
      return outcome;
    after = page.last_id();
  }
}

} // namespace weir
