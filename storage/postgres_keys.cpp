#include "storage/postgres_keys.hpp"

#include "storage/postgres_rows.hpp"

#include <algorithm>
#include <set>

namespace weir::postgres {

namespace {

constexpr const char* microseconds_sql =
  "(extract(epoch FROM received_at) * 1000000)::bigint";

/// The columns of batch_keys as arrays, one item a frame.
class key_columns {
 public:
  void add(const frame_view& frame) {
    const auto accepted = frame.records.size();
    const uint64_t last = accepted == 0 ? 0 : frame.first_sequence + accepted - 1;
    key_.push_back(uuid_of(frame.key));
    received_at_.push_back('"' + timestamp(frame.received_at_us) + '"');
    last_.push_back(std::to_string(last));
    fingerprint_.push_back(std::to_string(static_cast<int64_t>(frame.fingerprint)));
    accepted_.push_back(std::to_string(accepted));
    rejected_.push_back(std::to_string(frame.rejected));
    quarantined_.push_back(std::to_string(frame.quarantined));
    dropped_.push_back(std::to_string(frame.dropped));
    keyed_.emplace_back(frame.keyed ? "t" : "f");
  }
  parameters as_parameters(uint64_t source) const {
    return {std::to_string(source), array_of(key_),         array_of(received_at_),
            array_of(last_),        array_of(fingerprint_), array_of(accepted_),
            array_of(rejected_),    array_of(quarantined_), array_of(dropped_),
            array_of(keyed_)};
  }

 private:
  std::vector<std::string> key_, received_at_, last_, fingerprint_, accepted_, rejected_,
    quarantined_, dropped_, keyed_;
};

constexpr const char* insert_keys_sql =
  "INSERT INTO batch_keys (source, key, received_at, last_sequence, fingerprint, "
  "accepted,"
  " rejected, quarantined, dropped, keyed)"
  " SELECT $1::integer, * FROM unnest($2::uuid[], $3::timestamptz[], $4::bigint[],"
  " $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::boolean[])"
  " ON CONFLICT (key) DO NOTHING RETURNING key";

bool by_key(const frame_view* a, const frame_view* b) noexcept {
  return a->key < b->key;
}

std::vector<batch_key> keys_of(const answer& rows) {
  std::vector<batch_key> keys;
  keys.reserve(static_cast<size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row)
    keys.push_back(key_of_uuid(rows.text(row, 0)));
  std::sort(keys.begin(), keys.end());
  return keys;
}

bool contains(const std::vector<batch_key>& sorted, const batch_key& key) noexcept {
  return std::binary_search(sorted.begin(), sorted.end(), key);
}

/// A batch without records that nobody will repeat needs no key.
bool wants_key(const frame_view& frame, const claim_terms& terms) noexcept {
  return frame.keyed || (terms.all && !frame.records.empty());
}

/// Removes from `frames` those whose key is not new.
result<void> insert_keys(connection& db, std::vector<const frame_view*>& frames,
                         const claim_terms& terms) {
  std::vector<const frame_view*> asked;
  for (const auto* frame : frames)
    if (wants_key(*frame, terms))
      asked.push_back(frame);
  if (asked.empty())
    return {};
  // Of frames with the same key the first one counts.
  std::stable_sort(asked.begin(), asked.end(), by_key);
  std::vector<const frame_view*> repeated;
  key_columns columns;
  for (size_t i = 0; i < asked.size(); ++i)
    if (i > 0 && asked[i]->key == asked[i - 1]->key)
      repeated.push_back(asked[i]);
    else
      columns.add(*asked[i]);
  const auto inserted = db.run("claim the batches' keys", insert_keys_sql,
                               columns.as_parameters(terms.source));
  if (!inserted)
    return tl::unexpected(inserted.error());
  const auto ours = keys_of(*inserted);
  std::erase_if(frames, [&](const frame_view* frame) {
    return wants_key(*frame, terms)
           && (!contains(ours, frame->key)
               || std::find(repeated.begin(), repeated.end(), frame) != repeated.end());
  });
  return {};
}

/// Removes from `frames` those received at `horizon_us` or before that `records` has.
result<void> drop_stored(connection& db, std::vector<const frame_view*>& frames,
                         int64_t horizon_us) {
  std::vector<std::string> keys;
  int64_t first = INT64_MAX;
  int64_t last = INT64_MIN;
  for (const auto* frame : frames)
    if (frame->received_at_us <= horizon_us) {
      keys.push_back(uuid_of(frame->key));
      first = std::min(first, frame->received_at_us);
      last = std::max(last, frame->received_at_us);
    }
  if (keys.empty())
    return {};
  const auto found =
    db.run("look for old batches",
           "SELECT DISTINCT batch FROM records WHERE received_at BETWEEN"
           " $1::timestamptz AND $2::timestamptz AND batch = ANY ($3::uuid[])"
           " UNION SELECT batch FROM records_set_aside WHERE received_at"
           " BETWEEN $1::timestamptz AND $2::timestamptz"
           " AND batch = ANY ($3::uuid[])",
           {timestamp(first), timestamp(last), array_of(keys)});
  if (!found)
    return tl::unexpected(found.error());
  const auto stored = keys_of(*found);
  std::erase_if(frames, [&](const frame_view* frame) {
    return frame->received_at_us <= horizon_us && contains(stored, frame->key);
  });
  return {};
}

/// The youngest time of the keys that have to go, or nothing.
std::string doomed_sql(bool keyed) {
  const std::string kind = keyed ? "keyed" : "NOT keyed";
  return "SELECT max(received_at) FROM (SELECT received_at FROM batch_keys WHERE " + kind
         + " AND received_at < greatest($1::timestamptz, (SELECT received_at FROM "
           "batch_keys"
           " WHERE "
         + kind
         + " ORDER BY received_at DESC OFFSET $2::bigint LIMIT 1))"
           " ORDER BY received_at LIMIT 100000) AS doomed";
}

result<void> prune_kind(connection& db, bool keyed, const parameters& bounds) {
  const auto doomed = db.run("age the keys", doomed_sql(keyed), bounds);
  if (!doomed)
    return tl::unexpected(doomed.error());
  if (doomed->null(0, 0))
    return {};
  const parameters until{std::string{doomed->text(0, 0)}};
  return db
    .run("move the keys' horizon",
         "UPDATE key_horizon SET received_at = greatest(received_at, $1::timestamptz)",
         until)
    .and_then([&](const answer&) {
      return db.run("forget old keys",
                    std::string{"DELETE FROM batch_keys WHERE "}
                      + (keyed ? "keyed" : "NOT keyed")
                      + " AND received_at <= $1::timestamptz",
                    until);
    })
    .map([](const answer&) {});
}

} // namespace

result<std::vector<const frame_view*>>
claim(connection& db, std::span<const frame_view> frames, const claim_terms& terms) {
  std::vector<const frame_view*> ours;
  ours.reserve(frames.size());
  for (const auto& frame : frames)
    ours.push_back(&frame);
  if (auto inserted = insert_keys(db, ours, terms); !inserted)
    return tl::unexpected(inserted.error());
  // A statement of its own, behind the keys: it must see what was forgotten before they were
  // inserted.
  const auto horizon =
    db.script("read the keys' horizon",
              std::string{"SELECT "} + microseconds_sql + " FROM key_horizon");
  if (!horizon)
    return tl::unexpected(horizon.error());
  if (horizon->rows() != 1)
    return fail(ec::io_failed, db.name() + ": key_horizon has lost its row; restore it");
  const auto until = std::max(horizon->integer(0, 0), terms.verify_until_us);
  return drop_stored(db, ours, until).map([&] { return std::move(ours); });
}

result<int> end_silent_holders(connection& db) {
  return db
    .run("end the sessions of silent nodes",
         "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
         " WHERE datname = current_database() AND usename = current_user"
         " AND application_name LIKE 'weir sink %' AND pid <> pg_backend_pid()"
         " AND wait_event = 'ClientRead' AND xact_start IS NOT NULL"
         " AND state_change < clock_timestamp() - interval '500ms'")
    .map([](const answer& ended) { return ended.rows(); });
}

result<std::vector<remembered_key>> list_keys(connection& db, uint64_t source,
                                              int64_t oldest_us, size_t keys_max) {
  std::vector<remembered_key> youngest_first;
  const auto visited = db.each(
    "list the keys",
    std::string{"SELECT key, fingerprint, accepted, rejected, quarantined, dropped,"
                " CASE source WHEN $1::integer THEN last_sequence ELSE 0 END, "}
      + microseconds_sql
      + " FROM batch_keys WHERE keyed AND received_at >= $2::timestamptz"
        " ORDER BY received_at DESC, last_sequence DESC LIMIT $3::bigint",
    {std::to_string(source), timestamp(oldest_us), std::to_string(keys_max)},
    [&](const answer& r) {
      youngest_first.push_back(
        {key_of_uuid(r.text(0, 0)), static_cast<uint64_t>(r.integer(0, 1)),
         static_cast<uint32_t>(r.integer(0, 2)), static_cast<uint32_t>(r.integer(0, 3)),
         static_cast<uint32_t>(r.integer(0, 4)), static_cast<uint32_t>(r.integer(0, 5)),
         static_cast<uint64_t>(r.integer(0, 6)), r.integer(0, 7)});
      return true;
    });
  if (!visited)
    return tl::unexpected(visited.error());
  std::reverse(youngest_first.begin(), youngest_first.end());
  return youngest_first;
}

result<void> prune_keys(connection& db, int64_t oldest_us, size_t keys_max) {
  auto work = transaction::begin(db);
  if (!work)
    return tl::unexpected(work.error());
  const auto alone =
    db.script("take turns with the keys", "SELECT pg_try_advisory_xact_lock(2003134835)");
  if (!alone)
    return tl::unexpected(alone.error());
  if (alone->text(0, 0) != "t")
    return {};
  const parameters bounds{timestamp(oldest_us), std::to_string(keys_max)};
  return prune_kind(db, true, bounds)
    .and_then([&] { return prune_kind(db, false, bounds); })
    .and_then([&] { return work->commit(); });
}

result<std::vector<bool>> have_keys(connection& db, std::span<const frame_view> frames) {
  std::vector<std::string> keys;
  keys.reserve(frames.size());
  for (const auto& frame : frames)
    keys.push_back(uuid_of(frame.key));
  const auto found =
    db.run("look for keys", "SELECT key FROM batch_keys WHERE key = ANY ($1::uuid[])",
           {array_of(keys)});
  if (!found)
    return tl::unexpected(found.error());
  const auto stored = keys_of(*found);
  std::vector<bool> have;
  have.reserve(frames.size());
  for (const auto& frame : frames)
    have.push_back(contains(stored, frame.key));
  return have;
}

} // namespace weir::postgres
