// METRIC: a number that weir keeps about itself, declared once, where it is counted:
//
//   struct journal_metrics {
//     telemetry& in;
//     counter& syncs = in.counter({"weir_journal_syncs_total", "Group commits."});
//   };
//
// Whoever counts makes such a struct at its start and keeps it: `add(metrics.syncs)` is then one
// relaxed addition. What is declared so is on /metrics, and docs/metrics.md has its row, once the
// struct is in the list of app/node/metrics.cpp. No Prometheus type here.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

using counter = std::atomic<uint64_t>;
using gauge = std::atomic<int64_t>;

/// A gauge with this value has no sample on the page.
inline constexpr int64_t gauge_absent = INT64_MIN;

inline void add(counter& c, uint64_t n = 1) noexcept {
  c.fetch_add(n, std::memory_order_relaxed);
}

/// Latency in seconds, fixed buckets from 100 µs to 10 s. observe() makes two relaxed additions.
class latency_histogram {
 public:
  static constexpr std::array<double, 16> bounds{
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05,   0.1,     0.25,   0.5,   1.0,    2.5,   5.0,  10.0};
  void observe(double seconds) noexcept;
  /// Observations at or below bounds[i] but above bounds[i-1]; index bounds.size() is the rest.
  uint64_t bucket(size_t i) const noexcept {
    return buckets_[i].load(std::memory_order_relaxed);
  }
  double sum_seconds() const noexcept {
    return static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) * 1e-9;
  }

 private:
  std::array<counter, bounds.size() + 1> buckets_{};
  counter sum_ns_{0};
};

/// What a metric says of itself. The texts are literals.
struct metric_spec {
  /// As Prometheus wants it: what is counted, then its unit in full (`_bytes`, `_seconds`,
  /// `_records`), then `_total` for a counter.
  std::string_view name;
  std::string_view help; ///< one sentence or more
  /// What docs/metrics.md says in place of `help`, in Markdown; empty: the same.
  std::string_view docs{};
};

enum class metric_type : uint8_t {
  total,   ///< a counter
  level,   ///< a gauge
  latency, ///< a histogram
};
/// As Prometheus calls it.
std::string_view to_string(metric_type type) noexcept;

/// Names and values. A value comes from the code, the configuration or a peer's certificate, never
/// from a request. If one is empty the metric is declared, and what is counted there is not shown:
/// for a list of all metrics.
using metric_labels = std::vector<std::pair<std::string_view, std::string>>;

/// One series as it is now. `buckets` counts those of latency_histogram one by one.
struct metric_sample {
  std::vector<std::string> label_values;
  double value = 0; ///< the sum, for a histogram
  std::array<uint64_t, latency_histogram::bounds.size() + 1> buckets{};
};

/// One metric as it is now.
struct metric_family {
  metric_spec spec;
  metric_type type = metric_type::level;
  std::vector<std::string_view> labels;
  std::vector<metric_sample> samples;
};

} // namespace weir
