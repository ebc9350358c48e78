#include "storage/sink/state.hpp"

#include <algorithm>

namespace weir {

std::array<char, 16> encode_key(const batch_key& key) noexcept {
  std::array<char, 16> bytes{};
  for (size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<char>(key.high >> (56 - 8 * i));
    bytes[8 + i] = static_cast<char>(key.low >> (56 - 8 * i));
  }
  return bytes;
}

batch_key decode_key(std::string_view bytes) noexcept {
  batch_key key;
  for (size_t i = 0; i < std::min<size_t>(bytes.size(), 16); ++i) {
    auto& half = i < 8 ? key.high : key.low;
    half = half << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return key;
}

result<sink_cursor> read_cursor(sqlite::connection& db) {
  auto query =
    db.prepare("read the cursor", "SELECT segment, offset, last_sequence FROM cursor");
  if (!query)
    return tl::unexpected(query.error());
  const auto row = query->step();
  if (!row)
    return tl::unexpected(row.error());
  if (!*row)
    return fail(ec::io_failed, db.path()
                                 + ": the cursor's row is missing; restore the database"
                                   " from a backup or move it away");
  return sink_cursor{{query->natural(0), query->natural(1)}, query->natural(2)};
}

std::span<const frame_view> drop_replayed(std::span<const frame_view> frames,
                                          const sink_cursor& cursor) noexcept {
  const auto stored = [&](const frame_view& frame) {
    if (frame.records.empty())
      return frame.next <= cursor.position;
    return frame.first_sequence + frame.records.size() - 1 <= cursor.last_sequence;
  };
  while (!frames.empty() && stored(frames.front()))
    frames = frames.subspan(1);
  return frames;
}

sink_cursor cursor_behind(std::span<const frame_view> frames, journal_position next,
                          const sink_cursor& before) noexcept {
  sink_cursor to{next, before.last_sequence};
  for (const auto& frame : frames)
    if (!frame.records.empty())
      to.last_sequence = frame.first_sequence + frame.records.size() - 1;
  return to;
}

namespace {

constexpr const char* insert_key_sql =
  "INSERT INTO batch_keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
constexpr const char* list_keys_sql =
  "SELECT key, fingerprint, accepted & 0xffffffff, rejected, quarantined, dropped, "
  "last_sequence, "
  "received_at"
  " FROM batch_keys WHERE number >= ?1 ORDER BY number";

} // namespace

result<sink_state> sink_state::open(sqlite::connection& db, const sink_config& config,
                                    const clock_source& clock) {
  sink_state state{config, clock};
  const auto cursor = read_cursor(db);
  if (!cursor)
    return tl::unexpected(cursor.error());
  state.cursor_ = *cursor;
  const auto first = db.number("read the keys", "SELECT min(number) FROM batch_keys");
  const auto last = db.number("read the keys", "SELECT max(number) FROM batch_keys");
  if (!first || !last)
    return tl::unexpected(first ? last.error() : first.error());
  state.next_key_ = static_cast<uint64_t>(*last) + 1;
  state.first_key_ = *first == 0 ? state.next_key_ : static_cast<uint64_t>(*first);
  state.ages_.learned(state.next_key_, clock.now());
  auto ready =
    prepare_into(state.write_cursor_, db, "write the cursor",
                 "UPDATE cursor SET segment = ?1, offset = ?2, last_sequence = ?3")
      .and_then(
        [&] { return prepare_into(state.insert_key_, db, "keep a key", insert_key_sql); })
      .and_then([&] {
        return prepare_into(state.delete_keys_, db, "forget old keys",
                            "DELETE FROM batch_keys WHERE number < ?1");
      })
      .and_then([&] {
        return prepare_into(state.list_keys_, db, "list the keys", list_keys_sql);
      });
  if (!ready)
    return tl::unexpected(ready.error());
  return state;
}

result<void> sink_state::remember(const frame_view& frame) {
  const auto key = encode_key(frame.key);
  const auto rows = frame.records.size();
  insert_key_.bind(1, next_key_);
  insert_key_.bind_blob(2, {key.data(), key.size()});
  insert_key_.bind(3, frame.fingerprint);
  insert_key_.bind(4, frame.accepted() | uint64_t{frame.further_parts} << 32);
  insert_key_.bind(5, uint64_t{frame.rejected});
  insert_key_.bind(6, uint64_t{frame.quarantined});
  insert_key_.bind(7, uint64_t{frame.dropped});
  insert_key_.bind(8, rows == 0 ? uint64_t{0} : frame.first_sequence + rows - 1);
  insert_key_.bind(9, frame.received_at_us);
  ++next_key_;
  return insert_key_.run();
}

/// The keys below are too many or too old.
uint64_t sink_state::needless() {
  const auto too_many = next_key_ > keys_max_ ? next_key_ - keys_max_ : 0;
  return std::max({first_key_, too_many, ages_.too_old(clock_->now())});
}

// Takes no more of the old keys than twice the keys that came plus a few, so a commit stays
// cheap and the pruning still keeps up; deletes from the table's front, where neighbours share
// pages.
result<void> sink_state::forget(uint64_t added) {
  const auto held = next_key_ - first_key_;
  const auto at_least = held > keys_max_ ? next_key_ - keys_max_ : first_key_;
  const auto keep_from = std::min(needless(), at_least + 2 * added + 256);
  if (keep_from == first_key_)
    return {};
  first_key_ = keep_from;
  delete_keys_.bind(1, keep_from);
  return delete_keys_.run();
}

result<void> sink_state::advance(std::span<const frame_view> frames,
                                 const sink_cursor& to) {
  const auto before = next_key_;
  for (const auto& frame : frames)
    if (frame.keyed)
      if (auto kept = remember(frame); !kept)
        return kept;
  if (next_key_ != first_key_)
    if (auto forgotten = forget(next_key_ - before); !forgotten)
      return forgotten;
  ages_.learned(next_key_, clock_->now());
  cursor_ = to;
  write_cursor_.bind(1, to.position.segment);
  write_cursor_.bind(2, to.position.offset);
  write_cursor_.bind(3, to.last_sequence);
  return write_cursor_.run();
}

result<std::vector<remembered_key>> sink_state::keys() {
  std::vector<remembered_key> all;
  all.reserve(std::min(next_key_ - first_key_, keys_max_));
  list_keys_.bind(1, needless());
  for (;;) {
    const auto row = list_keys_.step();
    if (!row)
      return tl::unexpected(row.error());
    if (!*row)
      return all;
    auto& q = list_keys_;
    const auto count = [&q](int column) {
      return static_cast<uint32_t>(q.integer(column));
    };
    all.push_back({{{count(3), count(4), count(5)}, count(2)},
                   decode_key(q.bytes(0)),
                   q.natural(1),
                   q.natural(6),
                   q.integer(7)});
  }
}

} // namespace weir
