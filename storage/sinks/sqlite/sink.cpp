#include "storage/sinks/sqlite/sink.hpp"

#include "base/log.hpp"
#include "storage/sink/database_sink.hpp"
#include "storage/sinks/sqlite/records.hpp"
#include "storage/sqlite/careful.hpp"

namespace weir {

namespace {

class sqlite_sink final : public database_sink {
 public:
  sqlite_sink(const sink_config& config, const clock_source& clock)
    : database_sink(config, config.path, sqlite_sink_schema(), clock) {}

 private:
  result<void> opened(sqlite::connection& db, const sink_cursor&) override {
    return record_inserter::open(db).map(
      [&](record_inserter&& made) { records_.emplace(std::move(made)); });
  }
  void dropped() noexcept override {
    records_.reset();
    careful_.reset();
  }
  uint64_t set_aside() const noexcept override { return set_aside_; }
  result<void> put(sqlite::connection& db, std::span<const frame_view> frames) override;
  void committed() noexcept override;
  result<void>
  visit_records(sqlite::connection& db, uint64_t after, uint64_t last,
                const std::function<bool(const stored_record&)>& visit) override {
    return each_record(db, after, last, visit);
  }

  std::optional<record_inserter> records_;
  std::optional<careful_inserter> careful_; ///< if the commit at hand needed it
  uint64_t set_aside_ = 0;
  uint64_t refused_in_row_ = 0;
};

/// Stores all at once; record by record only if sqlite has refused something.
result<void> sqlite_sink::put(sqlite::connection& db,
                              std::span<const frame_view> frames) {
  careful_.reset();
  auto stored = db.execute("set a savepoint", "SAVEPOINT all_at_once").and_then([&] {
    return records_->insert(frames);
  });
  if (!stored && !db.refused_for_good() && !records_->left_out())
    return stored;
  const auto* end =
    stored ? "RELEASE all_at_once" : "ROLLBACK TO all_at_once; RELEASE all_at_once";
  if (db.in_transaction()) // else a trigger has rolled back more than that
    if (auto ended = db.execute("leave a savepoint", end); !ended)
      return ended;
  if (stored)
    return stored;
  careful_.emplace(db, config().refused_max, refused_in_row_);
  return careful_->insert(frames);
}

void sqlite_sink::committed() noexcept {
  if (!careful_) {
    refused_in_row_ = 0;
    return;
  }
  refused_in_row_ = careful_->refused_in_row();
  set_aside_ += careful_->set_aside();
  if (careful_->set_aside() > 0)
    log_event(log_level::warning, "sink_records_set_aside",
              {{"records", careful_->set_aside()},
               {"kept_in", "table records_set_aside"},
               {"reason", careful_->first()}});
  careful_.reset();
}

} // namespace

result<std::unique_ptr<sink>> open_sqlite_sink(const sink_config& config,
                                               const clock_source& clock) {
  auto made = std::make_unique<sqlite_sink>(config, clock);
  if (auto connected = made->connect(); !connected)
    return tl::unexpected(connected.error());
  return made;
}

result<std::unique_ptr<sink>> open_sqlite_sink_read_only(const sink_config& config) {
  return open_database_read_only(config, config.path, sqlite_sink_schema(), each_record);
}

} // namespace weir
