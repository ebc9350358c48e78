// TELEMETRY: all that one node counts of itself. Modules ask it for their counters at their start
// (proto/metric.hpp says how) and then add to plain atomics; the operations listener reads them.
// One lives as long as the process and outlives every actor: who is restarted finds the same
// counters, and no count is lost. Two in one process share nothing.
//
//   Bounded:  by the metrics that the code declares and the label values that the configuration
//             fixes; nothing is ever taken away.
#pragma once

#include "proto/metric.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

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
  static constexpr int64_t no_credit = gauge_absent;
  gauge credit_available{no_credit}; ///< batches; no_credit: the stage gives none
  latency_histogram latency;
};

class telemetry {
 public:
  telemetry() = default;
  telemetry(const telemetry&) = delete;
  telemetry& operator=(const telemetry&) = delete;

  // Each finds or adds one series; the reference is valid for the life of this object. They take
  // a lock: ask once, at the start. A metric that is declared in two ways, or whose name does not
  // say its type, is a bug: std::logic_error.
  weir::counter& counter(const metric_spec& spec, const metric_labels& labels = {});
  weir::gauge& gauge(const metric_spec& spec, const metric_labels& labels = {},
                     int64_t first = 0);
  latency_histogram& histogram(const metric_spec& spec, const metric_labels& labels = {});
  /// One counter for each number below `count`, which is the value of `label`. Those that are 0
  /// are not shown.
  std::span<weir::counter> numbered(const metric_spec& spec, std::string_view label,
                                    size_t count);

  // What is worked out when the page is read, under the lock: the functions must not ask this
  // object anything, and what they look at lives as long as it is read.
  using value_function = std::function<double()>;
  void computed(const metric_spec& spec, metric_type type, const metric_labels& labels,
                value_function value);
  /// Series that come and go.
  using sample_function = std::function<std::vector<metric_sample>()>;
  void sampled(const metric_spec& spec, metric_type type,
               std::vector<std::string_view> labels, sample_function samples);

  /// All of it as it is now, in the order in which it was declared. Any thread; the counters keep
  /// moving meanwhile.
  std::vector<metric_family> families();

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
  /// The metrics of stages and queues, before there are any.
  void declare_stages();
  void declare_queues();

 private:
  struct series {
    std::vector<std::string> label_values;
    weir::counter* counter = nullptr;
    weir::gauge* gauge = nullptr;
    latency_histogram* histogram = nullptr;
    value_function value{};
  };
  struct family {
    metric_spec spec;
    metric_type type = metric_type::level;
    std::vector<std::string_view> labels;
    std::vector<series> all{};
    sample_function samples{};
    std::span<weir::counter> numbers{};
  };

  family& declare(const metric_spec& spec, metric_type type,
                  std::vector<std::string_view> labels);
  series& find_or_add(const metric_spec& spec, metric_type type,
                      const metric_labels& labels);
  queue_gauge& unlocked_queue(std::string_view name);
  static std::vector<metric_sample> read(const family& from);

  std::mutex lock_;
  std::deque<family> families_;
  std::deque<weir::counter> counters_;
  std::deque<weir::gauge> gauges_;
  std::deque<latency_histogram> histograms_;
  std::deque<std::vector<weir::counter>> tables_;
  series unseen_; ///< who declares a metric without a label's value
  std::deque<queue_gauge> queues_;
  std::deque<stage_gauge> stages_;
};

} // namespace weir
