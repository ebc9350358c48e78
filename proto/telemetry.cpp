#include "proto/telemetry.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace weir {

namespace {

constexpr metric_spec stage_processed{"weir_records_processed_total",
                                      "Records that went through the stage."};
constexpr metric_spec stage_errors{"weir_processing_errors_total",
                                   "Crashes, hangs and I/O failures of the stage."};
constexpr metric_spec stage_restarts{"weir_worker_restarts_total",
                                     "Restarts of the stage's actors."};
constexpr metric_spec stage_credit{
  "weir_credit_available", "Batches the stage would still take; of stages that bound it.",
  "Batches the stage would still take, where the stage bounds them."};
constexpr metric_spec stage_latency{
  "weir_stage_latency_seconds", "Time a batch spends in the stage.",
  "Time a batch spends in the stage. The stage that grows first is where to look."};
constexpr metric_spec queue_depth{
  "weir_queue_depth", "What the queue holds now, in its own unit (see /queues).",
  "What the queue holds now, in its own unit (`/queues` names it)."};
constexpr metric_spec queue_capacity{"weir_queue_capacity",
                                     "The queue's bound, in its own unit (see /queues).",
                                     "Its bound, in the same unit."};

template <class T>
T* find(std::deque<T>& all, std::string_view name) {
  const auto found =
    std::find_if(all.begin(), all.end(), [&](const T& x) { return x.name == name; });
  return found == all.end() ? nullptr : &*found;
}

template <class T>
std::vector<T*> pointers(std::deque<T>& all) {
  std::vector<T*> list;
  list.reserve(all.size());
  for (auto& x : all)
    list.push_back(&x);
  return list;
}

[[noreturn]] void bug(const metric_spec& spec, const char* what) {
  throw std::logic_error("the metric " + std::string{spec.name} + " " + what);
}

/// What `promtool check metrics` would say of it, and before anybody has a page.
void check(const metric_spec& spec, metric_type type) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz_";
  if (spec.name.empty() || spec.name.find_first_not_of(letters) != spec.name.npos)
    bug(spec, "has a name of other than small letters and _");
  if (spec.name.ends_with("_total") != (type == metric_type::total))
    bug(spec, "ends in _total if and only if it is a counter");
  if (type == metric_type::latency && !spec.name.ends_with("_seconds"))
    bug(spec, "counts seconds and does not say so");
  if (!spec.help.ends_with('.'))
    bug(spec, "has a help that is no sentence");
}

} // namespace

telemetry::family& telemetry::declare(const metric_spec& spec, metric_type type,
                                      std::vector<std::string_view> labels) {
  const auto found =
    std::find_if(families_.begin(), families_.end(),
                 [&](const family& known) { return known.spec.name == spec.name; });
  if (found == families_.end()) {
    check(spec, type);
    return families_.emplace_back(family{spec, type, std::move(labels)});
  }
  if (found->type != type || found->labels != labels || found->spec.help != spec.help)
    bug(spec, "is declared in two ways");
  return *found;
}

telemetry::series& telemetry::find_or_add(const metric_spec& spec, metric_type type,
                                          const metric_labels& labels) {
  std::vector<std::string_view> names;
  std::vector<std::string> values;
  for (const auto& [name, value] : labels) {
    names.push_back(name);
    values.push_back(value);
  }
  auto& of = declare(spec, type, std::move(names));
  if (std::find(values.begin(), values.end(), "") != values.end())
    return unseen_ = {};
  const auto found = std::find_if(of.all.begin(), of.all.end(), [&](const series& known) {
    return known.label_values == values;
  });
  if (found != of.all.end())
    return *found;
  of.all.emplace_back().label_values = std::move(values);
  return of.all.back();
}

weir::counter& telemetry::counter(const metric_spec& spec, const metric_labels& labels) {
  const std::lock_guard guard{lock_};
  auto& found = find_or_add(spec, metric_type::total, labels);
  if (!found.counter)
    found.counter = &counters_.emplace_back(0);
  return *found.counter;
}

weir::gauge& telemetry::gauge(const metric_spec& spec, const metric_labels& labels,
                              int64_t first) {
  const std::lock_guard guard{lock_};
  auto& found = find_or_add(spec, metric_type::level, labels);
  if (!found.gauge)
    found.gauge = &gauges_.emplace_back(first);
  return *found.gauge;
}

latency_histogram& telemetry::histogram(const metric_spec& spec,
                                        const metric_labels& labels) {
  const std::lock_guard guard{lock_};
  auto& found = find_or_add(spec, metric_type::latency, labels);
  if (!found.histogram)
    found.histogram = &histograms_.emplace_back();
  return *found.histogram;
}

std::span<weir::counter> telemetry::numbered(const metric_spec& spec,
                                             std::string_view label, size_t count) {
  const std::lock_guard guard{lock_};
  auto& of = declare(spec, metric_type::total, {label});
  if (of.numbers.empty())
    of.numbers = tables_.emplace_back(count);
  if (of.numbers.size() != count)
    bug(spec, "is declared in two ways");
  return of.numbers;
}

void telemetry::computed(const metric_spec& spec, metric_type type,
                         const metric_labels& labels, value_function value) {
  const std::lock_guard guard{lock_};
  find_or_add(spec, type, labels).value = std::move(value);
}

void telemetry::sampled(const metric_spec& spec, metric_type type,
                        std::vector<std::string_view> labels, sample_function samples) {
  const std::lock_guard guard{lock_};
  declare(spec, type, std::move(labels)).samples = std::move(samples);
}

std::vector<metric_sample> telemetry::read(const family& from) {
  auto samples = from.samples ? from.samples() : std::vector<metric_sample>{};
  const auto add = [&](const std::vector<std::string>& labels, double value) {
    samples.push_back({labels, value});
  };
  for (const auto& one : from.all) {
    if (one.counter)
      add(one.label_values, static_cast<double>(one.counter->load()));
    if (one.gauge)
      if (const auto value = one.gauge->load(); value != gauge_absent)
        add(one.label_values, static_cast<double>(value));
    if (one.value)
      add(one.label_values, one.value());
    if (one.histogram) {
      // The sum first: a time that is observed meanwhile is in a bucket and not in the sum.
      add(one.label_values, one.histogram->sum_seconds());
      for (size_t i = 0; i < samples.back().buckets.size(); ++i)
        samples.back().buckets[i] = one.histogram->bucket(i);
    }
  }
  for (size_t number = 0; number < from.numbers.size(); ++number)
    if (const auto count = from.numbers[number].load())
      add({std::to_string(number)}, static_cast<double>(count));
  return samples;
}

std::vector<metric_family> telemetry::families() {
  const std::lock_guard guard{lock_};
  std::vector<metric_family> taken;
  taken.reserve(families_.size());
  for (const auto& one : families_)
    taken.push_back({one.spec, one.type, one.labels, read(one)});
  return taken;
}

queue_gauge& telemetry::queue(std::string_view name) {
  const std::lock_guard guard{lock_};
  return unlocked_queue(name);
}

queue_gauge& telemetry::unlocked_queue(std::string_view name) {
  if (auto* const found = find(queues_, name))
    return *found;
  auto& made = queues_.emplace_back();
  made.name = name;
  return made;
}

stage_gauge& telemetry::stage(std::string_view name) {
  const std::lock_guard guard{lock_};
  if (auto* const found = find(stages_, name))
    return *found;
  auto& made = stages_.emplace_back();
  made.name = name;
  const metric_labels labels{{"stage", made.name}};
  find_or_add(stage_processed, metric_type::total, labels).counter =
    &made.records_processed;
  find_or_add(stage_errors, metric_type::total, labels).counter = &made.errors;
  find_or_add(stage_restarts, metric_type::total, labels).counter = &made.restarts;
  find_or_add(stage_credit, metric_type::level, labels).gauge = &made.credit_available;
  find_or_add(stage_latency, metric_type::latency, labels).histogram = &made.latency;
  return made;
}

queue_gauge& telemetry::describe_queue(std::string_view name, int64_t capacity,
                                       queue_answers said) {
  const std::lock_guard guard{lock_};
  auto& queue = unlocked_queue(name);
  queue.capacity = capacity;
  if (std::exchange(queue.described, true))
    return queue;
  queue.said = std::move(said);
  const metric_labels labels{{"queue", queue.name}};
  find_or_add(queue_depth, metric_type::level, labels).gauge = &queue.depth;
  find_or_add(queue_capacity, metric_type::level, labels).gauge = &queue.capacity;
  return queue;
}

std::vector<queue_gauge*> telemetry::queues() {
  const std::lock_guard guard{lock_};
  auto list = pointers(queues_);
  std::erase_if(list, [](const queue_gauge* queue) { return !queue->described; });
  return list;
}

std::vector<stage_gauge*> telemetry::stages() {
  const std::lock_guard guard{lock_};
  return pointers(stages_);
}

void telemetry::declare_stages() {
  const std::lock_guard guard{lock_};
  for (const auto& spec : {stage_processed, stage_errors, stage_restarts})
    declare(spec, metric_type::total, {"stage"});
  declare(stage_credit, metric_type::level, {"stage"});
  declare(stage_latency, metric_type::latency, {"stage"});
}

void telemetry::declare_queues() {
  const std::lock_guard guard{lock_};
  for (const auto& spec : {queue_depth, queue_capacity})
    declare(spec, metric_type::level, {"queue"});
}

} // namespace weir
