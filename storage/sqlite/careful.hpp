// SQLITE CAREFUL: what becomes of a transaction in which sqlite refused a record.
//
// The table is the operator's as much as ours: an index on `body ->> '$.id'`, a trigger or a CHECK
// may refuse one record among thousands, for ever. Such a transaction is done again record by
// record, and the refused ones go to the table records_set_aside, as they came and with sqlite's
// words, in the same transaction. The table is made when the first one comes.
//
// A table that refuses everything is not a million bad records. A refusal that is not about a
// value, and one more than `refused_max` in a row, is tried on an empty record: when that is
// refused too, nothing is set aside and the whole fails.
#pragma once

#include "base/result.hpp"
#include "proto/journal_frame.hpp"
#include "storage/sqlite/sqlite.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace weir {

class careful_inserter {
 public:
  /// `refused_in_row`: refusals so far since a record was stored.
  careful_inserter(sqlite::connection& db, uint64_t refused_max, uint64_t refused_in_row)
    : db_(db), refused_max_(refused_max), began_in_row_(refused_in_row) {}

  /// Inside a transaction, which a trigger may end: then another is begun.
  result<void> insert(std::span<const frame_view> frames);

  uint64_t set_aside() const noexcept { return set_aside_; }
  uint64_t refused_in_row() const noexcept { return refused_in_row_; }
  /// Which record was set aside first, and why.
  const std::string& first() const noexcept { return first_; }

 private:
  struct record {
    uint64_t id;
    const frame_view& frame;
    std::string_view body;
  };
  result<void> prepare();
  result<bool> insert_all(std::span<const frame_view> frames);
  result<void> insert_one(const record& one);
  result<bool> place(const record& one, std::string& reason);
  result<void> judge(const record& one, const std::string& reason, bool about_a_value);
  result<bool> takes_an_empty_record(const record& like);
  result<void> keep_aside(const record& one, const std::string& reason);

  sqlite::connection& db_;
  const uint64_t refused_max_;
  const uint64_t began_in_row_;
  uint64_t refused_in_row_ = 0;
  uint64_t set_aside_ = 0;
  std::string first_;
  std::map<uint64_t, std::string> known_; ///< refusals that rolled the transaction back
  sqlite::statement place_;
  sqlite::statement keep_;
};

/// True if there is a table of records that were set aside.
result<bool> has_set_aside(sqlite::connection& db);

} // namespace weir
