#include "storage/sink/kind.hpp"
#include "storage/sinks/null/sink.hpp"

namespace weir {

extern const sink_kind null_kind{
  .name = "null",
  .meaning = "nowhere (for measurements)",
  .default_path = "weir.db",
  .open = open_null_sink,
  .open_read_only = open_null_sink_read_only,
  .state_schema = null_sink_schema,
  .describe = [](const sink_config&) { return std::string{"null"}; },
};

} // namespace weir
