// What the configuration says of one stream, apart from its schema and steps.
#pragma once

#include "proto/batch.hpp"

#include <chrono>
#include <cstddef>
#include <string>

namespace weir {

enum class admission_policy : uint8_t {
  wait,   ///< wait up to `admission_wait` for credit, then 503
  reject, ///< 503 at once
  shed,   ///< as reject; low priority is refused first as the pipeline fills
};

enum class dead_letter_policy : uint8_t { discard, store };

std::string_view to_string(admission_policy policy) noexcept;
std::string_view to_string(dead_letter_policy policy) noexcept;

struct stream_settings {
  std::string name; ///< ^[a-z0-9][a-z0-9_-]{0,63}$
  priority level = priority::normal;
  ack_level ack = ack_level::durable;
  admission_policy admission = admission_policy::wait;
  std::chrono::milliseconds admission_wait{100};
  dead_letter_policy dead_letters = dead_letter_policy::discard;
  size_t record_bytes_max = size_t{1} << 20;
  uint32_t json_depth_max = 64;
  csv_dialect csv;               ///< for bodies whose Content-Type does not say otherwise
  double records_per_second = 0; ///< token bucket over the stream; 0: no limit
  double burst_records = 0;      ///< its size; 0: one second's worth
};

} // namespace weir
