#include "storage/sink/kind.hpp"
#include "storage/sinks/null/sink.hpp"

namespace weir {

namespace {

result<void> look(const sink_config& config) {
  return sqlite::look(config.path + "/state.db", null_sink_schema());
}

} // namespace

extern const sink_kind null_kind{
  .name = "null",
  .meaning = "nowhere (for measurements)",
  .default_path = "weir.db",
  .state_file = "state.db",
  .open = open_null_sink,
  .open_read_only = open_null_sink_read_only,
  .look = look,
  .describe = [](const sink_config&) { return std::string{"null"}; },
};

} // namespace weir
