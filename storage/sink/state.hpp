// SINK STATE: what every sink commits together with its data: how far it has come, and
// the keys of keyed requests. Two tables in the sink's own database, or in a small one
// beside its files.
#pragma once

#include "base/clock.hpp"
#include "storage/journal/key_ages.hpp"
#include "storage/sink/sink.hpp"
#include "storage/sqlite/sqlite.hpp"

namespace weir {

/// The two tables; part of a schema. `accepted` has above its 32nd bit how many rows more than
/// that there are, as the step `split` stores several of a record.
inline constexpr const char* sink_state_tables =
  "CREATE TABLE cursor(one INTEGER PRIMARY KEY CHECK (one = 1), segment INTEGER NOT NULL,"
  " offset INTEGER NOT NULL, last_sequence INTEGER NOT NULL);"
  "INSERT INTO cursor VALUES (1, 0, 0, 0);"
  "CREATE TABLE batch_keys(number INTEGER PRIMARY KEY, key BLOB NOT NULL,"
  " fingerprint INTEGER NOT NULL, accepted INTEGER NOT NULL, rejected INTEGER NOT NULL,"
  " quarantined INTEGER NOT NULL, dropped INTEGER NOT NULL, last_sequence INTEGER NOT "
  "NULL,"
  " received_at INTEGER NOT NULL)";

result<sink_cursor> read_cursor(sqlite::connection& db);

/// Frames that a sink at `cursor` has not stored yet. Replays are a prefix: frames are
/// ordered. Records are recognised by their sequence, which outlives a journal that was
/// started afresh; frames without records by their position.
std::span<const frame_view> drop_replayed(std::span<const frame_view> frames,
                                          const sink_cursor& cursor) noexcept;

/// The cursor behind `frames` and at `next`.
sink_cursor cursor_behind(std::span<const frame_view> frames, journal_position next,
                          const sink_cursor& before) noexcept;

/// Dropped and made anew with its connection after any failure, so it never holds a
/// figure that was rolled back. One thread, as its connection, which must outlive it.
class sink_state {
 public:
  static result<sink_state> open(sqlite::connection& db, const sink_config& config,
                                 const clock_source& clock);

  const sink_cursor& cursor() const noexcept { return cursor_; }

  /// Inside the caller's transaction: keeps the keys of keyed frames, forgets the ones
  /// too many or too old, moves the cursor.
  result<void> advance(std::span<const frame_view> frames, const sink_cursor& to);

  /// Oldest first; at most keys_max, and none known for longer than keys_age_max.
  result<std::vector<remembered_key>> keys();

 private:
  sink_state(const sink_config& config, const clock_source& clock)
    : clock_(&clock), keys_max_(config.keys_max), ages_(config.keys_age_max) {}
  result<void> remember(const frame_view& frame);
  result<void> forget(uint64_t added);
  uint64_t needless();

  const clock_source* clock_;
  uint64_t keys_max_;
  key_ages ages_;
  sink_cursor cursor_;
  uint64_t first_key_ = 1; ///< numbers of the kept keys: [first_key_, next_key_)
  uint64_t next_key_ = 1;
  sqlite::statement write_cursor_;
  sqlite::statement insert_key_;
  sqlite::statement delete_keys_;
  sqlite::statement list_keys_;
};

/// 16 bytes, big-endian, so that hex(key) in SQL is the batch id.
std::array<char, 16> encode_key(const batch_key& key) noexcept;
batch_key decode_key(std::string_view bytes) noexcept;

} // namespace weir
