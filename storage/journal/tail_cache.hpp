// TAIL CACHE: the frames that became durable last, as they lie in the file. The writer encodes
// into the cache's blocks and notes what was synced; a reader that keeps up with it takes the
// frames from there, one that does not finds nothing here and reads the file.
//
// Only what a sync made durable is noted, so nothing here can be missing or different on the disk
// (except by damage, which only reading the disk would find). A writer begins with an empty cache:
// what recovery then finds or cuts off has no copy in memory.
//
// A block has one writer at a time, and any number of readers of what lies before the place where
// it is written. It is written from its beginning again only when nobody holds it any more. All
// kept blocks together stay within the bound, those that readers hold included.
#pragma once

#include "proto/journal_frame.hpp"
#include "storage/files/file_system.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace weir {

/// Where frames are encoded.
struct tail_block {
  block_memory bytes;
  size_t capacity = 0;
  bool kept = false; ///< counts against the bound; other blocks' frames are never noted
};

/// Frames that follow each other, in memory and in a segment.
struct frame_run {
  journal_position begin;
  uint64_t salt = 0;               ///< the segment's
  const std::byte* data = nullptr; ///< in `block`
  uint64_t bytes = 0;
  std::shared_ptr<const tail_block> block;

  journal_position end() const noexcept { return {begin.segment, begin.offset + bytes}; }
};

/// One writer, any number of readers, on any threads. The lock is taken for each run and each
/// block, and never held while frames are copied or blocks are made or freed.
class journal_tail_cache : public std::enable_shared_from_this<journal_tail_cache> {
 public:
  static std::shared_ptr<journal_tail_cache> make(size_t bytes_max) {
    return std::shared_ptr<journal_tail_cache>{new journal_tail_cache{bytes_max}};
  }

  /// For a writer that begins: nothing before it is here any more.
  void clear();
  /// A block of at least `bytes`, with any content, for a group that has `held` bytes already.
  /// The oldest runs give way to it. What a group has beyond half of the bound is not kept, nor
  /// what readers leave no room for.
  std::shared_ptr<tail_block> take(size_t bytes, size_t held);
  /// Notes a durable run; called in the order in which the writer writes.
  void note(frame_run run);
  /// Every reader has passed it.
  void forget_before(journal_position slowest);
  /// What is here from `position` on.
  std::optional<frame_run> at(journal_position position) const;
  /// Bytes of all blocks that are kept.
  size_t bytes() const;

 private:
  using block_ptr = std::unique_ptr<tail_block>;

  explicit journal_tail_cache(size_t bytes_max) : bytes_max_(bytes_max) {}
  block_ptr kept_block(size_t bytes);
  block_ptr other_block(size_t bytes);
  void give_back(block_ptr block);

  const size_t bytes_max_;
  mutable std::mutex mutex_;
  std::deque<frame_run> runs_;  ///< in order of position, so the oldest first
  std::vector<block_ptr> free_; ///< taken from the end, which the processor's caches know
  std::vector<block_ptr> free_others_; ///< blocks that are not kept
  size_t bytes_ = 0;
};

} // namespace weir
