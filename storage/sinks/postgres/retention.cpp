#include "storage/sinks/postgres/retention.hpp"

#include "base/log.hpp"
#include "storage/sinks/postgres/schema.hpp"

namespace weir::postgres {

namespace {

constexpr std::chrono::hours tell_again{1};
constexpr int64_t us_per_day = 86'400'000'000;

std::string date_of(day_number day) {
  return timestamp(day * us_per_day).substr(0, 10);
}

/// The server's day when retention looked last; nothing in a database where it never has.
result<std::optional<day_number>> read_seen(connection& db) {
  // The table is made when retention first runs.
  const auto there = db.script(
    "look for the day that was seen last",
    "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relname = 'retention_seen' AND n.nspname = ANY (current_schemas(false)))");
  if (!there)
    return tl::unexpected(there.error());
  if (there->text(0, 0) != "t")
    return std::optional<day_number>{};
  const auto seen = db.script("read the day that was seen last",
                              "SELECT day - date '1970-01-01' FROM retention_seen");
  if (!seen)
    return tl::unexpected(seen.error());
  return seen->rows() == 1 ? std::optional<day_number>{seen->integer(0, 0)}
                           : std::nullopt;
}

/// The table is no part of the schema's version: a weir that does not know it leaves it alone.
result<void> note_seen(connection& db, day_number today) {
  auto work = transaction::begin(db);
  if (!work)
    return tl::unexpected(work.error());
  return lock_tables(db)
    .and_then([&] {
      return db.script(
        "note the day",
        "CREATE TABLE IF NOT EXISTS retention_seen (one boolean PRIMARY KEY DEFAULT true"
        " CHECK (one), day date NOT NULL);"
        "INSERT INTO retention_seen (day) VALUES ('"
          + date_of(today) + "') ON CONFLICT (one) DO UPDATE SET day = excluded.day");
    })
    .and_then([&](const answer&) { return work->commit(); });
}

/// Records set aside have no partitions: the old ones are deleted.
result<void> forget_set_aside(connection& db, day_number first) {
  const auto gone = db.run("forget old records that were set aside",
                           "DELETE FROM records_set_aside WHERE received_at <"
                           " $1::timestamptz",
                           {timestamp(first * us_per_day)});
  if (!gone)
    return tl::unexpected(gone.error());
  if (gone->touched() > 0)
    log_event(log_level::info, "sink_old_records_dropped",
              {{"table", "records_set_aside"},
               {"before", date_of(first)},
               {"records", gone->touched()}});
  return {};
}

} // namespace

void retention::hold(const std::string& reason, time_point now) {
  if (told_at_ && now - *told_at_ < tell_again)
    return;
  told_at_ = now;
  log_event(log_level::warning, "sink_retention_held",
            {{"reason", reason}, {"retention_days", keep_.count()}});
}

result<bool> retention::believes_the_server(connection& db, day_number today,
                                            time_point now) {
  const auto seen = read_seen(db);
  if (!seen)
    return tl::unexpected(seen.error());
  // A day or two is normal; more is a server that was off, or a wrong clock.
  if (*seen && today > **seen + jump_days_max) {
    if (!jump_seen_at_)
      jump_seen_at_ = now;
    if (now - *jump_seen_at_ < jump_watch) {
      hold(db.name() + ": its clock says " + date_of(today)
             + " and retention looked at it last on " + date_of(**seen)
             + ": nothing is dropped until it has been watched for 24 hours. Correct the"
               " clock if it is wrong; if it is right, DELETE FROM retention_seen lets"
               " retention go on at once",
           now);
      return false;
    }
  }
  jump_seen_at_.reset();
  if (*seen == today)
    return true;
  return note_seen(db, today).map([] { return true; });
}

result<void> retention::run(connection& db, partitions& days, const server_clock& server,
                            const clock_source& clock) {
  if (keep_.count() == 0)
    return {};
  const auto now = clock.now();
  const auto apart = server.node_ahead(clock);
  // Nobody knows which of the two clocks is wrong.
  if (apart > clocks_apart_max || apart < -clocks_apart_max) {
    hold(db.name() + ": the clocks of this node and of the server are "
           + std::to_string(std::abs(apart.count()) / 60'000'000)
           + " minutes apart (node " + timestamp(clock.unix_us()) + ", server "
           + timestamp(server.unix_us(clock))
           + "): nothing is dropped until they agree to within 5; correct the one that is"
             " wrong",
         now);
    return {};
  }
  const auto today = day_of(server.unix_us(clock));
  const auto believed = believes_the_server(db, today, now);
  if (!believed || !*believed)
    return believed.map([](bool) {});
  told_at_.reset();
  const auto first = today - keep_.count();
  return days.drop_before(db, first).and_then(
    [&](int) { return forget_set_aside(db, first); });
}

} // namespace weir::postgres
