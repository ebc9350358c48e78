// BLOCK WRITER: appends frames to a segment in whole blocks, so that the file can send them
// past the page cache. In the cache a record costs a copy and a page, and nobody reads it:
// readers that keep up take it from the tail cache. The block in which one append ends is
// written again by the next, with the same bytes in front; the rest of it is zeros, which is
// what the segment reads as.
//
// If frames have the same place within a block in memory and in the file, only their first and
// last blocks are copied; otherwise all bytes are.
#pragma once

#include "storage/files/file_system.hpp"
#include "storage/journal/tail_cache.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir {

/// One thread. Holds staging_bytes of memory.
class block_writer {
 public:
  static constexpr size_t staging_bytes = size_t{256} << 10;
  static constexpr size_t zeros_max = size_t{256} << 10;

  /// The next append goes to another file, to `offset`, a multiple of direct_block.
  void begin(uint64_t offset) noexcept {
    base_ = end_ = offset;
    staged_ = listed_ = 0;
  }
  /// Writes `runs` one after the other, from where the last append ended; then `zeros` zeros
  /// (zeros_max at most), and more of them to the end of a block, but none past `file_end`.
  /// After a failure only begin() may follow.
  result<void> append(file& to, std::span<const frame_run> runs, size_t zeros,
                      uint64_t file_end);

 private:
  result<void> add(file& to, std::span<const std::byte> bytes);
  void pad(size_t zeros, uint64_t file_end);
  void list_staged();
  result<void> write_listed(file& to);

  block_memory staging_ = make_block_memory(staging_bytes);
  size_t staged_ = 0; ///< bytes in staging_
  size_t listed_ = 0; ///< how many of them are in pieces_
  /// They follow each other in the file, from base_ on.
  std::vector<std::span<const std::byte>> pieces_;
  uint64_t base_ = 0; ///< file offset, a multiple of direct_block
  uint64_t end_ = 0;  ///< file offset where the frames end
};

} // namespace weir
