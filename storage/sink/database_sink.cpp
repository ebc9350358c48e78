#include "storage/sink/database_sink.hpp"

namespace weir {

std::string state_database(const sink_config& config) {
  return config.path + "/state.db";
}

result<void> no_records(sqlite::connection&, uint64_t, uint64_t,
                        const std::function<bool(const stored_record&)>&) {
  return {};
}

database_sink::database_sink(const sink_config& config, std::string database,
                             const sqlite::schema& schema, const clock_source& clock)
  : config_(config), database_(std::move(database)), schema_(schema), clock_(clock) {}

void database_sink::drop() noexcept {
  dropped();
  open_.reset();
}

result<void> database_sink::connect(bool after_failure) {
  auto db = sqlite::open_ours(database_, schema_, config_.busy_timeout);
  if (!db)
    return tl::unexpected(db.error());
  // What a killed process or a failed sync left in the log may be in memory only. Before
  // the cursor that it holds is believed, it is written and synced once more.
  const auto settled = db->checkpoint();
  io_error_ = io_error_ || !settled;
  if (!settled)
    return tl::unexpected(settled.error());
  if (!*settled && after_failure)
    return fail(ec::sink_unavailable, database_
                                        + ": a reader keeps the write-ahead log that an"
                                          " I/O error left in doubt; end it");
  auto state = sink_state::open(*db, config_, clock_);
  if (!state)
    return tl::unexpected(state.error());
  open_.emplace(open_database{std::move(*db), std::move(*state)});
  if (auto ready = opened(open_->db, open_->state.cursor()); !ready) {
    drop();
    return ready;
  }
  cursor_ = open_->state.cursor();
  io_error_ = false;
  return {};
}

/// Makes sure of a connection to the file that is at the path now.
result<void> database_sink::usable() {
  if (open_ && !open_->db.moved())
    return {};
  const auto was = cursor_;
  const bool removed = open_.has_value();
  drop();
  if (auto connected = connect(io_error_); !connected)
    return connected;
  if (!removed && cursor_.position >= was.position
      && cursor_.last_sequence >= was.last_sequence)
    return {};
  // The caller goes back to the cursor of what is there now; the journal may have the rest.
  return fail(ec::sink_unavailable,
              database_
                + ": was deleted or replaced while in use; going on with what is there"
                  " now, behind record "
                + std::to_string(cursor_.last_sequence) + " instead of "
                + std::to_string(was.last_sequence));
}

result<void> database_sink::store(std::span<const frame_view> frames,
                                  const sink_cursor& to) {
  auto work = sqlite::transaction::begin(open_->db);
  if (!work)
    return tl::unexpected(work.error());
  return put(open_->db, frames)
    .and_then([&] { return open_->state.advance(frames, to); })
    .and_then([&] { return work->commit(); });
}

result<void> database_sink::commit(std::span<const frame_view> frames,
                                   journal_position next) {
  if (auto ready = usable(); !ready)
    return ready;
  frames = drop_replayed(frames, cursor_);
  if (frames.empty() && next <= cursor_.position)
    return {};
  const auto to = cursor_behind(frames, next, cursor_);
  auto stored = store(frames, to);
  if (stored) {
    cursor_ = to;
    committed();
  } else {
    // One way back, whatever went wrong: the next commit opens the file anew.
    io_error_ = open_->db.io_error();
    drop();
  }
  return stored;
}

result<std::vector<remembered_key>> database_sink::keys() {
  return usable().and_then([&] { return open_->state.keys(); });
}

result<void>
database_sink::each_after(uint64_t after,
                          const std::function<bool(const stored_record&)>& visit) {
  return usable().and_then(
    [&] { return visit_records(open_->db, after, cursor_.last_sequence, visit); });
}

namespace {

class database_reader final : public sink {
 public:
  database_reader(sqlite::connection db, record_walk walk)
    : db_(std::move(db)), walk_(std::move(walk)) {}

  sink_cursor cursor() const noexcept override { return cursor_; }
  result<std::vector<remembered_key>> keys() override { return read_only(); }
  result<void> commit(std::span<const frame_view>, journal_position) override {
    return read_only();
  }
  result<void> refresh() override {
    return read_cursor(db_).map([&](const sink_cursor& now) { cursor_ = now; });
  }
  result<void>
  each_after(uint64_t after,
             const std::function<bool(const stored_record&)>& visit) override {
    return walk_(db_, after, cursor_.last_sequence, visit);
  }

 private:
  tl::unexpected<fault> read_only() const {
    return fail(ec::io_failed, db_.path() + ": is open for reading only");
  }
  sqlite::connection db_;
  record_walk walk_;
  sink_cursor cursor_;
};

} // namespace

result<std::unique_ptr<sink>> open_database_read_only(const sink_config& config,
                                                      const std::string& database,
                                                      const sqlite::schema& schema,
                                                      record_walk walk) {
  auto db =
    sqlite::connection::open(database, sqlite::access::read_only, config.busy_timeout);
  if (!db)
    return tl::unexpected(db.error());
  if (auto ours = check(*db, schema); !ours)
    return tl::unexpected(ours.error());
  auto made = std::make_unique<database_reader>(std::move(*db), std::move(walk));
  if (auto read = made->refresh(); !read)
    return tl::unexpected(read.error());
  return made;
}

} // namespace weir
