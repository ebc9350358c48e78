#include "app/node/tree_queues.hpp"

#include "proto/role_names.hpp"

#include <utility>

namespace weir {

void describe_storage_queues(const tree_parts& parts) {
  const auto& settings = parts.settings;
  const auto& ingest = settings.ingest;
  const auto describe = [&](const char* name, uint64_t capacity, queue_answers said) {
    parts.metrics.describe_queue(name, static_cast<int64_t>(capacity), std::move(said));
  };
  // Admission lets in no more batches than this.
  const auto batches = uint64_t{ingest.batches_in_flight}
                       + uint64_t{ingest.threads} * ingest.coalesce_window;
  describe("journal_group", batches,
           {"batches",
            "ingest.batches_in_flight + ingest.threads × ingest.coalesce_window",
            "admission", "yes: a commit takes milliseconds",
            "a failed sync answers 503 to all of the group"});
  describe("journal_disk", settings.journal.bytes_max,
           {"bytes", "journal.bytes_max",
            "admission, until the sink has caught up to nine tenths",
            "yes: said honestly, nothing is lost", "503 journal_full with Retry-After"});
  describe(role_name::sink, settings.sink.rows_per_transaction,
           {"records", "sink.rows_per_transaction", "the sink writer only",
            "yes: the journal is the buffer", "the journal fills"});
  describe(role_name::dead_letters, settings.dead_letters.letters_max,
           {"records", "dead_letters.letters_max", "nobody",
            "yes: the newest are what an operator needs", "the oldest are pruned"});
}

} // namespace weir
