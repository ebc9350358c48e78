#include "records/json/arena.hpp"

#include <algorithm>

namespace weir::steps {

void arena::add_block(size_t bytes) {
  blocks_.push_back(
    {std::make_unique_for_overwrite<char[]>(bytes + text_padding), bytes});
  at_ = blocks_.back().bytes.get();
  end_ = at_ + bytes;
}

void arena::grow(size_t bytes) {
  const size_t last = blocks_.empty() ? first_block_bytes / 2 : blocks_.back().size;
  add_block(std::max(bytes, last * 2));
}

// Leaves one block that holds what the last record needed: the next one like it allocates
// nothing.
void arena::reset() {
  if (blocks_.size() > 1 || (blocks_.size() == 1 && blocks_[0].size > kept_bytes_max)) {
    size_t total = 0;
    for (const auto& b : blocks_)
      total += b.size;
    blocks_.clear();
    add_block(std::min(total, kept_bytes_max));
  } else if (blocks_.size() == 1) {
    at_ = blocks_[0].bytes.get();
  }
}

} // namespace weir::steps
