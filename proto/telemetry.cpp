#include "proto/telemetry.hpp"

#include <algorithm>
#include <utility>

namespace weir {

void latency_histogram::observe(double seconds) noexcept {
  const auto at = std::lower_bound(bounds.begin(), bounds.end(), seconds);
  add(buckets_[static_cast<size_t>(at - bounds.begin())]);
  add(sum_ns_, seconds > 0 ? static_cast<uint64_t>(seconds * 1e9) : 0);
}

namespace {

template <class T>
T& find_or_add(std::deque<T>& all, std::string_view name) {
  const auto found =
    std::find_if(all.begin(), all.end(), [&](const T& x) { return x.name == name; });
  if (found != all.end())
    return *found;
  all.emplace_back().name = name;
  return all.back();
}

template <class T>
std::vector<T*> pointers(std::deque<T>& all) {
  std::vector<T*> list;
  list.reserve(all.size());
  for (auto& x : all)
    list.push_back(&x);
  return list;
}

} // namespace

queue_gauge& telemetry::queue(std::string_view name) {
  const std::lock_guard guard{lock_};
  return find_or_add(queues_, name);
}

stage_gauge& telemetry::stage(std::string_view name) {
  const std::lock_guard guard{lock_};
  return find_or_add(stages_, name);
}

queue_gauge& telemetry::describe_queue(std::string_view name, int64_t capacity,
                                       queue_answers said) {
  const std::lock_guard guard{lock_};
  auto& queue = find_or_add(queues_, name);
  queue.capacity = capacity;
  if (!std::exchange(queue.described, true))
    queue.said = std::move(said);
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

} // namespace weir
