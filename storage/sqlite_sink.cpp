#include "storage/sqlite_sink.hpp"

#include "storage/database_sink.hpp"
#include "storage/sqlite_records.hpp"

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
  void dropped() noexcept override { records_.reset(); }
  result<void> put(std::span<const frame_view> frames) override {
    return records_->insert(frames);
  }
  result<void>
  visit_records(sqlite::connection& db, uint64_t after, uint64_t last,
                const std::function<bool(const stored_record&)>& visit) override {
    return each_record(db, after, last, visit);
  }

  std::optional<record_inserter> records_;
};

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
