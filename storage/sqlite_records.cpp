#include "storage/sqlite_records.hpp"

#include "storage/key_walk.hpp"
#include "storage/sink_state.hpp"

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
  std::string many = "INSERT INTO records VALUES (?,?,?,?)";
  const auto one = many;
  for (int i = 1; i < rows_per_statement; ++i)
    many += ",(?,?,?,?)";
  auto first = db.prepare("insert records", many);
  if (!first)
    return tl::unexpected(first.error());
  auto second = db.prepare("insert a record", one);
  if (!second)
    return tl::unexpected(second.error());
  record_inserter made;
  made.many_ = std::move(*first);
  made.one_ = std::move(*second);
  return made;
}

void record_inserter::bind(sqlite::statement& to, int slot, const row& from) noexcept {
  const auto base = slot * 4;
  to.bind(base + 1, from.id);
  to.bind_text(base + 2, from.frame->stream);
  to.bind(base + 3, from.frame->received_at_us);
  to.bind_text(base + 4, from.body);
}

result<void> record_inserter::run_full() {
  for (int i = 0; i < held_; ++i)
    bind(many_, i, rows_[static_cast<size_t>(i)]);
  held_ = 0;
  return many_.run();
}

result<void> record_inserter::run_rest() {
  for (int i = 0; i < held_; ++i) {
    bind(one_, 0, rows_[static_cast<size_t>(i)]);
    if (auto inserted = one_.run(); !inserted)
      return inserted;
  }
  held_ = 0;
  return {};
}

result<void> record_inserter::insert(std::span<const frame_view> frames) {
  held_ = 0;
  for (const auto& frame : frames) {
    auto id = frame.first_sequence;
    for (const auto body : frame.records) {
      rows_[static_cast<size_t>(held_++)] = {id++, &frame, body};
      if (held_ == rows_per_statement)
        if (auto inserted = run_full(); !inserted)
          return inserted;
    }
  }
  return run_rest();
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
  query.reset();
  return {};
}

} // namespace

result<void> each_record(sqlite::connection& db, uint64_t after, uint64_t last,
                         const std::function<bool(const stored_record&)>& visit) {
  auto query =
    db.prepare("read records", "SELECT id, stream, received_at, body FROM records"
                               " WHERE id > ?1 AND id <= ?2 ORDER BY id");
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
    if (auto filled = fill(page, *query, after, last); !filled)
      return filled;
    if (page.empty() || !page.each(with_key))
      return outcome;
    after = page.last_id();
  }
}

} // namespace weir
