// FILE SYSTEM: the only way storage/ touches a disk for the journal, so that tests and
// the simulation can inject EIO, ENOSPC, short writes, slow syncs and power loss.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

namespace weir {

/// Writes past the page cache need offsets, lengths and addresses that are multiples of this.
inline constexpr size_t direct_block = 4096;

/// `bytes`, rounded up to whole blocks.
constexpr uint64_t whole_blocks(uint64_t bytes) noexcept {
  return (bytes + direct_block - 1) / direct_block * direct_block;
}

struct free_block_memory {
  void operator()(std::byte* memory) const noexcept {
    ::operator delete[](memory, std::align_val_t{direct_block});
  }
};
using block_memory = std::unique_ptr<std::byte[], free_block_memory>;

/// `bytes` of any content, aligned to direct_block.
inline block_memory make_block_memory(size_t bytes) {
  return block_memory{new (std::align_val_t{direct_block}) std::byte[bytes]};
}

/// An open file. Closed by its destructor. One thread at a time. Errors are io_failed
/// with the path, the operation and errno's text; ENOSPC and EDQUOT are journal_full.
class file {
 public:
  virtual ~file() = default;
  /// Writes all of `bytes` at `offset` (loops over short writes) or fails.
  virtual result<void> write_at(uint64_t offset, std::span<const std::byte> bytes) = 0;
  /// The same for `pieces`, one after the other.
  virtual result<void>
  write_pieces_at(uint64_t offset, std::span<const std::span<const std::byte>> pieces) {
    for (const auto& piece : pieces) {
      if (auto written = write_at(offset, piece); !written)
        return written;
      offset += piece.size();
    }
    return {};
  }
  /// Tells write_pieces_at() whether to go past the page cache. It does so only where the file
  /// system lets it and all pieces are whole blocks (direct_block).
  virtual void write_direct(bool) noexcept {}
  /// Reads up to bytes.size(); fewer only at the end of the file.
  virtual result<size_t> read_at(uint64_t offset, std::span<std::byte> bytes) = 0;
  /// fdatasync. A failure is final: never reuse the file.
  virtual result<void> sync_data() = 0;
  /// Drops the file's pages that need no more writing from the page cache, so that the next read
  /// shows what the disk has. The cache goes on showing what a failed sync did not store, and the
  /// next sync succeeds: "Can Applications Recover from fsync Failures?", Rebello et al., ATC 2020.
  /// Does nothing where the file system or kernel knows no such advice.
  virtual result<void> drop_cached() { return {}; }
  virtual result<void> allocate(uint64_t bytes) = 0; ///< posix_fallocate from 0
  virtual result<void> truncate(uint64_t bytes) = 0;
  virtual result<uint64_t> size() = 0;
  /// How texts name the file.
  virtual std::string name() const { return "a segment"; }
  /// True if it has no name left and nobody else has it open, here or in another process; false
  /// when that can't be told.
  virtual bool unshared() noexcept { return false; }
};

class file_system {
 public:
  virtual ~file_system() = default;
  /// The file must not exist yet.
  virtual result<std::unique_ptr<file>> create(const std::string& path) = 0;
  virtual result<std::unique_ptr<file>> open(const std::string& path, bool writable) = 0;
  virtual result<void> remove(const std::string& path) = 0;
  virtual result<void> rename(const std::string& from, const std::string& to) = 0;
  /// Makes the directory and its parents; one that exists is fine. Its name, and that of every
  /// parent made here, is on the disk when this returns.
  virtual result<void> make_directory(const std::string& path) = 0;
  /// Names, sorted.
  virtual result<std::vector<std::string>> list(const std::string& path) = 0;
  virtual result<void> sync_directory(const std::string& path) = 0;
  virtual result<uint64_t> free_bytes(const std::string& path) = 0;
};

/// The real disk.
file_system& posix_file_system();

} // namespace weir
