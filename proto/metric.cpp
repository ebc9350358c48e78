#include "proto/metric.hpp"

#include <algorithm>

namespace weir {

void latency_histogram::observe(double seconds) noexcept {
  const auto at = std::lower_bound(bounds.begin(), bounds.end(), seconds);
  add(buckets_[static_cast<size_t>(at - bounds.begin())]);
  add(sum_ns_, seconds > 0 ? static_cast<uint64_t>(seconds * 1e9) : 0);
}

std::string_view to_string(metric_type type) noexcept {
  switch (type) {
  case metric_type::total:
    return "counter";
  case metric_type::level:
    return "gauge";
  case metric_type::latency:
    return "histogram";
  }
  return "untyped";
}

} // namespace weir
