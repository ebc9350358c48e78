#include "storage/sinks/null/sink.hpp"

#include "storage/sink/database_sink.hpp"

namespace weir {

namespace {

/// Application id "WeiN".
const sqlite::schema schema{0x5765694e, 1, "null sink's state", sink_state_tables};

class null_sink final : public database_sink {
 public:
  null_sink(const sink_config& config, const clock_source& clock)
    : database_sink(config, state_database(config), schema, clock) {}

 private:
  result<void> opened(sqlite::connection&, const sink_cursor&) override { return {}; }
  void dropped() noexcept override {}
  result<void> put(sqlite::connection&, std::span<const frame_view>) override {
    return {};
  }
  result<void>
  visit_records(sqlite::connection& db, uint64_t after, uint64_t last,
                const std::function<bool(const stored_record&)>& visit) override {
    return no_records(db, after, last, visit);
  }
};

} // namespace

const sqlite::schema& null_sink_schema() {
  return schema;
}

result<std::unique_ptr<sink>> open_null_sink(const sink_config& config,
                                             const clock_source& clock) {
  auto made = std::make_unique<null_sink>(config, clock);
  if (auto connected = made->connect(); !connected)
    return tl::unexpected(connected.error());
  return made;
}

result<std::unique_ptr<sink>> open_null_sink_read_only(const sink_config& config) {
  return open_database_read_only(config, state_database(config), schema, no_records);
}

} // namespace weir
