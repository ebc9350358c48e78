// SCAN: finds the frames in one segment, through a bounded window over the file, and
// behind a damaged place the next whole frame.
#pragma once

#include "storage/file_system.hpp"
#include "storage/journal_codec.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace weir {

/// A window over [offset, end) of a file: reads in large pieces, holds on to what is
/// kept.
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

 private:
  result<void> fill(uint64_t offset, size_t bytes);

  file* file_ = nullptr;
  uint64_t end_ = 0;
  uint64_t keep_ = 0;
  uint64_t base_ = 0; ///< file offset of buffer_[0]
  size_t filled_ = 0;
  size_t capacity_ = 0;
  std::unique_ptr<std::byte[]> buffer_;
};

/// The whole frame at `offset`, or an empty span when there is none.
result<std::span<const std::byte>> frame_at(file_window& window, uint64_t salt,
                                            uint64_t offset);

/// What lies behind a place where no frame begins.
struct resync_result {
  uint64_t frame = 0; ///< offset of the next whole frame; 0: none before the end
  /// behind the last byte before it that isn't zero; 0: all zero
  uint64_t nonzero_end = 0;
};
result<resync_result> resync(file_window& window, uint64_t salt, uint64_t from);

/// What scan_segment() tells its caller.
struct scan_visitor {
  std::function<void(const frame_head& head, uint64_t offset)> frame;
  /// No frame in [from, to), but one at `to`.
  std::function<result<void>(uint64_t from, uint64_t to)> damage;
};

struct scan_end {
  uint64_t end = 0; ///< behind the last whole frame
  /// behind the last byte after it that isn't zero; 0: all zero
  uint64_t nonzero_end = 0;
};

/// Visits everything from frames_begin to `end` in order.
result<scan_end> scan_segment(file& segment, uint64_t salt, uint64_t end,
                              const scan_visitor& visitor);

} // namespace weir
