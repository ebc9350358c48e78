// The record of everything a process did to the files below one directory, in order, with the
// bytes: from it a test builds what a disk may hold after the power failed at any instant
// (tests/failure/power_loss.py). One entry per call:
//
//   u32 kind | u32 path bytes | u64 monotonic ns | u64 entries before the call began
//   | u64 inode | u64 offset or size | u64 data bytes | path | data
//
// An entry is written after its call returned and before the caller goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::faults {

enum class trace_kind : uint32_t {
  start = 0, ///< a process starts: counting begins again after this entry
  create = 1,
  write = 2,
  size = 3,   ///< truncate, or allocate beyond the end: the file has `offset` bytes now
  sync = 4,   ///< a file or a directory is synced
  rename = 5, ///< path is the old name, data the new one
  unlink = 6,
  mkdir = 7,
};

bool is_tracing() noexcept;

/// True when a trace is kept and `path` is below its directory.
bool is_traced(std::string_view path) noexcept;

/// Entries so far; taken before a call, so that a sync says which writes came before it.
uint64_t trace_position() noexcept;

struct trace_entry {
  trace_kind kind;
  std::string_view path;
  uint64_t before = 0;
  uint64_t inode = 0;
  uint64_t offset = 0;
  std::string_view data;
};

/// Any thread. Keeps errno.
void trace(const trace_entry& entry) noexcept;

} // namespace weir::faults
