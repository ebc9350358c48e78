#include "storage/sinks/postgres/keys.hpp"

#include "storage/sinks/postgres/rows.hpp"

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
    const auto rows = frame.records.size();
    const uint64_t last = rows == 0 ? 0 : frame.first_sequence + rows - 1;
    key_.push_back(uuid_of(frame.key));
    received_at_.push_back('"' + timestamp(frame.received_at_us) + '"');
    last_.push_back(std::to_string(last));
    fingerprint_.push_back(std::to_string(static_cast<int64_t>(frame.fingerprint)));
    accepted_.push_back(std::to_string(frame.accepted()));
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
  // The first of frames with the same key counts.
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
                         int64_t horizon_us, const time_window& times) {
  std::vector<std::string> keys;
  int64_t first = INT64_MAX;
  int64_t last = INT64_MIN;
  for (const auto* frame : frames)
    if (frame->received_at_us <= horizon_us) {
      keys.push_back(uuid_of(frame->key));
      const bool anywhere = !times.holds(frame->received_at_us);
      first = std::min(first, anywhere ? INT64_MIN : frame->received_at_us);
      last = std::max(last, anywhere ? INT64_MAX : frame->received_at_us);
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

/// Keys learned before a transaction, of which the clocks say no less.
constexpr const char* too_old_sql =
  " AND received_at < $1::timestamptz AND age(xmin) > age($2::xid) ORDER BY received_at";

/// Those behind the `$1` learned last. What one transaction learned goes together, so there is
/// one group for thousands of keys, and nothing to sort.
std::string too_many_sql(const std::string& kind) {
  return " AND age(xmin) >= (SELECT min(learned) FROM (SELECT learned,"
         " sum(keys) OVER (ORDER BY learned) - keys AS younger FROM"
         " (SELECT age(xmin) AS learned, count(*) AS keys FROM batch_keys WHERE "
         + kind
         + " GROUP BY 1) AS transactions) AS sums WHERE younger >= $1::bigint)"
           " ORDER BY age(xmin) DESC";
}

result<void> forget(connection& db, const std::string& which, const parameters& bounds) {
  return db
    .run("forget old keys",
         "WITH doomed AS (SELECT key, received_at FROM batch_keys WHERE " + which
           + " LIMIT 100000), forgotten AS (DELETE FROM batch_keys USING doomed"
             " WHERE batch_keys.key = doomed.key)"
             " UPDATE key_horizon SET received_at = greatest(received_at, youngest)"
             " FROM (SELECT max(received_at) AS youngest FROM doomed) AS gone"
             " WHERE youngest IS NOT NULL",
         bounds)
    .map([](const answer&) {});
}

/// The number of the oldest transaction that may still learn a key.
result<uint64_t> oldest_transaction(connection& db) {
  return db
    .script("read the transactions' number",
            "SELECT txid_snapshot_xmin(txid_current_snapshot())")
    .map([](const answer& rows) { return static_cast<uint64_t>(rows.integer(0, 0)); });
}

/// What the server calls the transaction now: the lower half of its number.
std::string xid_of(uint64_t transaction) {
  return std::to_string(static_cast<uint32_t>(transaction));
}

result<void> forget_kind(connection& db, const std::string& kind,
                         const key_limits& limits, uint64_t old_transaction) {
  auto done = forget(db, kind + too_many_sql(kind), {std::to_string(limits.keys_max)});
  if (!done || old_transaction == 0)
    return done;
  return forget(db, kind + too_old_sql,
                {timestamp(limits.oldest_us), xid_of(old_transaction)});
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
  return drop_stored(db, ours, until, terms.times).map([&] { return std::move(ours); });
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
                                              size_t keys_max) {
  std::vector<remembered_key> youngest_first;
  const auto visited = db.each(
    "list the keys",
    std::string{"SELECT key, fingerprint, accepted, rejected, quarantined, dropped,"
                " CASE source WHEN $1::integer THEN last_sequence ELSE 0 END, "}
      + microseconds_sql
      + " FROM batch_keys WHERE keyed"
        " ORDER BY received_at DESC, last_sequence DESC LIMIT $2::bigint",
    {std::to_string(source), std::to_string(keys_max)}, [&](const answer& r) {
      const auto count = [&r](int column) {
        return static_cast<uint32_t>(r.integer(0, column));
      };
      youngest_first.push_back({{{count(3), count(4), count(5)}, count(2)},
                                key_of_uuid(r.text(0, 0)),
                                static_cast<uint64_t>(r.integer(0, 1)),
                                static_cast<uint64_t>(r.integer(0, 6)),
                                r.integer(0, 7)});
      return true;
    });
  if (!visited)
    return tl::unexpected(visited.error());
  std::reverse(youngest_first.begin(), youngest_first.end());
  return youngest_first;
}

result<void> prune_keys(connection& db, const key_limits& limits, key_ages& ages,
                        key_ages::time_point now) {
  auto work = transaction::begin(db);
  if (!work)
    return tl::unexpected(work.error());
  const auto next = oldest_transaction(db);
  if (!next)
    return tl::unexpected(next.error());
  ages.learned(*next, now);
  const auto alone =
    db.script("take turns with the keys", "SELECT pg_try_advisory_xact_lock(2003134835)");
  if (!alone)
    return tl::unexpected(alone.error());
  if (alone->text(0, 0) != "t")
    return {};
  const auto old = ages.too_old(now);
  return forget_kind(db, "keyed", limits, old)
    .and_then([&] { return forget_kind(db, "NOT keyed", limits, old); })
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
