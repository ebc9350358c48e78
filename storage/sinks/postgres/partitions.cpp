#include "storage/sinks/postgres/partitions.hpp"

#include "base/log.hpp"
#include "storage/sinks/postgres/schema.hpp"

#include <chrono>
#include <cstdio>

namespace weir::postgres {

namespace {

constexpr int64_t us_per_day = 86'400'000'000;

std::string midnight(day_number day) {
  return timestamp(day * us_per_day);
}

result<void> make(connection& db, day_number day) {
  const auto name = partition_name(day);
  auto work = transaction::begin(db);
  if (!work)
    return tl::unexpected(work.error());
  if (auto locked = lock_tables(db); !locked)
    return locked;
  const auto there = db.run("look for a partition",
                            "SELECT 1 FROM pg_inherits i JOIN pg_class c ON c.oid ="
                            " i.inhrelid WHERE i.inhparent = 'records'::regclass"
                            " AND c.relname = $1",
                            {name});
  if (!there)
    return tl::unexpected(there.error());
  if (there->rows() > 0)
    return {};
  // Attached, not created as a partition: that would wait for everybody who reads records.
  return db
    .script("make the partition of a day",
            "CREATE TABLE " + name
              + " (LIKE records INCLUDING DEFAULTS INCLUDING CONSTRAINTS);"
                "ALTER TABLE records ATTACH PARTITION "
              + name + " FOR VALUES FROM ('" + midnight(day) + "') TO ('"
              + midnight(day + 1) + "')")
    .and_then([&](const answer&) { return work->commit(); });
}

/// Counted where that is quick; else what the server knows, which the last ANALYZE found.
result<int64_t> rows_of(connection& db, const std::string& name) {
  constexpr int64_t quick_bytes = int64_t{64} << 20;
  const auto known =
    db.run("look at an old day",
           "SELECT pg_relation_size(oid), reltuples::bigint FROM pg_class"
           " WHERE oid = to_regclass($1)",
           {name});
  if (!known)
    return tl::unexpected(known.error());
  if (known->rows() == 0)
    return int64_t{0};
  // Never analyzed, the server says -1: then only a count tells.
  if (known->integer(0, 0) > quick_bytes && known->integer(0, 1) >= 0)
    return known->integer(0, 1);
  return db.script("count an old day", "SELECT count(*) FROM " + name)
    .map([](const answer& rows) { return rows.integer(0, 0); });
}

result<void> drop_one(connection& db, const std::string& name, day_number first) {
  auto work = transaction::begin(db);
  if (!work)
    return tl::unexpected(work.error());
  int64_t rows = 0;
  // A DROP that waits for readers makes all who store wait after it: so it waits briefly.
  const auto done =
    lock_tables(db)
      .and_then([&] { return rows_of(db, name); })
      .and_then([&](int64_t counted) {
        rows = counted;
        return db.script("drop the partition of an old day",
                         "SET LOCAL lock_timeout = '500ms'; DROP TABLE IF EXISTS "
                           + name);
      })
      .and_then([&](const answer&) { return work->commit(); });
  if (done)
    log_event(log_level::info, "sink_partition_dropped",
              {{"partition", name}, {"before", partition_name(first)}, {"rows", rows}});
  return done;
}

} // namespace

day_number day_of(int64_t unix_us) noexcept {
  return unix_us >= 0 ? unix_us / us_per_day : -((us_per_day - 1 - unix_us) / us_per_day);
}

std::string partition_name(day_number day) {
  using namespace std::chrono;
  const year_month_day date{sys_days{days{day}}};
  char name[32];
  std::snprintf(name, sizeof name, "records_%04d%02u%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return name;
}

result<void> partitions::need(connection& db, const std::set<day_number>& days) {
  for (const auto day : days) {
    if (known_.contains(day))
      continue;
    if (auto made = make(db, day); !made)
      return made;
    known_.insert(day);
  }
  return {};
}

result<int> partitions::drop_before(connection& db, day_number first) {
  // Names have a fixed width, so they sort as the days do.
  const auto old =
    db.run("list the partitions",
           "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid ="
           " i.inhrelid WHERE i.inhparent = 'records'::regclass AND"
           " c.relname ~ '^records_[0-9]{8}$' AND c.relname < $1 ORDER BY 1",
           {partition_name(first)});
  if (!old)
    return tl::unexpected(old.error());
  int dropped = 0;
  for (int row = 0; row < old->rows(); ++row) {
    if (const auto done = drop_one(db, std::string{old->text(row, 0)}, first); !done)
      return tl::unexpected(done.error());
    ++dropped;
  }
  std::erase_if(known_, [&](day_number day) { return day < first; });
  return dropped;
}

} // namespace weir::postgres
