// The table through which a test tells the fault shim of a running process what shall fail. It is
// a file that both map: tests/failure/faults.py writes it, fault_shim.cpp reads it on every call.
// A change here is a change there.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weir::faults {

/// What a rule can be about; a rule holds any number of them.
enum operation : uint32_t {
  sync = 1,     ///< fsync, fdatasync
  write = 2,    ///< write, pwrite, writev, pwritev
  allocate = 4, ///< fallocate, posix_fallocate
  rename = 8,
  open = 16, ///< only when it creates the file or opens it for writing
  unlink = 32,
  truncate = 64,
  mkdir = 128,
  read = 256,    ///< read, pread
  resolve = 512, ///< getaddrinfo; the path is a part of the host's name
};

/// One kind of failure. Free while `operations` is 0; the test writes that member last.
struct rule {
  std::atomic<uint32_t> operations;
  int32_t error;                  ///< errno of the failed call; 0: it succeeds
  uint32_t delay_us;              ///< before the call, or before it fails
  uint32_t cut_short;             ///< not 0: a write takes only half of what it was given
  std::atomic<int64_t> skip;      ///< calls to let pass first
  std::atomic<int64_t> remaining; ///< calls it is for; negative: all
  std::atomic<uint64_t> hits;     ///< calls it has changed
  char path[216];                 ///< a part of the file's absolute path
};
static_assert(sizeof(rule) == 256);

inline constexpr size_t rules_max = 16;
inline constexpr uint64_t table_magic = 0x31746c7561667765; // "ewfault1"

struct table {
  uint64_t magic;
  std::atomic<int64_t> realtime_offset_ns;        ///< added to CLOCK_REALTIME
  std::atomic<uint64_t> writes_after_failed_sync; ///< to a file whose sync a rule failed
  uint64_t reserved[29];
  rule rules[rules_max];
};
static_assert(sizeof(table) == 256 + rules_max * 256);

} // namespace weir::faults
