// METRICS: the list of all that count. A new metric is a member of one of these structs; a new
// struct, and only that, needs a line here.
#pragma once

#include "proto/cluster_view.hpp"
#include "proto/telemetry.hpp"

#include <span>
#include <string_view>

namespace weir {

struct node_metrics {
  explicit node_metrics(telemetry& in_);

  telemetry& in;
  counter& config_reloads =
    in.counter({"weir_config_reloads_total", "Configurations taken over by SIGHUP."});
  gauge& config_reload_failed =
    in.gauge({"weir_config_reload_failed", "1 when the last SIGHUP was refused."});
};

/// A heading of docs/metrics.md and what stands below it. `cluster` is null for a node alone.
struct metric_section {
  std::string_view heading;
  void (*declare)(telemetry& in, const cluster_view* cluster);
};

/// In the order of docs/metrics.md, and of /metrics.
std::span<const metric_section> metric_sections() noexcept;

/// From now on the page has every metric: with 0, or without series if a label tells them apart.
void declare_metrics(telemetry& in, const cluster_view* cluster);

} // namespace weir
