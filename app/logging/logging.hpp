// LOGGING: one line per event on stderr, for people on a terminal and for machines
// otherwise.
//
//   text
//     2024-05-17T10:05:03.123456Z info  request_refused stream=web reason="queue full"
//   json
//     {"time":"2024-05-17T10:05:03.123456Z","level":"info","event":"request_refused",…}
//
// A line is always valid UTF-8 on one line whatever the values hold: control bytes are
// escaped, broken UTF-8 becomes U+FFFD, and a long value is cut.
#pragma once

#include "app/config/config.hpp"
#include "base/log.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace weir {

inline constexpr size_t log_value_bytes_max = 512; ///< one value's; the rest is cut
/// Fields beyond this are left out, and counted.
inline constexpr size_t log_line_bytes_max = 2048;

/// The line without its end, as either format renders it. `unix_us` is the time of the
/// event.
std::string render_text(int64_t unix_us, log_level level, std::string_view event,
                        std::initializer_list<log_field> fields);
std::string render_json(int64_t unix_us, log_level level, std::string_view event,
                        std::initializer_list<log_field> fields);

/// Takes the process's events: sets level and format; lines go to stderr. Also takes what
/// libraries log through spdlog's default logger, as the event `message`. Once, before
/// there are threads; only the level may be set again, at any time.
void start_logging(const log_section& settings);
void set_log_level(log_level level) noexcept;

} // namespace weir
