#include "storage/sinks/postgres/sink.hpp"

#include "base/log.hpp"
#include "storage/journal/identity.hpp"
#include "storage/sink/state.hpp"
#include "storage/sinks/postgres/upkeep.hpp"
#include "storage/sinks/postgres/walk.hpp"
#include "storage/sinks/postgres/write.hpp"

#include <future>
#include <utility>

namespace weir {

namespace {

using namespace postgres;

constexpr std::chrono::minutes upkeep_interval{1};
/// Below this a part costs more than it gains.
constexpr size_t part_records_min = 500;

/// One journal's row of cursors.
struct source_row {
  uint64_t number = 0;
  sink_cursor cursor;
  int64_t verify_until_us = 0;
};

result<std::optional<source_row>> find_source(connection& db, const std::string& node,
                                              const batch_key& journal) {
  const auto found =
    db.run("read the cursor",
           "SELECT number, segment, \"offset\", last_sequence,"
           " (extract(epoch FROM verify_until) * 1000000)::bigint FROM cursors"
           " WHERE node = $1 AND journal = $2::uuid",
           {node, uuid_of(journal)});
  if (!found)
    return tl::unexpected(found.error());
  if (found->rows() == 0)
    return std::optional<source_row>{};
  const auto natural = [&](int column) {
    return static_cast<uint64_t>(found->integer(0, column));
  };
  return std::optional<source_row>{
    {natural(0), {{natural(1), natural(2)}, natural(3)}, found->integer(0, 4)}};
}

result<source_row> make_source(connection& db, const std::string& node,
                               const batch_key& journal, int64_t now_us) {
  auto work = transaction::begin(db);
  if (!work)
    return tl::unexpected(work.error());
  const auto made = lock_tables(db).and_then([&] {
    return db.run("make a cursor",
                  "INSERT INTO cursors (number, node, journal, verify_until)"
                  " SELECT coalesce(max(number) + 1, 0), $1, $2::uuid, $3::timestamptz"
                  " FROM cursors ON CONFLICT (node, journal) DO NOTHING",
                  {node, uuid_of(journal), timestamp(now_us)});
  });
  if (!made)
    return tl::unexpected(made.error());
  if (auto done = work->commit(); !done)
    return tl::unexpected(done.error());
  // The row may be another's: a second process of this node may have been faster.
  const auto found = find_source(db, node, journal);
  if (!found)
    return tl::unexpected(found.error());
  if (*found && (*found)->number <= source_max)
    return **found;
  return fail(ec::io_failed, db.name() + ": no number is left for a journal's cursor");
}

/// Parts of about the same number of records.
std::vector<std::span<const frame_view>> split(std::span<const frame_view> frames,
                                               size_t parts_max) {
  size_t records = 0;
  for (const auto& frame : frames)
    records += frame.records.size();
  const auto parts = std::clamp<size_t>(records / part_records_min, 1, parts_max);
  std::vector<std::span<const frame_view>> made;
  size_t begin = 0;
  size_t seen = 0;
  for (size_t i = 0; i < frames.size(); ++i) {
    seen += frames[i].records.size();
    // Frames stay whole: a part ends with the frame that reaches its share of the records.
    if (seen * parts >= records * (made.size() + 1) && made.size() + 1 < parts) {
      made.push_back(frames.subspan(begin, i + 1 - begin));
      begin = i + 1;
    }
  }
  made.push_back(frames.subspan(begin));
  return made;
}

/// What two parts of one commit did.
void add(write_report& to, const write_report& part) {
  to.rows_set_aside += part.rows_set_aside;
  to.times_replaced += part.times_replaced;
  to.refused_in_row = std::min(to.refused_in_row, part.refused_in_row);
  if (to.first_set_aside.empty())
    to.first_set_aside = part.first_set_aside;
}

class postgres_sink final : public sink {
 public:
  postgres_sink(const sink_config& config, const clock_source& clock)
    : config_(config), clock_(clock), upkeep_(config) {}

  result<void> connect();

  sink_cursor cursor() const noexcept override { return source_.cursor; }
  uint64_t set_aside() const noexcept override { return set_aside_; }
  uint64_t id_base() const noexcept override { return source_.number << source_shift; }
  result<std::vector<remembered_key>> keys() override;
  result<void> commit(std::span<const frame_view> frames, journal_position next) override;
  result<void> refresh() override { return usable(); }
  result<void>
  each_after(uint64_t after,
             const std::function<bool(const stored_record&)>& visit) override;

 private:
  result<void> usable();
  result<void> enough_connections(size_t count);
  result<void> prepare_days(std::span<const frame_view> frames);
  void upkeep();
  result<void> store(std::span<const frame_view> frames, const sink_cursor& to);
  result<write_report> store_parts(std::span<const std::span<const frame_view>> parts,
                                   const cursor_move& move);
  void drop() noexcept;
  time_window times() const noexcept {
    return window_at(upkeep_.server.unix_us(clock_), config_.postgres.retention);
  }
  write_terms terms() const noexcept {
    return {{source_.number,
             config_.postgres.claim_all || config_.postgres.connections > 1,
             source_.verify_until_us, times_},
            config_.refused_max,
            refused_in_row_};
  }
  void tell(const write_report& done);

  const sink_config config_;
  const clock_source& clock_;
  std::vector<connection> connections_; ///< the first does everything but parts
  upkeep_state upkeep_;
  source_row source_;
  time_window times_; ///< for the commit at hand
  uint64_t set_aside_ = 0;
  uint64_t refused_in_row_ = 0;
  std::optional<std::chrono::steady_clock::time_point> last_upkeep_;
};

void postgres_sink::drop() noexcept {
  connections_.clear();
  upkeep_.days.forget();
}

result<void> postgres_sink::connect() {
  const auto& settings = config_.postgres;
  // Before the server is asked: the journal opens next, whether there is a server or not.
  const auto journal =
    claim_journal_identity(settings.journal_directory, posix_file_system());
  if (!journal)
    return tl::unexpected(journal.error());
  auto db = connection::open(target_of(config_, "sink"));
  if (!db)
    return tl::unexpected(db.error());
  if (auto fit =
        check_encoding(*db).and_then([&] { return upkeep_.server.ask(*db, clock_); });
      !fit)
    return fit;
  if (settings.migrate) {
    const auto version = read_version(*db);
    if (version && *version == 0)
      if (const auto made = migrate(*db); !made)
        return tl::unexpected(made.error());
  }
  if (auto known = check_version(*db); !known)
    return known;
  const auto found = find_source(*db, settings.node, *journal);
  if (!found)
    return tl::unexpected(found.error());
  if (*found) {
    source_ = **found;
  } else {
    const auto made = make_source(*db, settings.node, *journal, clock_.unix_us());
    if (!made)
      return tl::unexpected(made.error());
    source_ = *made;
  }
  connections_.push_back(std::move(*db));
  return {};
}

/// Makes sure of a connection, and that the cursor is what the database has.
result<void> postgres_sink::usable() {
  if (!connections_.empty() && !connections_.front().broken())
    return {};
  drop();
  const auto was = source_;
  if (auto connected = connect(); !connected)
    return connected;
  if (source_.number == was.number && source_.cursor.position >= was.cursor.position
      && source_.cursor.last_sequence >= was.cursor.last_sequence)
    return {};
  // The caller goes back to the database's cursor; the journal may have the rest.
  return fail(
    ec::sink_unavailable,
    connections_.front().name()
      + ": has an older cursor than before: it was restored or replaced; going on"
        " behind record "
      + std::to_string(source_.cursor.last_sequence) + " instead of "
      + std::to_string(was.cursor.last_sequence)
      + "; what the journal does not have any more is not stored again");
}

result<void> postgres_sink::enough_connections(size_t count) {
  while (connections_.size() < count) {
    auto db = connection::open(target_of(config_, "sink"));
    if (!db)
      return tl::unexpected(db.error());
    connections_.push_back(std::move(*db));
  }
  return {};
}

result<void> postgres_sink::prepare_days(std::span<const frame_view> frames) {
  std::set<day_number> days;
  for (const auto& frame : frames)
    if (!frame.records.empty())
      days.insert(day_of(times_.stored_as(frame.received_at_us)));
  return upkeep_.days.need(connections_.front(), days);
}

/// Never holds up records: a failure is logged, and the next try is a minute later.
void postgres_sink::upkeep() {
  const auto now = clock_.now();
  if (last_upkeep_ && now - *last_upkeep_ < upkeep_interval)
    return;
  last_upkeep_ = now;
  auto& db = connections_.front();
  if (const auto done = keep_up(db, upkeep_, config_, clock_); !done)
    log_event(log_level::warning, "sink_upkeep_failed", {{"reason", done.error().text}});
}

result<write_report>
postgres_sink::store_parts(std::span<const std::span<const frame_view>> parts,
                           const cursor_move& move) {
  std::vector<std::future<result<write_report>>> others;
  for (size_t i = 1; i < parts.size(); ++i)
    others.push_back(std::async(std::launch::async, [this, &parts, i] {
      return write_frames(connections_[i], parts[i], terms(), std::nullopt);
    }));
  auto all = write_frames(connections_[0], parts[0], terms(), std::nullopt);
  for (auto& other : others) {
    const auto done = other.get();
    if (!done)
      all = tl::unexpected(done.error());
    else if (all)
      add(*all, *done);
  }
  if (!all)
    return all;
  // The cursor goes last: on a replay the keys tell which parts are stored.
  const auto moved = write_frames(connections_[0], {}, terms(), move);
  return moved ? all : moved;
}

result<void> postgres_sink::store(std::span<const frame_view> frames,
                                  const sink_cursor& to) {
  if (to.last_sequence > sequence_max)
    return fail(ec::io_failed,
                connections_.front().name()
                  + ": the journal's sequence is beyond what an id can hold;"
                    " give the node another journal.directory");
  times_ = times();
  const cursor_move move{source_.cursor.position, to.position,
                         source_.cursor.last_sequence, to.last_sequence};
  const auto parts = split(frames, config_.postgres.connections);
  // Days are made before the transactions that store, which would wait for their locks.
  const auto stored = prepare_days(frames)
                        .and_then([&] { return enough_connections(parts.size()); })
                        .and_then([&] {
                          return parts.size() == 1 ? write_frames(connections_.front(),
                                                                  frames, terms(), move)
                                                   : store_parts(parts, move);
                        });
  if (!stored)
    return tl::unexpected(stored.error());
  tell(*stored);
  return {};
}

void postgres_sink::tell(const write_report& done) {
  set_aside_ += done.rows_set_aside;
  refused_in_row_ = done.refused_in_row;
  if (done.rows_set_aside > 0)
    log_event(log_level::warning, "sink_records_set_aside",
              {{"records", done.rows_set_aside},
               {"kept_in", "table records_set_aside"},
               {"reason", done.first_set_aside}});
  if (done.times_replaced > 0)
    log_event(
      log_level::warning, "sink_times_replaced",
      {{"records", done.times_replaced},
       {"received_at", timestamp(times_.instead_us)},
       {"reason", "they came while a clock was wrong, or before what sink.retention"
                  " keeps: they have the time of being stored instead"}});
}

result<void> postgres_sink::commit(std::span<const frame_view> frames,
                                   journal_position next) {
  if (auto ready = usable(); !ready)
    return ready;
  upkeep();
  if (auto ready = usable(); !ready) // upkeep may have lost the connection
    return ready;
  frames = drop_replayed(frames, source_.cursor);
  if (frames.empty() && next <= source_.cursor.position)
    return {};
  const auto to = cursor_behind(frames, next, source_.cursor);
  auto stored = store(frames, to);
  if (stored)
    source_.cursor = to;
  else
    drop();
  return stored;
}

result<std::vector<remembered_key>> postgres_sink::keys() {
  return usable().and_then(
    [&] { return list_keys(connections_.front(), source_.number, config_.keys_max); });
}

result<void>
postgres_sink::each_after(uint64_t after,
                          const std::function<bool(const stored_record&)>& visit) {
  return usable().and_then([&] {
    return walk(connections_.front(), {source_.number, after, after == 0}, visit);
  });
}

/// All that it tells comes from one snapshot, taken by refresh(): what is stored, how far the
/// cursor is and which batches came by another journal fit together.
class postgres_reader final : public sink {
 public:
  explicit postgres_reader(const sink_config& config) : config_(config) {}

  sink_cursor cursor() const noexcept override { return source_.cursor; }
  uint64_t id_base() const noexcept override {
    return (known_ ? source_.number : source_max) << source_shift;
  }
  result<std::vector<remembered_key>> keys() override { return read_only(); }
  result<void> commit(std::span<const frame_view>, journal_position) override {
    return read_only();
  }
  result<void> refresh() override;
  result<void>
  each_after(uint64_t after,
             const std::function<bool(const stored_record&)>& visit) override {
    const bool others = std::exchange(others_wanted_, false);
    return walk(*db_,
                {known_ ? std::optional{source_.number} : std::nullopt, after, others},
                visit);
  }
  result<std::vector<bool>> stored_already(std::span<const frame_view> frames) override {
    return have_keys(*db_, frames);
  }

 private:
  tl::unexpected<fault> read_only() const {
    return fail(ec::io_failed, "postgres: is open for reading only");
  }
  const sink_config config_;
  std::optional<connection> db_;
  source_row source_;
  bool known_ = false; ///< this node's journal has a cursor in the database
  bool others_wanted_ = true;
};

result<void> postgres_reader::refresh() {
  auto db = connection::open(target_of(config_, "export"));
  if (!db)
    return tl::unexpected(db.error());
  if (auto ours = check_version(*db); !ours)
    return ours;
  const auto begun =
    db->script("begin to read", "SET statement_timeout = 0;"
                                "SET idle_in_transaction_session_timeout = 0;"
                                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  if (!begun)
    return tl::unexpected(begun.error());
  // A running node may just have made it: then its records are not in the database yet.
  const auto journal =
    read_journal_identity(config_.postgres.journal_directory, posix_file_system());
  if (journal && *journal) {
    const auto found = find_source(*db, config_.postgres.node, **journal);
    if (!found)
      return tl::unexpected(found.error());
    known_ = found->has_value();
    source_ = found->value_or(source_row{});
  }
  db_.emplace(std::move(*db));
  return {};
}

} // namespace

result<std::unique_ptr<sink>> open_postgres_sink(const sink_config& config,
                                                 const clock_source& clock) {
  auto made = std::make_unique<postgres_sink>(config, clock);
  if (auto connected = made->connect(); !connected)
    return tl::unexpected(connected.error());
  return made;
}

result<std::unique_ptr<sink>> open_postgres_sink_read_only(const sink_config& config) {
  auto made = std::make_unique<postgres_reader>(config);
  if (auto read = made->refresh(); !read)
    return tl::unexpected(read.error());
  return made;
}

result<migration_report> migrate_postgres(const sink_config& config,
                                          const clock_source& clock) {
  auto db = connection::open(target_of(config, "migrate"));
  if (!db)
    return tl::unexpected(db.error());
  if (auto fit = check_encoding(*db); !fit)
    return tl::unexpected(fit.error());
  auto report = migrate(*db);
  if (!report)
    return report;
  partitions days;
  server_clock server;
  return server.ask(*db, clock)
    .and_then([&] { return make_days(*db, days, server.unix_us(clock)); })
    .map([&] { return std::move(*report); });
}

result<std::string> probe_postgres(const sink_config& config, bool may_make) {
  auto db = connection::open(target_of(config, "check"));
  if (!db)
    return tl::unexpected(db.error());
  if (auto fit = check_encoding(*db); !fit)
    return tl::unexpected(fit.error());
  const auto version = read_version(*db);
  if (!version)
    return tl::unexpected(version.error());
  if (*version == 0 && config.postgres.migrate) {
    if (!may_make)
      return db->name() + ": no tables yet; they are made at the first start";
    if (const auto made = migrate(*db); !made)
      return tl::unexpected(made.error());
  }
  return check_version(*db).map(
    [&] { return db->name() + ": schema version " + std::to_string(schema_version); });
}

} // namespace weir
