// COPIES: what recovery has kept of damaged places, known by name and size alone. A reader
// steps over a place only if one copy has all of it: the damage may have grown since.
//
// A copy with unreadable parts gets a different suffix. Its segment is renamed, never deleted:
// the missing bytes may become readable again.
#pragma once

#include "storage/files/file_system.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

struct kept_copy {
  uint64_t from = 0; ///< offset in the segment
  uint64_t bytes = 0;
  bool unread = false; ///< zeros stand for what could not be read

  uint64_t to() const noexcept { return from + bytes; }
  /// True if it has all of [begin, end), maybe only a part of what it was made for: a cursor may
  /// be between two damaged frames.
  bool has(uint64_t begin, uint64_t end) const noexcept {
    return from <= begin && end <= to();
  }
};

/// The copies of places in segment `number`.
result<std::vector<kept_copy>> list_copies(const std::string& directory,
                                           file_system& files, uint64_t number);

} // namespace weir
