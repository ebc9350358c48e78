#include "app/node/metrics.hpp"

#include "actors/dead_letters.hpp"
#include "actors/journal_metrics.hpp"
#include "actors/sink_metrics.hpp"
#include "actors/supervision/supervisor.hpp"
#include "app/logging/version.hpp"
#include "app/node/process_metrics.hpp"
#include "cluster/link_metrics.hpp"
#include "http/ingest/ingest_state.hpp"
#include "http/ingest/outstanding.hpp"

namespace weir {

node_metrics::node_metrics(telemetry& in_) : in(in_) {
  in.gauge({"weir_build_info", "Version of this binary; always 1.", "Always 1."},
           {{"version", version_text()}, {"compiler", "g++ " __VERSION__}}, 1);
}

namespace {

constexpr metric_section sections[] = {
  {"Records", [](telemetry& in, const cluster_view*) { record_metrics{in}; }},
  {"Stages", [](telemetry& in, const cluster_view*) { in.declare_stages(); }},
  {"Queues", [](telemetry& in, const cluster_view*) { in.declare_queues(); }},
  {"HTTP and memory", [](telemetry& in, const cluster_view*) { http_metrics{in}; }},
  {"Journal", [](telemetry& in, const cluster_view*) { journal_metrics{in}; }},
  {"Sink and dead letters",
   [](telemetry& in, const cluster_view*) {
     sink_metrics{in};
     dead_letter_metrics{in};
   }},
  {"The node",
   [](telemetry& in, const cluster_view*) {
     supervision_metrics{in};
     node_metrics{in};
   }},
  {"The process",
   [](telemetry& in, const cluster_view*) {
     declare_process_metrics(in, system_clock_source{});
   }},
  {"Cluster",
   [](telemetry& in, const cluster_view* cluster) {
     if (cluster)
       declare_link_metrics(in, *cluster);
   }},
};

} // namespace

std::span<const metric_section> metric_sections() noexcept {
  return sections;
}

void declare_metrics(telemetry& in, const cluster_view* cluster) {
  for (const auto& section : sections)
    section.declare(in, cluster);
}

} // namespace weir
