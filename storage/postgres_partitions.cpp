#include "storage/postgres_partitions.hpp"

#include "storage/postgres_schema.hpp"

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
    auto work = transaction::begin(db);
    if (!work)
      return tl::unexpected(work.error());
    const auto done =
      lock_tables(db)
        .and_then([&] {
          return db.script("drop the partition of an old day",
                           "SET LOCAL lock_timeout = '500ms'; DROP TABLE IF EXISTS "
                             + std::string{old->text(row, 0)});
        })
        .and_then([&](const answer&) { return work->commit(); });
    if (!done)
      return tl::unexpected(done.error());
    ++dropped;
  }
  std::erase_if(known_, [&](day_number day) { return day < first; });
  return dropped;
}

} // namespace weir::postgres
