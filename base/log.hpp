// LOG: what a module says to the operator. One event is one line, with a name that does not
// change and fields that do, so that machines can search for it; how and where it is written is
// app/logging/logging's business.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace weir {

enum class log_level : uint8_t { debug, info, warning, error };

struct log_field {
  std::string_view key; ///< a literal: lower case and `_`
  std::variant<std::string_view, int64_t, uint64_t, double, bool> value;

  log_field(std::string_view k, std::string_view v) : key(k), value(v) {}
  log_field(std::string_view k, const char* v) : key(k), value(std::string_view{v}) {}
  log_field(std::string_view k, const std::string& v)
    : key(k), value(std::string_view{v}) {}
  log_field(std::string_view k, bool v) : key(k), value(v) {}
  log_field(std::string_view k, double v) : key(k), value(v) {}
  template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
    log_field(std::string_view k, T v)
    : key(k) {
    if constexpr (std::is_signed_v<T>)
      value = static_cast<int64_t>(v);
    else
      value = static_cast<uint64_t>(v);
  }
};

/// Writes one event; the arguments live only during the call. Any thread; must not throw.
using log_writer = void (*)(log_level level, std::string_view event,
                            std::initializer_list<log_field> fields);

/// Sends all further events to `writer`; null, the value at the start, discards them. Any thread.
void set_log_writer(log_writer writer) noexcept;

/// Writes one line, or nothing if `level` is below the level that was set. Any thread.
void log_event(log_level level, std::string_view event,
               std::initializer_list<log_field> fields = {});

} // namespace weir
