// SEGMENT: one file of the journal. Its header says where the segment before it ends. This
// ends an abandoned segment for good, although nobody may write to it any more.
//
// A segment is created blank, allocated, and its directory entry synced, ahead of need.
// It is begun by writing and syncing its header, twice (two copies a page apart, so that
// one bad sector doesn't cost the whole segment); only then may frames follow. So a file
// without a good header never held an acknowledged frame, unless both copies were damaged
// later.
#pragma once

#include "storage/files/file_system.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// As it lies on disk, at header_copies[0] and [1]; the rest of the header's pages is
/// zero.
struct segment_header {
  uint64_t magic = 0; ///< segment_magic
  uint32_t version = 1;
  uint32_t epoch = 0; ///< the epoch of the writer that began it
  uint64_t number = 0;
  uint64_t previous = 0; ///< number of the segment before; 0: this is the first ever
  /// What lies after this offset of the segment before was never acknowledged.
  uint64_t previous_end = 0;
  uint64_t first_sequence = 0; ///< the next record's, when the segment was begun
  uint64_t salt = 0; ///< low half starts each frame's CRC, high half is each frame's mark
  uint32_t reserved = 0;
  uint32_t crc = 0; ///< CRC-32C over the 60 bytes before
};
static_assert(sizeof(segment_header) == 64);

/// What this weir writes and reads.
inline constexpr uint32_t segment_version = 1;
/// "WEIRRNL1" in file order; the last byte is the version of what stands before `version`.
inline constexpr uint64_t segment_magic = 0x314c4e5252494557;
inline constexpr uint64_t header_copies[] = {0, 4096};
inline constexpr uint64_t frames_begin = 8192; ///< offset of the first frame
static_assert(frames_begin % direct_block == 0);

/// Counting never gets there, and cursors are stored as signed numbers. A name with a higher
/// number is not ours, and new numbers do not go on from it.
inline constexpr uint64_t segment_number_max = uint64_t{1} << 62;

std::string segment_name(uint64_t number); ///< journal-<20 digits>.wj
std::string segment_path(const std::string& directory, uint64_t number);
/// Where recovery keeps a copy of the damage at `offset`; 0 when it is the whole segment.
/// `unread`: part of it could not be read.
std::string corrupt_path(const std::string& directory, uint64_t number, uint64_t offset,
                         bool unread = false);
/// The number in a segment's name, or nothing for any other file.
std::optional<uint64_t> segment_number(std::string_view name) noexcept;

/// The numbers of all segment files, in order.
result<std::vector<uint64_t>> list_segments(const std::string& directory,
                                            file_system& files);
/// Null when it is gone.
result<std::unique_ptr<file>> open_segment(const std::string& directory,
                                           file_system& files, uint64_t number);
/// True if somebody has removed it meanwhile; false also if that can't be told.
bool is_gone(const std::string& directory, file_system& files, uint64_t number);

/// Writes both copies; fills in magic and crc.
result<void> write_header(file& segment, segment_header header);
/// Nothing when neither copy is good. Fails when none is good and one can't be read, and for a
/// segment of a version that this weir does not know: that is no damage.
result<std::optional<segment_header>> read_header(const std::string& directory,
                                                  file& segment, uint64_t number);

/// Called before a start: io_failed, with the path and both versions, when a segment is of a newer
/// weir. A directory or file that can't be read is left to whoever opens it.
result<void> look_at_journal(const std::string& directory, file_system& files);

/// True if no frame was ever written, as far as can be told without a header: the first one would
/// begin in the bytes that are checked.
result<bool> is_blank(file& segment);

/// One segment that was begun, as found on disk.
struct begun_segment {
  segment_header header;
  uint64_t bytes = 0;                   ///< size of the file
  std::optional<uint64_t> declared_end; ///< by the header of a later segment

  uint64_t limit() const noexcept {
    return declared_end && *declared_end < bytes ? *declared_end : bytes;
  }
};

/// What a directory holds. Reads headers only.
struct segment_survey {
  std::map<uint64_t, begun_segment> begun;
  std::vector<uint64_t> headless; ///< files without a good header

  /// It has a good header, or another header names it as its predecessor.
  bool was_begun(uint64_t number) const noexcept;
};
result<segment_survey> survey_segments(const std::string& directory, file_system& files);

} // namespace weir
