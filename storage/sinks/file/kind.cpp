#include "storage/sink/kind.hpp"
#include "storage/sinks/file/records.hpp"
#include "storage/sinks/file/sink.hpp"

namespace weir {

namespace {

result<std::unique_ptr<sink>> open(const sink_config& config, const clock_source& clock) {
  return open_file_sink(config, clock, posix_file_system());
}

result<std::unique_ptr<sink>> open_read_only(const sink_config& config) {
  return open_file_sink_read_only(config, posix_file_system());
}

} // namespace

extern const sink_kind file_kind{
  .name = "file",
  .meaning = "rotated NDJSON files",
  .default_path = "records",
  .open = open,
  .open_read_only = open_read_only,
  .state_schema = file_sink_schema,
};

} // namespace weir
