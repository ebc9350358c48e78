#include "storage/journal/tail_cache.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir {

namespace {

constexpr size_t block_bytes_min = size_t{256} << 10;
/// There are few sizes, so that a block fits again.
constexpr size_t block_bytes_step = size_t{128} << 10;

std::unique_ptr<tail_block> make_block(size_t bytes, bool kept) {
  return std::make_unique<tail_block>(tail_block{make_block_memory(bytes), bytes, kept});
}

/// Takes the block given back last among those large enough; null: there is none.
std::unique_ptr<tail_block> pick(std::vector<std::unique_ptr<tail_block>>& free,
                                 size_t bytes) {
  const auto found = std::find_if(free.rbegin(), free.rend(), [bytes](const auto& block) {
    return block->capacity >= bytes;
  });
  if (found == free.rend())
    return nullptr;
  auto block = std::move(*found);
  free.erase(std::next(found).base());
  return block;
}

std::unique_ptr<tail_block> drop_one(std::vector<std::unique_ptr<tail_block>>& free) {
  auto block = std::move(free.front());
  free.erase(free.begin());
  return block;
}

bool follows(const frame_run& run, const frame_run& last) noexcept {
  return run.block == last.block && run.begin == last.end()
         && run.data == last.data + last.bytes;
}

} // namespace

std::optional<frame_run> journal_tail_cache::at(journal_position position) const {
  const std::lock_guard lock{mutex_};
  const auto behind = std::upper_bound(
    runs_.begin(), runs_.end(), position,
    [](journal_position wanted, const frame_run& run) { return wanted < run.begin; });
  if (behind == runs_.begin() || std::prev(behind)->end() <= position)
    return {};
  return *std::prev(behind);
}

void journal_tail_cache::note(frame_run run) {
  if (!run.block->kept)
    return;
  const std::lock_guard lock{mutex_};
  if (!runs_.empty() && follows(run, runs_.back()))
    runs_.back().bytes += run.bytes;
  else
    runs_.push_back(std::move(run));
}

void journal_tail_cache::forget_before(journal_position slowest) {
  std::vector<frame_run> passed; // their blocks come back after the lock is released
  const std::lock_guard lock{mutex_};
  while (!runs_.empty() && runs_.front().end() <= slowest) {
    passed.push_back(std::move(runs_.front()));
    runs_.pop_front();
  }
}

void journal_tail_cache::clear() {
  forget_before({UINT64_MAX, UINT64_MAX});
}

std::shared_ptr<tail_block> journal_tail_cache::take(size_t bytes, size_t held) {
  const auto steps = (bytes + block_bytes_step - 1) / block_bytes_step;
  const auto wanted = std::max(steps * block_bytes_step, block_bytes_min);
  auto block = held + wanted <= bytes_max_ / 2 ? kept_block(wanted) : nullptr;
  if (!block)
    block = other_block(wanted);
  return {block.release(), [from = weak_from_this()](tail_block* done) {
            block_ptr owned{done};
            if (const auto cache = from.lock())
              cache->give_back(std::move(owned));
          }};
}

/// Null when readers hold too much.
journal_tail_cache::block_ptr journal_tail_cache::kept_block(size_t bytes) {
  for (;;) {
    frame_run oldest; // these end after the lock is released
    block_ptr unfit;
    const std::lock_guard lock{mutex_};
    if (auto block = pick(free_, bytes))
      return block;
    if (bytes_ + bytes <= bytes_max_) {
      bytes_ += bytes;
      break;
    }
    if (!free_.empty()) {
      unfit = drop_one(free_);
      bytes_ -= unfit->capacity;
    } else if (!runs_.empty()) {
      oldest = std::move(runs_.front());
      runs_.pop_front();
    } else {
      return nullptr;
    }
  }
  return make_block(bytes, true);
}

/// There are never more of these than were in use at once.
journal_tail_cache::block_ptr journal_tail_cache::other_block(size_t bytes) {
  block_ptr unfit;
  {
    const std::lock_guard lock{mutex_};
    if (auto block = pick(free_others_, bytes))
      return block;
    if (!free_others_.empty())
      unfit = drop_one(free_others_);
  }
  return make_block(bytes, false);
}

void journal_tail_cache::give_back(block_ptr block) {
  const std::lock_guard lock{mutex_};
  (block->kept ? free_ : free_others_).push_back(std::move(block));
}

size_t journal_tail_cache::bytes() const {
  const std::lock_guard lock{mutex_};
  return bytes_;
}

} // namespace weir
