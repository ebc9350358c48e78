#include "storage/journal/request_order.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace weir {

namespace {

const batch_part& part_of(const record_batch& batch) noexcept {
  assert(batch.source->parts.size() == 1);
  return batch.source->parts.front();
}

} // namespace

request_order::request& request_order::at(uint64_t number) {
  const auto [found, fresh] = requests_.try_emplace(number);
  auto& known = found->second;
  if (fresh)
    known.place = by_age_.insert(by_age_.end(), number);
  else
    by_age_.splice(by_age_.end(), by_age_, known.place);
  assert(by_age_.size() == requests_.size());
  if (requests_.size() > requests_max)
    forget_oldest();
  return known;
}

/// Forgets the oldest that holds nothing: one that does ends, or runs out of patience, first.
void request_order::forget_oldest() {
  for (auto oldest = by_age_.begin(); oldest != std::prev(by_age_.end()); ++oldest) {
    const auto found = requests_.find(*oldest);
    if (!found->second.waiting.empty())
      continue;
    requests_.erase(found);
    by_age_.erase(oldest);
    return;
  }
}

request_order::turn request_order::ask(const record_batch& batch) {
  const auto& part = part_of(batch);
  auto& known = at(part.request);
  // Its owner may know more: of another journal, or of this one before a restart.
  if (const auto settled = batch.source->settled.records(); settled > known.next) {
    known.next = settled;
    known.barred = false;
  }
  // What comes before the next part was here already: the keys tell what became of it.
  if (part.record_base <= known.next)
    return turn::now;
  return known.barred ? turn::never : turn::later;
}

void request_order::goes(const batch_part& part) {
  auto& known = at(part.request);
  if (part.record_base > known.next)
    return;
  known.next = std::max(known.next, part.record_base + part.records);
  known.barred = false;
}

void request_order::failed(const batch_part& part) {
  auto& known = at(part.request);
  known.next = std::min(known.next, part.record_base);
  known.barred = true;
}

void request_order::hold(batch_ptr batch, time_point now) {
  const auto& part = part_of(*batch);
  at(part.request).waiting.emplace(part.record_base, held{std::move(batch), now});
  ++held_count_;
}

std::vector<batch_ptr> request_order::released_by(const batch_part& part) {
  std::vector<batch_ptr> released;
  if (held_count_ == 0)
    return released;
  const auto found = requests_.find(part.request);
  if (found == requests_.end())
    return released;
  auto& [next, barred, waiting, place] = found->second;
  assert(waiting.size() <= held_count_);
  while (!waiting.empty() && (barred || waiting.begin()->first <= next)) {
    released.push_back(std::move(waiting.begin()->second.batch));
    waiting.erase(waiting.begin());
    --held_count_;
    if (!barred)
      break; // it decides whose turn comes then
  }
  return released;
}

std::vector<batch_ptr> request_order::out_of_patience(time_point now) {
  std::vector<batch_ptr> released;
  if (held_count_ == 0)
    return released;
  for (auto& [number, known] : requests_)
    for (auto one = known.waiting.begin(); one != known.waiting.end();) {
      if (now - one->second.since < patience) {
        ++one;
        continue;
      }
      released.push_back(std::move(one->second.batch));
      one = known.waiting.erase(one);
      --held_count_;
    }
  // The map has no order that a run with the same seed would see again.
  std::sort(released.begin(), released.end(),
            [](const auto& a, const auto& b) { return a->source->id < b->source->id; });
  return released;
}

} // namespace weir
