#include "storage/journal/keys.hpp"

#include <cassert>
#include <stdexcept>

namespace weir {

key_index::key_index(size_t keys_max, std::chrono::seconds age_max,
                     const clock_source& clock)
  : keys_max_(keys_max), age_max_(age_max), clock_(clock), started_(clock.now()),
    numbers_(0, lookup{this}, lookup{this}) {
  if (keys_max >= size_t{1} << 31)
    throw std::invalid_argument{"key_index: keys_max must stay under 2^31"};
  numbers_.reserve(keys_max + 1);
}

const batch_key& key_index::lookup::key_of(uint32_t number) const noexcept {
  return index->entries_[static_cast<uint32_t>(number - index->first_)].key;
}

uint32_t key_index::now_s() const noexcept {
  using namespace std::chrono;
  return static_cast<uint32_t>(duration_cast<seconds>(clock_.now() - started_).count());
}

const key_entry* key_index::find(const batch_key& key) const noexcept {
  const auto found = numbers_.find(key);
  return found == numbers_.end() ? nullptr
                                 : &entries_[static_cast<uint32_t>(*found - first_)];
}

void key_index::add(key_entry entry) {
  entry.learned_s = now_s();
  if (const auto known = numbers_.find(entry.key); known != numbers_.end()) {
    auto& old = entries_[static_cast<uint32_t>(*known - first_)];
    // A repeated key keeps its age and its place in line.
    entry.learned_s = old.learned_s;
    old = entry;
    return;
  }
  if (keys_max_ == 0)
    return;
  if (entries_.size() == keys_max_)
    drop_oldest();
  entries_.push_back(entry);
  numbers_.insert(first_ + static_cast<uint32_t>(entries_.size() - 1));
  assert(numbers_.size() == entries_.size());
  expire();
}

void key_index::add_oldest(key_entry entry) {
  if (entries_.size() >= keys_max_ || numbers_.contains(entry.key))
    return;
  entry.learned_s = entries_.empty() ? now_s() : entries_.front().learned_s;
  entries_.push_front(entry);
  numbers_.insert(--first_);
  assert(numbers_.size() == entries_.size());
}

void key_index::expire() noexcept {
  if (age_max_.count() == 0)
    return;
  const auto now = now_s();
  while (!entries_.empty()
         && std::chrono::seconds{now - entries_.front().learned_s} > age_max_)
    drop_oldest();
}

void key_index::drop_oldest() noexcept {
  assert(!entries_.empty());
  numbers_.erase(first_); // first: the table looks at the entry
  entries_.pop_front();
  ++first_;
}

} // namespace weir
