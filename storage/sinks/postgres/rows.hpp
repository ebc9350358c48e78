// POSTGRES ROWS: records as rows of `records` in COPY's binary format. Pure.
//
// An id is unique in the database, and those of one journal rise: source << 46 | sequence, where
// `source` is the number of the journal's row in `cursors`. The first journal of a database is
// number 0, so the ids of a single node are its journal's sequences.
#pragma once

#include "proto/journal_frame.hpp"
#include "storage/sink/sink.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::postgres {

inline constexpr int source_shift = id_base_shift;
inline constexpr uint64_t sequence_max = (uint64_t{1} << source_shift) - 1;
inline constexpr uint64_t source_max = (uint64_t{1} << (63 - source_shift)) - 1;

/// One record on its way into a table. Points into its frame.
struct row {
  uint64_t id = 0;
  const frame_view* frame = nullptr;
  int64_t received_at_us = 0; ///< its day is the row's partition
  std::string_view body;
};

/// Why jsonb cannot hold `body`, or null: \u0000 and unpaired surrogates, which JSON allows.
/// What only the server knows (numbers with more digits than numeric has) is not looked for.
const char* unfit_for_jsonb(std::string_view body) noexcept;

inline constexpr const char* copy_records_sql =
  "COPY records (id, received_at, batch, stream, body) FROM STDIN (FORMAT binary)";

/// The whole stream of COPY for `rows`.
void encode_copy(std::string& into, std::span<const row> rows);

/// 32 hex digits with the hyphens of a uuid left out, which PostgreSQL accepts.
std::string uuid_of(const batch_key& key);
batch_key key_of_uuid(std::string_view text) noexcept; ///< hyphens are skipped

} // namespace weir::postgres
