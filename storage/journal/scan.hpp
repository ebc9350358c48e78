// SCAN: finds the frames in one segment, through a bounded window over the file, and the next
// whole frame after a damaged place.
//
// Blocks that can't be read look like zeros to the scan, and are remembered: no frame is whole
// with them, but those around them are found. That is for single bad sectors: a disk that fails
// has lost nothing, and must not be taken for a damaged one. See read_around().
#pragma once

#include "storage/files/file_system.hpp"
#include "storage/journal/codec.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace weir {

/// Blocks of a file that could not be read, in pieces of direct_block.
class unread_blocks {
 public:
  static constexpr uint64_t bytes_max = uint64_t{1} << 20;

  void note(uint64_t from, uint64_t to) { blocks_.emplace_back(from, to); }
  void clear() noexcept { blocks_.clear(); }
  bool too_many() const noexcept { return blocks_.size() > bytes_max / direct_block; }
  /// The end of the last one in [from, to), at most `to`; 0: there is none.
  uint64_t end_within(uint64_t from, uint64_t to) const noexcept;

 private:
  std::vector<std::pair<uint64_t, uint64_t>> blocks_; ///< from, to
};

/// As segment.read_at(), with zeros where a block can't be read, which is noted in `unread`. It
/// still fails when the segment's header can't be read from the disk at that time, or more than
/// unread_blocks::bytes_max can't: then the disk fails, and what is on it may be intact.
result<size_t> read_around(file& segment, uint64_t offset, std::span<std::byte> bytes,
                           unread_blocks& unread);

/// A window over [offset, end) of a file: reads in large pieces and holds on to what is kept.
class file_window {
 public:
  static constexpr size_t piece_bytes = size_t{1} << 20;

  /// `segment` outlives the use of the window. Forgets everything read before.
  void open(file& segment, uint64_t end);
  /// Bytes before `offset` are not asked for again.
  void keep_from(uint64_t offset) noexcept { keep_ = offset; }
  /// The bytes at `offset`, at least `bytes` of them unless the end comes first; valid
  /// until the next call. `offset` is not before what is kept. Memory: `bytes` and what
  /// is kept, rounded up to pieces.
  result<std::span<const std::byte>> at(uint64_t offset, size_t bytes);
  /// A new end; what was read before it stays.
  void limit(uint64_t end) noexcept { end_ = end; }
  uint64_t end() const noexcept { return end_; }
  std::string name() const { return file_->name(); }
  /// Which of the bytes given since open() are zeros because they could not be read.
  const unread_blocks& unread() const noexcept { return unread_; }

 private:
  result<void> fill(uint64_t offset, size_t bytes);

  file* file_ = nullptr;
  uint64_t end_ = 0;
  uint64_t keep_ = 0;
  uint64_t base_ = 0; ///< file offset of buffer_[0]
  size_t filled_ = 0;
  size_t capacity_ = 0;
  std::unique_ptr<std::byte[]> buffer_;
  unread_blocks unread_;
};

/// The whole frame at `offset`, or an empty span when there is none.
result<std::span<const std::byte>> frame_at(file_window& window, uint64_t salt,
                                            uint64_t offset);

/// What lies after a place where no frame begins.
struct resync_result {
  uint64_t frame = 0; ///< offset of the next whole frame; 0: none before the end
  /// After the last byte before it that isn't zero; 0: all are zero.
  uint64_t nonzero_end = 0;
};
result<resync_result> resync(file_window& window, uint64_t salt, uint64_t from);

/// What scan_segment() tells its caller.
struct scan_visitor {
  std::function<void(const frame_head& head, uint64_t offset)> frame;
  /// No frame in [from, to), but one at `to`. `unread`: part of it can't be read.
  std::function<result<void>(uint64_t from, uint64_t to, bool unread)> damage;
};

struct scan_end {
  uint64_t end = 0; ///< after the last whole frame
  /// After the last byte from `end` on that isn't zero; 0: all are zero.
  uint64_t nonzero_end = 0;
  uint64_t unread_end = 0; ///< after what can't be read from `end` on; 0: all can
};

/// Visits everything from frames_begin to `end` in order.
result<scan_end> scan_segment(file& segment, uint64_t salt, uint64_t end,
                              const scan_visitor& visitor);

} // namespace weir
