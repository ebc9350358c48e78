// What the journal counts. The writer counts from its own start; the actor adds the differences.
#pragma once

#include "proto/telemetry.hpp"

namespace weir {

struct journal_metrics {
  telemetry& in;
  counter& written_bytes =
    in.counter({"weir_journal_written_bytes_total", "Bytes appended to the journal.",
                "Bytes appended."});
  counter& syncs = in.counter(
    {"weir_journal_syncs_total", "Group commits.",
     "Commits. Accepted records for each of them say how much shares one sync."});
  latency_histogram& sync_seconds = in.histogram(
    {"weir_journal_sync_seconds", "Time to write and sync a group commit.",
     "Time to write and sync a group commit: what the disk adds to each durable "
     "request."});
  counter& sync_failures =
    in.counter({"weir_journal_sync_failures_total", "Group commits that failed.",
                "Commits that failed; their clients heard 503. Check the disk."});
  counter& frames_quarantined =
    in.counter({"weir_journal_frames_quarantined_total",
                "Corrupt places found in the journal by recovery.",
                "Damaged places that recovery found and set aside."});
  gauge& disk_bytes = in.gauge(
    {"weir_journal_disk_bytes", "Size of the journal on disk.", "Size on disk."});
  gauge& disk_max_bytes =
    in.gauge({"weir_journal_disk_max_bytes", "The journal's bound on disk.",
              "`journal.bytes_max`."});
  gauge& sequence =
    in.gauge({"weir_journal_sequence", "Number of the last durable record."});
};

} // namespace weir
