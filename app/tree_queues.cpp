#include "app/tree_queues.hpp"

namespace weir {
namespace {

struct answers {
  const char* unit;
  const char* bound;
  const char* who_blocks;
  const char* acceptable;
  const char* failure_mode;
};

void describe(queue_gauge& queue, uint64_t capacity, const answers& said) {
  queue.unit = said.unit;
  queue.bound = said.bound;
  queue.who_blocks = said.who_blocks;
  queue.acceptable = said.acceptable;
  queue.failure_mode = said.failure_mode;
  queue.capacity = static_cast<int64_t>(capacity);
}

} // namespace

void describe_storage_queues(const tree_parts& parts) {
  const auto& settings = parts.settings;
  auto& figures = parts.figures;
  const auto& ingest = settings.ingest;
  const auto batches = uint64_t{ingest.batches_in_flight}
                       + uint64_t{ingest.threads} * ingest.coalesce_window;
  describe(figures.queue("journal_group"), batches,
           {"batches",
            "ingest.batches_in_flight + ingest.threads × ingest.coalesce_window",
            "admission", "yes: a commit takes milliseconds",
            "a failed sync answers 503 to all of the group"});
  describe(figures.queue("journal_disk"), settings.journal.bytes_max,
           {"bytes", "journal.bytes_max",
            "admission, until the sink has caught up to nine tenths",
            "yes: said honestly, nothing is lost", "503 journal_full with Retry-After"});
  describe(figures.queue("sink"), settings.sink_rows_per_transaction,
           {"records", "sink.rows_per_transaction", "the sink writer only",
            "yes: the journal is the buffer", "the journal fills"});
  describe(figures.queue("dead_letters"), settings.dead_letters.letters_max,
           {"records", "dead_letters.letters_max", "nobody",
            "yes: the newest are what an operator needs", "the oldest are pruned"});
}

} // namespace weir
