#include "http/operations/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace weir {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using label = std::pair<std::string, std::string>;

/// Collects families; each function adds a family, or a sample to the last one.
class collection {
 public:
  void family(const char* name, const char* help, MetricType type) {
    families_.push_back(MetricFamily{name, help, type, {}});
  }

  void sample(double value, std::vector<label> labels = {}) {
    auto& metric = add(std::move(labels));
    if (families_.back().type == MetricType::Counter)
      metric.counter.value = value;
    else
      metric.gauge.value = value;
  }

  void counter_family(const char* name, const char* help, const counter& value) {
    family(name, help, MetricType::Counter);
    sample(static_cast<double>(value.load(std::memory_order_relaxed)));
  }

  void gauge_family(const char* name, const char* help, const gauge& value) {
    family(name, help, MetricType::Gauge);
    sample(static_cast<double>(value.load(std::memory_order_relaxed)));
  }

  void histogram(const latency_histogram& values, std::vector<label> labels) {
    auto& out = add(std::move(labels)).histogram;
    uint64_t seen = 0;
    for (size_t i = 0; i <= latency_histogram::bounds.size(); ++i) {
      seen += values.bucket(i);
      const auto bound = i < latency_histogram::bounds.size()
                           ? latency_histogram::bounds[i]
                           : std::numeric_limits<double>::infinity();
      out.bucket.push_back({seen, bound});
    }
    out.sample_count = seen;
    out.sample_sum = values.sum_seconds();
  }

  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  ClientMetric& add(std::vector<label> labels) {
    auto& metric = families_.back().metric.emplace_back();
    for (auto& [name, value] : labels)
      metric.label.push_back({std::move(name), std::move(value)});
    return metric;
  }

  std::vector<MetricFamily> families_;
};

void collect_records(collection& out, const telemetry& t) {
  out.counter_family("weir_records_received_total", "Records of admitted requests.",
                     t.records_received);
  out.counter_family("weir_records_accepted_total",
                     "Records made durable in the journal.", t.records_accepted);
  out.counter_family("weir_records_duplicate_total",
                     "Records of repeated requests that were stored before.",
                     t.records_duplicate);
  out.counter_family("weir_records_dropped_total",
                     "Records removed by a drop or sample step.", t.records_dropped);
  out.counter_family("weir_records_failed_total",
                     "Records admitted and then refused with all of their batch: 503, a "
                     "key that was reused (422), or too large for the journal (413).",
                     t.records_failed);
  out.gauge_family("weir_records_in_flight", "Records admitted and not answered yet.",
                   t.records_in_flight);
  out.family("weir_records_rejected_total", "Records refused one by one.",
             MetricType::Counter);
  for (int i = 1; i < reject_codes; ++i)
    out.sample(static_cast<double>(t.records_rejected[static_cast<size_t>(i)].load()),
               {{"reason", std::string{to_string(static_cast<reject>(i))}}});
}

void collect_stages(collection& out, telemetry& t) {
  const auto stages = t.stages();
  // The text format wants a family's samples in one piece: one pass over the stages for each.
  const auto family = [&](const char* name, const char* help, MetricType type,
                          auto value) {
    out.family(name, help, type);
    for (const auto* s : stages)
      out.sample(static_cast<double>(value(*s)), {{"stage", s->name}});
  };
  family("weir_records_processed_total", "Records that went through the stage.",
         MetricType::Counter,
         [](const stage_gauge& s) { return s.records_processed.load(); });
  family("weir_processing_errors_total", "Crashes, hangs and I/O failures of the stage.",
         MetricType::Counter, [](const stage_gauge& s) { return s.errors.load(); });
  family("weir_worker_restarts_total", "Restarts of the stage's actors.",
         MetricType::Counter, [](const stage_gauge& s) { return s.restarts.load(); });
  out.family("weir_credit_available",
             "Batches the stage would still take; of stages that bound it.",
             MetricType::Gauge);
  for (const auto* s : stages)
    if (const auto credit = s->credit_available.load(); credit != stage_gauge::no_credit)
      out.sample(static_cast<double>(credit), {{"stage", s->name}});
  out.family("weir_stage_latency_seconds", "Time a batch spends in the stage.",
             MetricType::Histogram);
  for (const auto* s : stages)
    out.histogram(s->latency, {{"stage", s->name}});
}

void collect_queues(collection& out, telemetry& t) {
  const auto queues = t.queues();
  out.family("weir_queue_depth",
             "What the queue holds now, in its own unit (see /queues).",
             MetricType::Gauge);
  for (const auto* q : queues)
    out.sample(static_cast<double>(q->depth.load()), {{"queue", q->name}});
  out.family("weir_queue_capacity", "The queue's bound, in its own unit (see /queues).",
             MetricType::Gauge);
  for (const auto* q : queues)
    out.sample(static_cast<double>(q->capacity.load()), {{"queue", q->name}});
}

void collect_http(collection& out, const telemetry& t) {
  out.family("weir_http_responses_total", "Answers of the ingest listener.",
             MetricType::Counter);
  // A status that was never sent has no series.
  for (size_t status = 100; status < t.responses.size(); ++status)
    if (const auto count = t.responses[status].load())
      out.sample(static_cast<double>(count), {{"code", std::to_string(status)}});
  out.counter_family("weir_http_connections_accepted_total", "Connections accepted.",
                     t.connections_accepted);
  out.gauge_family("weir_http_connections_open", "Connections open now.",
                   t.connections_open);
  out.counter_family("weir_http_received_bytes_total", "Bytes of request bodies read.",
                     t.bytes_received);
  out.gauge_family("weir_budget_used_bytes", "Bytes of the byte budget in use.",
                   t.budget_bytes_used);
  out.gauge_family("weir_budget_max_bytes", "The byte budget.", t.budget_bytes_max);
}

void collect_storage(collection& out, const telemetry& t) {
  out.counter_family("weir_journal_written_bytes_total", "Bytes appended to the journal.",
                     t.journal_bytes_written);
  out.counter_family("weir_journal_syncs_total", "Group commits.", t.journal_syncs);
  out.counter_family("weir_journal_sync_failures_total", "Group commits that failed.",
                     t.journal_sync_failures);
  out.counter_family("weir_journal_frames_quarantined_total",
                     "Corrupt places found in the journal by recovery.",
                     t.journal_frames_quarantined);
  out.gauge_family("weir_journal_disk_bytes", "Size of the journal on disk.",
                   t.journal_bytes);
  out.gauge_family("weir_journal_disk_max_bytes", "The journal's bound on disk.",
                   t.journal_bytes_max);
  out.gauge_family("weir_journal_sequence", "Number of the last durable record.",
                   t.journal_sequence);
  out.gauge_family("weir_sink_sequence",
                   "Number of the last record committed in the sink.", t.sink_sequence);
  out.family("weir_sink_lag_records", "Durable records the sink has not committed yet.",
             MetricType::Gauge);
  // Read one after the other, the two may seem to have the sink ahead.
  const auto lag = t.journal_sequence.load() - t.sink_sequence.load();
  out.sample(static_cast<double>(lag > 0 ? lag : 0));
  out.gauge_family("weir_sink_healthy", "1 when the last transaction succeeded.",
                   t.sink_healthy);
  out.counter_family("weir_sink_rows_total", "Rows committed in the sink.", t.sink_rows);
  out.counter_family("weir_sink_set_aside_total",
                     "Of these, rows that jsonb cannot hold: in records_set_aside.",
                     t.sink_set_aside);
  out.counter_family("weir_dead_letters_stored_total", "Dead letters committed.",
                     t.dead_letters_stored);
}

void collect_node(collection& out, const telemetry& t, const build_info& build) {
  out.gauge_family("weir_workers_hung", "Workers abandoned because they hang.",
                   t.workers_hung);
  out.counter_family("weir_config_reloads_total", "Configurations taken over by SIGHUP.",
                     t.config_reloads);
  out.gauge_family("weir_config_reload_failed", "1 when the last SIGHUP was refused.",
                   t.config_reload_failed);
  out.family("weir_build_info", "Version of this binary; always 1.", MetricType::Gauge);
  out.sample(1, {{"version", build.version}, {"compiler", build.compiler}});
}

/// One sample for each peer.
template <class Value>
void link_family(collection& out, const cluster_snapshot& cluster, const char* name,
                 const char* help, MetricType type, Value value) {
  out.family(name, help, type);
  for (const auto& link : cluster.links)
    out.sample(static_cast<double>(value(link)), {{"peer", link.peer}});
}

/// One sample for each peer, flow and direction.
template <class Value>
void flow_family(collection& out, const cluster_snapshot& cluster, const char* name,
                 const char* help, Value value) {
  out.family(name, help, MetricType::Gauge);
  for (const auto& link : cluster.links)
    for (const auto flow : all_flows) {
      const auto index = index_of(flow);
      const auto add = [&](const char* direction, const flow_view& view) {
        out.sample(static_cast<double>(value(view)),
                   {{"peer", link.peer},
                    {"flow", std::string{to_string(flow)}},
                    {"direction", direction}});
      };
      add("sent", link.out[index]);
      add("received", link.in[index]);
    }
}

void collect_links(collection& out, const cluster_snapshot& c) {
  const auto gauge_type = MetricType::Gauge;
  const auto total = MetricType::Counter;
  out.family("weir_cluster_members", "Nodes this one knows, by state.", gauge_type);
  // Every state has a sample, 0 too: a series that comes and goes is hard to alert on.
  for (const char* state : {"self", "up", "draining", "down"})
    out.sample(static_cast<double>(std::count_if(
                 c.members.begin(), c.members.end(),
                 [&](const auto& member) { return member.state == state; })),
               {{"state", state}});
  link_family(out, c, "weir_link_up", "1 while there is a link to the peer.", gauge_type,
              [](const auto& link) { return link.up ? 1 : 0; });
  link_family(out, c, "weir_link_round_trip_seconds", "Of the last heartbeat.",
              gauge_type, [](const auto& link) { return link.round_trip_seconds; });
  link_family(out, c, "weir_link_batches_sent_total", "Batches sent to the peer.", total,
              [](const auto& link) { return link.batches_sent; });
  link_family(out, c, "weir_link_batches_received_total", "Batches the peer sent.", total,
              [](const auto& link) { return link.batches_received; });
  link_family(out, c, "weir_link_bytes_sent_total", "Of batches and receipts.", total,
              [](const auto& link) { return link.bytes_sent; });
  link_family(out, c, "weir_link_bytes_received_total", "Of batches and receipts.", total,
              [](const auto& link) { return link.bytes_received; });
  link_family(out, c, "weir_link_resends_total",
              "Batches taken back from the peer and sent to another.", total,
              [](const auto& link) { return link.resends; });
  link_family(out, c, "weir_link_losses_total", "Times a link to the peer went down.",
              total, [](const auto& link) { return link.losses; });
  flow_family(out, c, "weir_link_batches_in_flight", "Batches without a receipt.",
              [](const auto& view) { return view.used.batches; });
  flow_family(out, c, "weir_link_bytes_in_flight", "Bytes of batches without a receipt.",
              [](const auto& view) { return view.used.bytes; });
  flow_family(out, c, "weir_link_window_batches", "What may be in flight.",
              [](const auto& view) { return view.window.batches; });
  flow_family(out, c, "weir_link_window_bytes", "What may be in flight.",
              [](const auto& view) { return view.window.bytes; });
}

} // namespace

std::vector<MetricFamily> collect_metrics(telemetry& figures, const build_info& build,
                                          const cluster_view* cluster) {
  collection out;
  collect_records(out, figures);
  collect_stages(out, figures);
  collect_queues(out, figures);
  collect_http(out, figures);
  collect_storage(out, figures);
  collect_node(out, figures, build);
  if (cluster)
    collect_links(out, cluster->snapshot());
  return out.take();
}

std::string render_metrics(telemetry& figures, const build_info& build,
                           const cluster_view* cluster) {
  return prometheus::TextSerializer{}.Serialize(collect_metrics(figures, build, cluster));
}

} // namespace weir
