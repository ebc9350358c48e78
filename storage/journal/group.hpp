// GROUP: the batches between two commits. Encodes their frames, answers parts whose key
// is known, and fills in the receipts once the fate of the frames is known.
#pragma once

#include "proto/batch.hpp"
#include "storage/journal/codec.hpp"
#include "storage/journal/keys.hpp"
#include "storage/journal/tail_cache.hpp"

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weir {

/// The keys the writer remembers: of keyed requests for long; of all, for a short while, against
/// a batch that is submitted again. So however few keys are remembered for clients, a restarted
/// stage makes nothing twice.
struct known_keys {
  key_index keyed;
  std::shared_ptr<key_index> recent;

  const key_entry* find(const batch_key& key, bool is_keyed) const noexcept {
    const auto* const long_known = is_keyed ? keyed.find(key) : nullptr;
    return long_known ? long_known : recent->find(key);
  }
  void add(const key_entry& entry, bool is_keyed) {
    if (is_keyed)
      keyed.add(entry);
    recent->add(entry);
  }
};

/// One frame of the group.
struct group_frame {
  std::span<std::byte> bytes;
  uint32_t block = 0;
  uint32_t records = 0;
  uint32_t further_parts = 0; ///< see part_slice
  uint32_t receipt = 0;
  uint32_t part = 0;
};

/// One thread.
class commit_group {
 public:
  commit_group(known_keys& keys, std::shared_ptr<journal_tail_cache> cache)
    : keys_(keys), cache_(std::move(cache)) {}

  /// `end`: offset in the segment of what is written already. The frames' places in memory and
  /// in the segment are then the same within a block (direct_block).
  /// False when a part of it was refused at once.
  bool add(batch_ptr batch, size_t frame_room, uint64_t end);
  std::span<const group_frame> frames() const noexcept { return frames_; }
  /// Where the frame lies. Whoever holds it may read the frames that are durable.
  const std::shared_ptr<tail_block>& block_of(const group_frame& frame) const {
    return blocks_[frame.block];
  }
  size_t pending_bytes() const noexcept { return pending_bytes_; }

  /// The frame is durable and its first record has this number.
  void succeed(const group_frame& frame, uint64_t first_sequence);
  /// `doubtful`: it may be found on the disk by a later recovery.
  void fail(const group_frame& frame, ec code, const std::string& why, bool doubtful);
  /// An earlier part of the same streamed request has failed in this group: this one must not be
  /// stored without it.
  bool follows_a_failure(const group_frame& frame) const;
  /// Settles the parts that repeat one of this group and hands out all receipts in order
  /// of add(). The group is empty afterwards.
  std::vector<std::shared_ptr<const batch_receipt>> finish();

 private:
  /// A part whose key was first met in this group: it shares the fate of that part.
  struct echo {
    uint32_t receipt = 0;
    uint32_t part = 0;
    uint32_t frame = 0; ///< index into frames_
  };
  struct key_hash {
    size_t operator()(const batch_key& key) const noexcept {
      return static_cast<size_t>(key.low ^ (key.high * 0x9e3779b97f4a7c15ULL));
    }
  };

  void add_part(batch_receipt& receipt, part_slice& slice, size_t frame_room,
                uint64_t end);
  std::span<std::byte> room_for(size_t bytes, uint64_t end);
  bool is_known(part_receipt& answer, const batch_part& part);
  stored_prefix prefix_from(const key_entry& first) const;
  bool is_echo(const batch_part& part, uint32_t index);
  part_receipt& answer_of(uint32_t receipt, uint32_t part) {
    return receipts_[receipt]->parts[part];
  }
  const batch_part& part_of(uint32_t receipt, uint32_t part) const {
    return receipts_[receipt]->batch->source->parts[part];
  }

  known_keys& keys_;
  std::shared_ptr<journal_tail_cache> cache_;
  std::vector<std::shared_ptr<tail_block>> blocks_; ///< where frames_ lie
  size_t block_used_ = 0; ///< bytes of the last one, by earlier groups too
  size_t pending_bytes_ = 0;
  std::vector<group_frame> frames_;
  std::vector<echo> echoes_;
  std::vector<uint64_t> failed_requests_; ///< streamed ones
  std::vector<std::shared_ptr<batch_receipt>> receipts_;
  /// keyed streamed requests of which a part has a frame in this group
  boost::unordered_flat_set<uint64_t> requests_here_;
  /// → frames_ index
  boost::unordered_flat_map<batch_key, uint32_t, key_hash> keys_here_;
};

} // namespace weir
