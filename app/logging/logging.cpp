#include "app/logging/logging.hpp"

#include "base/clock.hpp"

#include <atomic>
#include <memory>

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace weir {
namespace {

std::atomic<log_level> level_now{log_level::info};
std::atomic<bool> json_lines{false};

spdlog::level::level_enum to_spdlog(log_level level) noexcept {
  switch (level) {
  case log_level::debug:
    return spdlog::level::debug;
  case log_level::info:
    return spdlog::level::info;
  case log_level::warning:
    return spdlog::level::warn;
  case log_level::error:
    return spdlog::level::err;
  }
  return spdlog::level::info;
}

log_level from_spdlog(spdlog::level::level_enum level) noexcept {
  if (level >= spdlog::level::err)
    return log_level::error;
  if (level == spdlog::level::warn)
    return log_level::warning;
  return level == spdlog::level::info ? log_level::info : log_level::debug;
}

std::string render(int64_t unix_us, log_level level, std::string_view event,
                   std::initializer_list<log_field> fields) {
  return json_lines.load(std::memory_order_relaxed)
           ? render_json(unix_us, level, event, fields)
           : render_text(unix_us, level, event, fields);
}

constexpr std::string_view rendered_logger = "weir";

/// Writes whole lines to stderr with one write(2) each, so that lines of several threads
/// and processes do not mix. What other code logs is rendered here; log_event's lines
/// come ready.
class stderr_sink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string line{message.payload.data(), message.payload.size()};
    const std::string_view logger{message.logger_name.data(), message.logger_name.size()};
    if (logger != rendered_logger) {
      using namespace std::chrono;
      const auto us =
        duration_cast<microseconds>(message.time.time_since_epoch()).count();
      line = render(us, from_spdlog(message.level), "message", {{"text", line}});
    }
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
      const auto written = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (written <= 0)
        return; // nobody reads: a log line is not worth more
      rest.remove_prefix(static_cast<size_t>(written));
    }
  }
  void flush_() override {}
};

spdlog::logger& own_logger() {
  static const auto logger = std::make_shared<spdlog::logger>(
    std::string{rendered_logger}, std::make_shared<stderr_sink>());
  return *logger;
}

void write_event(log_level level, std::string_view event,
                 std::initializer_list<log_field> fields) {
  if (level < level_now.load(std::memory_order_relaxed))
    return;
  const auto line = render(system_clock_source{}.unix_us(), level, event, fields);
  own_logger().log(to_spdlog(level), spdlog::string_view_t{line.data(), line.size()});
}

} // namespace

void start_logging(const log_section& settings) {
  const bool on_terminal = ::isatty(STDERR_FILENO) == 1;
  json_lines = settings.format == log_format::json
               || (settings.format == log_format::automatic && !on_terminal);
  // level_now decides before anything is rendered
  own_logger().set_level(spdlog::level::trace);
  const auto others = std::make_shared<spdlog::logger>("", own_logger().sinks().front());
  spdlog::set_default_logger(others);
  set_log_level(settings.level);
  set_log_writer(write_event);
}

void set_log_level(log_level level) noexcept {
  level_now = level;
  spdlog::default_logger_raw()->set_level(to_spdlog(level));
}

} // namespace weir
