// What the journal gives to those who read it: the sink writer, the dead letters, export. The
// bytes on disk are storage/'s own business; this is what they mean.
#pragma once

#include "proto/batch.hpp"

#include <compare>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir {

/// A place between two frames. Ordered; the default is the beginning of the first segment.
struct journal_position {
  uint64_t segment =
    0; ///< segment files are numbered from 1; 0 means "from the first there is"
  uint64_t offset = 0; ///< bytes from the segment's start
  auto operator<=>(const journal_position&) const = default;
};

/// One record that is in the journal but not for the sink: a dead letter.
struct dead_letter_view {
  uint32_t record = 0; ///< number in its request, from 0
  uint64_t line = 0;   ///< in its request, from 0
  reject code = reject::quarantined;
  std::string_view pointer;
  std::string_view detail;
  std::string_view body; ///< as it came, not necessarily UTF-8
};

/// One frame: what one request's share of a batch left behind. Views point into the reader's
/// buffer and live until its next read. Its counts are for the repeated answer of a keyed request.
struct frame_view : part_unstored {
  uint32_t epoch = 0;          ///< grows by one at each start of the journal's writer
  uint64_t first_sequence = 0; ///< records[0]'s; records are numbered without a gap
  int64_t received_at_us = 0;  ///< unix microseconds
  std::string_view stream;
  batch_key key;
  bool keyed = false;
  uint64_t fingerprint = 0;
  /// how many of `records` are parts of the same record as the one before them
  uint32_t further_parts = 0;
  std::vector<std::string_view> records; ///< bodies: one JSON object each, no raw newline
  std::vector<dead_letter_view> dead_letters;
  journal_position next; ///< the place just behind this frame

  /// Records as they came of which something is stored.
  uint64_t accepted() const noexcept { return records.size() - further_parts; }
};

} // namespace weir
