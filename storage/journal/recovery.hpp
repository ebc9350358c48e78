// RECOVERY: what the writer finds when it opens a directory, and the repairs it makes
// first. Every repair can be cut short by a power loss and is done again at the next
// start.
#pragma once

#include "storage/journal/codec.hpp"
#include "storage/journal/journal.hpp"

#include <cstdint>
#include <functional>
#include <map>

namespace weir {

struct recovered_journal {
  std::map<uint64_t, uint64_t> segments; ///< number → bytes on disk
  journal_position end;        ///< after the last whole frame; {0, 0}: nothing begun
  uint64_t highest_number = 0; ///< the highest, segments put aside included
  uint64_t next_sequence = 1;
  uint32_t epoch = 0; ///< the highest so far
};

/// Reads every frame in order, calls `frame` for each, keeps copies of damaged places,
/// removes blank segments, syncs the last segment, reads it from the disk and cuts it after its
/// last whole frame.
result<recovered_journal>
recover_journal(const std::string& directory, file_system& files,
                const std::function<void(const frame_head&)>& frame,
                recovery_report& report);

} // namespace weir
