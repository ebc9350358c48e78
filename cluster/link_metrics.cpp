#include "cluster/link_metrics.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

/// One series for each peer.
struct per_link {
  metric_spec spec;
  metric_type type;
  double (*value)(const link_view&);
};

constexpr per_link of_links[] = {
  {{"weir_link_up", "1 while there is a link to the peer."},
   metric_type::level,
   [](const link_view& link) { return link.up ? 1.0 : 0.0; }},
  {{"weir_link_round_trip_seconds", "Of the last heartbeat.", "The last heartbeat's."},
   metric_type::level,
   [](const link_view& link) { return link.round_trip_seconds; }},
  {{"weir_link_batches_sent_total", "Batches sent to the peer."},
   metric_type::total,
   [](const link_view& link) { return static_cast<double>(link.batches_sent); }},
  {{"weir_link_batches_received_total", "Batches the peer sent."},
   metric_type::total,
   [](const link_view& link) { return static_cast<double>(link.batches_received); }},
  {{"weir_link_bytes_sent_total", "Of batches and receipts.",
    "Bytes of batches and receipts sent."},
   metric_type::total,
   [](const link_view& link) { return static_cast<double>(link.bytes_sent); }},
  {{"weir_link_bytes_received_total", "Of batches and receipts.",
    "Bytes of batches and receipts received."},
   metric_type::total,
   [](const link_view& link) { return static_cast<double>(link.bytes_received); }},
  {{"weir_link_resends_total", "Batches taken back from the peer and sent to another."},
   metric_type::total,
   [](const link_view& link) { return static_cast<double>(link.resends); }},
  {{"weir_link_losses_total", "Times a link to the peer went down."},
   metric_type::total,
   [](const link_view& link) { return static_cast<double>(link.losses); }},
};

/// One series for each peer, flow and direction.
struct per_flow {
  metric_spec spec;
  double (*value)(const flow_view&);
};

constexpr per_flow of_flows[] = {
  {{"weir_link_batches_in_flight", "Batches without a receipt."},
   [](const flow_view& flow) { return static_cast<double>(flow.used.batches); }},
  {{"weir_link_bytes_in_flight", "Bytes of batches without a receipt."},
   [](const flow_view& flow) { return static_cast<double>(flow.used.bytes); }},
  {{"weir_link_window_batches", "What may be in flight.",
    "Batches that may be in flight."},
   [](const flow_view& flow) { return static_cast<double>(flow.window.batches); }},
  {{"weir_link_window_bytes", "What may be in flight.", "Bytes that may be in flight."},
   [](const flow_view& flow) { return static_cast<double>(flow.window.bytes); }},
};

std::vector<metric_sample> members_by_state(const cluster_view& view) {
  const auto members = view.snapshot().members;
  std::vector<metric_sample> samples;
  // Every state has a sample, 0 too: a series that comes and goes is hard to alert on.
  for (const char* state : {"self", "up", "draining", "down"}) {
    const auto count =
      std::count_if(members.begin(), members.end(),
                    [&](const auto& member) { return member.state == state; });
    samples.push_back({{state}, static_cast<double>(count)});
  }
  return samples;
}

std::vector<metric_sample> samples_of(const cluster_view& view, const per_link& metric) {
  std::vector<metric_sample> samples;
  for (const auto& link : view.snapshot().links)
    samples.push_back({{link.peer}, metric.value(link)});
  return samples;
}

std::vector<metric_sample> samples_of(const cluster_view& view, const per_flow& metric) {
  std::vector<metric_sample> samples;
  for (const auto& link : view.snapshot().links)
    for (const auto flow : all_flows) {
      const std::string name{to_string(flow)};
      const auto index = index_of(flow);
      samples.push_back({{link.peer, name, "sent"}, metric.value(link.out[index])});
      samples.push_back({{link.peer, name, "received"}, metric.value(link.in[index])});
    }
  return samples;
}

} // namespace

void declare_link_metrics(telemetry& in, const cluster_view& view) {
  in.sampled(
    {"weir_cluster_members", "Nodes this one knows, by state.",
     "Nodes this one knows: `self`, `up`, `draining`, `down`; each has a sample, 0 too."},
    metric_type::level, {"state"}, [&view] { return members_by_state(view); });
  for (const auto& metric : of_links)
    in.sampled(metric.spec, metric.type, {"peer"},
               [&view, &metric] { return samples_of(view, metric); });
  for (const auto& metric : of_flows)
    in.sampled(metric.spec, metric_type::level, {"peer", "flow", "direction"},
               [&view, &metric] { return samples_of(view, metric); });
}

} // namespace weir
