// The table of records: its SQL, the insertion of many rows, the reading in pages.
#pragma once

#include "storage/sink/sink.hpp"
#include "storage/sqlite/schema.hpp"
#include "storage/sqlite/sqlite.hpp"

namespace weir {

/// Application id "WeiS", version 1: records, cursor, batch_keys.
const sqlite::schema& sqlite_sink_schema();

/// Inserts records with statements of many rows: parsing and locking cost once per 64
/// rows. Only the first record of a run is given its id; the next ones get theirs from
/// sqlite, one above the largest in the table. An id that is given is looked for in the
/// b-tree, which costs the more the more is stored; the table's end is found at once.
class record_inserter {
 public:
  /// Times 3 parameters: far below sqlite's 32,766.
  static constexpr int rows_per_statement = 64;
  static result<record_inserter> open(sqlite::connection& db);

  /// Inside the caller's transaction. Binds the frames' own bytes; nothing is copied.
  result<void> insert(std::span<const frame_view> frames);
  /// The last insert failed for rows that are not there: a trigger left them out.
  bool left_out() const noexcept { return left_out_; }

 private:
  record_inserter() = default;
  result<void> take(uint64_t id, const frame_view& frame, std::string_view body);
  result<void> place(uint64_t id, const frame_view& frame, std::string_view body);
  result<void> run_full();
  result<void> run_rest();
  result<void> expect_last();
  result<uint64_t> largest_id();

  struct row {
    const frame_view* frame = nullptr;
    std::string_view body;
  };
  static void bind(sqlite::statement& to, int first, const frame_view& frame,
                   std::string_view body) noexcept;

  sqlite::statement place_; ///< with an id
  sqlite::statement many_;
  sqlite::statement one_;
  sqlite::statement largest_;
  std::array<row, rows_per_statement> rows_{};
  int held_ = 0;
  bool left_out_ = false;
  uint64_t next_ = 0; ///< the id that sqlite would give; 0: not the one wanted
};

/// Visits rows, also those set aside, with `after` < id <= `last` in pages. Each is read in a
/// short transaction of its own and visited after that has ended: a slow visitor holds neither a
/// lock nor the log.
result<void> each_record(sqlite::connection& db, uint64_t after, uint64_t last,
                         const std::function<bool(const stored_record&)>& visit);

} // namespace weir
