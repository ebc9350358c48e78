#include "base/log.hpp"

#include <atomic>

namespace weir {
namespace {

std::atomic<log_writer> writer_now{nullptr};

} // namespace

void set_log_writer(log_writer writer) noexcept {
  writer_now = writer;
}

void log_event(log_level level, std::string_view event,
               std::initializer_list<log_field> fields) {
  if (const auto write = writer_now.load(std::memory_order_relaxed))
    write(level, event, fields);
}

} // namespace weir
