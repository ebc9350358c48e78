// The figures weir keeps about itself: plain atomics that any thread adds to and the
// operations server reads. No prometheus type here; http/operations/metrics.cpp gives
// them their public names. One `telemetry` lives as long as the process and outlives
// every actor: a restart loses no count.
#pragma once

#include "base/codes.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace weir {

using counter = std::atomic<uint64_t>;
using gauge = std::atomic<int64_t>;

inline void add(counter& c, uint64_t n = 1) noexcept {
  c.fetch_add(n, std::memory_order_relaxed);
}

/// Latency in seconds, fixed buckets from 100 µs to 10 s. observe() makes two relaxed additions.
class latency_histogram {
 public:
  static constexpr std::array<double, 16> bounds{
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05,   0.1,     0.25,   0.5,   1.0,    2.5,   5.0,  10.0};
  void observe(double seconds) noexcept;
  /// Observations at or below bounds[i] but above bounds[i-1]; index bounds.size() is the rest.
  uint64_t bucket(size_t i) const noexcept {
    return buckets_[i].load(std::memory_order_relaxed);
  }
  double sum_seconds() const noexcept {
    return static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) * 1e-9;
  }

 private:
  std::array<counter, bounds.size() + 1> buckets_{};
  counter sum_ns_{0};
};

/// What an operator should know of a queue, whatever it holds.
struct queue_answers {
  std::string unit;         ///< batches, bytes, connections, records
  std::string bound;        ///< the formula over config keys that gives its capacity
  std::string who_blocks;   ///< who waits when it is full
  std::string acceptable;   ///< why that is all right
  std::string failure_mode; ///< what is seen when it is full
};

/// One bounded queue and its four answers; a row of /queues and two metrics.
struct queue_gauge {
  std::string name; ///< label `queue`
  queue_answers said;
  gauge capacity{0};
  gauge depth{0};
  bool described = false; ///< under telemetry's lock; afterwards `said` never changes
};

/// One stage of the pipeline: gateway, validate, transform, journal, sink, dead_letters.
struct stage_gauge {
  std::string name; ///< label `stage`
  counter records_processed{0};
  counter errors{0}; ///< crashes, hangs and I/O failures, not rejected records
  counter restarts{0};
  static constexpr int64_t no_credit = INT64_MIN;
  gauge credit_available{no_credit}; ///< batches; no_credit: the stage gives none
  latency_histogram latency;
};

struct telemetry {
  // The identity of accounting: received = stored + rejected + quarantined + dropped + in
  // flight. `received` counts records of admitted requests only.
  counter records_received{0};
  counter records_accepted{0}; ///< durable in the journal (stored)
  /// Repeated by an Idempotency-Key: counted as received, not as accepted.
  counter records_duplicate{0};
  counter records_dropped{0}; ///< removed by a drop or sample step
  /// By `reject`; quarantined included.
  std::array<counter, reject_codes> records_rejected{};
  /// Records of parts that were admitted and then refused whole: mostly 503, key_reused,
  /// body_too_large.
  counter records_failed{0};
  gauge records_in_flight{0};

  // -- HTTP
  std::array<counter, 600> responses{}; ///< by status code
  counter connections_accepted{0};
  gauge connections_open{0};
  counter bytes_received{0};
  gauge budget_bytes_used{0};
  gauge budget_bytes_max{0};

  // -- persist
  counter journal_bytes_written{0};
  counter journal_syncs{0};
  counter journal_sync_failures{0};
  counter journal_frames_quarantined{0};
  gauge journal_bytes{0}; ///< on disk now
  gauge journal_bytes_max{0};
  gauge journal_sequence{0}; ///< last durable record
  gauge sink_sequence{0};    ///< last record committed in the sink
  gauge sink_healthy{1};
  counter sink_rows{0};
  /// How many of these rows the store keeps beside its records.
  counter sink_set_aside{0};
  counter dead_letters_stored{0};
  gauge workers_hung{0};
  gauge config_reload_failed{0}; ///< 1 when the last SIGHUP was refused
  counter config_reloads{0};

  /// Finds or adds; the reference is valid for the process's life. Any thread; takes a
  /// lock, so call it at the start and keep the reference.
  queue_gauge& queue(std::string_view name);
  stage_gauge& stage(std::string_view name);
  /// Says what the queue is, the first time; later calls set only its capacity, because
  /// readers of a gauge read `said` without a lock.
  queue_gauge& describe_queue(std::string_view name, int64_t capacity,
                              queue_answers said);
  std::vector<queue_gauge*> queues(); ///< those that have been described
  std::vector<stage_gauge*> stages();

 private:
  std::mutex lock_;
  std::deque<queue_gauge> queues_;
  std::deque<stage_gauge> stages_;
};

} // namespace weir
