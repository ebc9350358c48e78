// What the sink writer counts. The journal has a word in `healthy`: it asks the sink what it
// remembers before there is a writer.
#pragma once

#include "actors/journal_metrics.hpp"

#include <algorithm>

namespace weir {

struct sink_metrics {
  explicit sink_metrics(telemetry& in_) : in(in_) {
    const auto lag = [&written = journal_metrics{in}.sequence, &stored = sequence] {
      // Read one after the other, the two may seem to have the sink ahead.
      const auto behind = written.load() - stored.load();
      return static_cast<double>(std::max<int64_t>(behind, 0));
    };
    in.computed({"weir_sink_lag_records",
                 "Durable records the sink has not committed yet.",
                 "Durable records that the sink has not committed yet."},
                metric_type::level, {}, lag);
  }

  telemetry& in;
  gauge& sequence =
    in.gauge({"weir_sink_sequence", "Number of the last record committed in the sink."});
  gauge& healthy =
    in.gauge({"weir_sink_healthy", "1 when the last transaction succeeded."}, {}, 1);
  counter& rows = in.counter(
    {"weir_sink_rows_total", "Rows committed in the sink.", "Rows committed."});
  /// How many of these rows the store keeps beside its records.
  counter& set_aside =
    in.counter({"weir_sink_set_aside_total",
                "Of these, rows that jsonb cannot hold: in records_set_aside.",
                "Of these, rows that the database can't hold: in `records_set_aside`."});
};

} // namespace weir
