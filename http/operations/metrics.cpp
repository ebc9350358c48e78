#include "http/operations/metrics.hpp"

#include <limits>
#include <utility>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace weir {

namespace {

prometheus::MetricType type_of(const metric_family& from) noexcept {
  switch (from.type) {
  case metric_type::total:
    return prometheus::MetricType::Counter;
  case metric_type::level:
    return prometheus::MetricType::Gauge;
  case metric_type::latency:
    return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

/// The page counts in each bucket what is in the ones below it, too.
void fill(prometheus::ClientMetric::Histogram& out, const metric_sample& from) {
  constexpr auto& bounds = latency_histogram::bounds;
  uint64_t seen = 0;
  for (size_t i = 0; i < from.buckets.size(); ++i) {
    seen += from.buckets[i];
    out.bucket.push_back(
      {seen, i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity()});
  }
  out.sample_count = seen;
  out.sample_sum = from.value;
}

prometheus::MetricFamily rendered(const metric_family& from) {
  prometheus::MetricFamily family{
    std::string{from.spec.name}, std::string{from.spec.help}, type_of(from), {}};
  for (const auto& sample : from.samples) {
    auto& out = family.metric.emplace_back();
    for (size_t i = 0; i < from.labels.size(); ++i)
      out.label.push_back({std::string{from.labels[i]}, sample.label_values[i]});
    out.counter.value = out.gauge.value = sample.value;
    if (from.type == metric_type::latency)
      fill(out.histogram, sample);
  }
  return family;
}

} // namespace

std::string render_metrics(telemetry& metrics) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& family : metrics.families())
    families.push_back(rendered(family));
  return prometheus::TextSerializer{}.Serialize(families);
}

} // namespace weir
