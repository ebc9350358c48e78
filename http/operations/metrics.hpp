// METRICS: gives the figures of proto/telemetry.hpp their public names and renders them in
// the Prometheus text format through prometheus-cpp's serializer. Every label value comes from
// the code, the configuration or a peer's certificate, never from a request.
#pragma once

#include "proto/cluster_view.hpp"
#include "proto/telemetry.hpp"

#include <string>
#include <vector>

#include <prometheus/metric_family.h>

namespace weir {

struct build_info {
  std::string version;
  std::string compiler;
};

/// A snapshot of every figure; figures of links only with a `cluster`. Any thread; the counters
/// keep moving meanwhile.
std::vector<prometheus::MetricFamily>
collect_metrics(telemetry& figures, const build_info& build,
                const cluster_view* cluster = nullptr);

/// The body of /metrics.
std::string render_metrics(telemetry& figures, const build_info& build,
                           const cluster_view* cluster = nullptr);

} // namespace weir
