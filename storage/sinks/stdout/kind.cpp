#include "storage/sink/kind.hpp"
#include "storage/sinks/stdout/sink.hpp"

#include <unistd.h>

namespace weir {

namespace {

result<std::unique_ptr<sink>> open(const sink_config& config, const clock_source& clock) {
  return open_stdout_sink(config, clock, STDOUT_FILENO);
}

} // namespace

extern const sink_kind stdout_kind{
  .name = "stdout",
  .meaning = "NDJSON on standard output",
  .default_path = "stdout",
  .open = open,
  .open_read_only = open_stdout_sink_read_only,
  .state_schema = stdout_sink_schema,
};

} // namespace weir
