// METRICS: what telemetry has, in the Prometheus text format, through prometheus-cpp's serializer.
#pragma once

#include "proto/telemetry.hpp"

#include <string>

namespace weir {

/// The body of /metrics. Any thread; the counters keep moving meanwhile.
std::string render_metrics(telemetry& metrics);

} // namespace weir
