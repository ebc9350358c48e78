// What each stage costs by itself, per record: ./dev bench micro. Batches of 500 records, all on
// one thread, no disk; bench/run.py measures the whole.
#include "base/clock.hpp"
#include "bench/micro/workload.hpp"
#include "http/ingest/admission.hpp"
#include "storage/journal/journal.hpp"

#include <benchmark/benchmark.h>

namespace weir::bench {
namespace {

void count(benchmark::State& state, uint64_t records) {
  state.SetItemsProcessed(static_cast<int64_t>(records));
  state.counters["per_record"] =
    benchmark::Counter(static_cast<double>(records),
                       benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void frame(benchmark::State& state, shape as) {
  const auto body = make_body(as);
  uint64_t records = 0;
  for (auto _ : state) {
    std::vector<record_ref> found;
    framer frames{format_of(as), {}};
    benchmark::DoNotOptimize(frames.scan(body, true, batch_records + 1, found));
    records += found.size();
  }
  count(state, records);
}

template <class Work>
void stage(benchmark::State& state, const batch_ptr& batch, const catalog& streams,
           Work work) {
  work_scratch scratch{1};
  std::atomic<uint32_t> mark{0};
  uint64_t records = 0;
  for (auto _ : state)
    records += work(*batch, streams, scratch, mark)->records.size();
  count(state, records);
}

void validating(benchmark::State& state, const char* stream, shape as) {
  stage(state, make_batch(stream, as), make_catalog(), validate);
}

/// The steps on what validation leaves of the records.
void transforming(benchmark::State& state, const char* stream, shape as) {
  const auto streams = make_catalog();
  work_scratch scratch{1};
  std::atomic<uint32_t> mark{0};
  stage(state, validate(*make_batch(stream, as), streams, scratch, mark), streams,
        transform);
}

/// Both on the same records, as one worker does.
void fused(benchmark::State& state) {
  stage(state, make_batch("web", shape::json), make_catalog(), [](auto&&... with) {
    return validate_and_transform(with..., system_clock_source{}).batch;
  });
}

void journal_append(benchmark::State& state) {
  careless_disk disk;
  const system_clock_source clock;
  recovery_report report;
  const auto journal =
    must(journal_writer::open(endless_journal(), disk, clock, 0, report));
  auto batch = std::make_shared<record_batch>(*make_batch("web", shape::json));
  auto source = std::make_shared<envelope>(*batch->source);
  batch->source = source;
  uint64_t records = 0;
  for (auto _ : state) {
    source->parts[0].key.low = ++records; // else it is known, and not stored
    journal->add(batch);
    benchmark::DoNotOptimize(journal->commit());
  }
  count(state, records * batch_records);
}

void admission_round(benchmark::State& state) {
  admission gate{{.bytes_max = size_t{1} << 30, .batches_max = 64, .waiters_max = 1000}};
  const claim wanted{260, 0};
  const auto now = std::chrono::steady_clock::now();
  uint64_t requests = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
      gate.enter(wanted, priority::normal, admission_policy::wait, {}));
    gate.release(wanted, now);
    ++requests;
  }
  count(state, requests);
}

BENCHMARK_CAPTURE(frame, ndjson, shape::json);
BENCHMARK_CAPTURE(frame, csv, shape::csv);
BENCHMARK_CAPTURE(validating, parse, "plain", shape::json);
BENCHMARK_CAPTURE(validating, parse_and_schema, "web", shape::json);
BENCHMARK_CAPTURE(validating, csv, "plain", shape::csv);
BENCHMARK_CAPTURE(validating, text, "plain", shape::log);
BENCHMARK_CAPTURE(transforming, two_steps, "web", shape::json);
BENCHMARK(fused);
BENCHMARK_CAPTURE(transforming, combined_log, "log", shape::log);
BENCHMARK(journal_append);
BENCHMARK(admission_round);

} // namespace
} // namespace weir::bench

BENCHMARK_MAIN();
