#include "http/ingest/body_pace.hpp"

#include <string>

namespace weir {

void body_pace::begin(time_point at) noexcept {
  last_byte_ = window_began_ = at;
  window_bytes_ = 0;
}

void body_pace::count(size_t bytes, time_point at) noexcept {
  last_byte_ = at;
  window_bytes_ += bytes;
}

result<void> body_pace::check(const body_pace_limits& limits, time_point at) {
  if (at - last_byte_ >= limits.stall_timeout)
    return fail(ec::request_timeout, "no byte of the body came for too long");
  if (at - window_began_ < limits.window)
    return {};
  // A window ends at the first look after its time, so it may be longer than its limit says.
  const double seconds = std::chrono::duration<double>(at - window_began_).count();
  const auto due = static_cast<double>(limits.rate_min) * seconds;
  if (static_cast<double>(window_bytes_) < due)
    return fail(ec::request_timeout, "the body came at less than "
                                       + std::to_string(limits.rate_min)
                                       + " bytes a second");
  window_began_ = at;
  window_bytes_ = 0;
  return {};
}

} // namespace weir
