// KEY WALK: tells, for records visited in order, the batch key of the request they came
// with, as long as the sink remembers it. Keys and records are in the same order, so one
// step of a statement per key is enough and nothing is held in memory.
#pragma once

#include "proto/batch.hpp"
#include "storage/sqlite/sqlite.hpp"

#include <optional>

namespace weir {

class key_walk {
 public:
  static result<key_walk> open(sqlite::connection& db);
  /// Ids must not fall from call to call.
  result<std::optional<batch_key>> of(uint64_t id);

 private:
  result<void> go_on(uint64_t id);

  sqlite::statement next_;
  uint64_t number_ = 0;           ///< the number of the key held
  uint64_t first_ = 1, last_ = 0; ///< the records it covers
  batch_key key_;
  bool ended_ = false;
};

} // namespace weir
