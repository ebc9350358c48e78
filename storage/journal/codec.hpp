// FRAME CODEC: one part of a batch as bytes, and back. docs/journal-format.md has every
// offset. Little endian, 8-byte aligned, CRC-32C over everything behind the CRC field
// itself.
//
// Two numbers tie a frame to its place, both drawn at random for each segment and unknown
// to clients: the CRC's start value (mixed with the frame's offset) and a mark inside the
// frame. So neither an old block, nor a misplaced write, nor a client's body that looks
// like a frame can be taken for one when recovery searches behind a damaged place.
#pragma once

#include "proto/batch.hpp"
#include "proto/journal_frame.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir {

/// The first bytes of every frame, as they lie on disk.
struct frame_head {
  uint32_t crc = 0;
  uint32_t length = 0; ///< the whole frame's, with its padding; a multiple of 8
  uint8_t type = 1;    ///< 1: a part of a batch
  uint8_t version = 1;
  uint16_t flags = 0; ///< bit 0: keyed; bit 1: follows
  uint32_t epoch = 0;
  uint64_t first_sequence = 0;
  uint32_t records = 0;
  uint32_t dead_letters = 0;
  int64_t received_at_us = 0;
  uint64_t key_high = 0;
  uint64_t key_low = 0;
  uint64_t fingerprint = 0;
  uint32_t rejected = 0;
  uint32_t quarantined = 0;
  uint32_t dropped = 0;
  /// offset in the segment of the first frame of the same commit
  uint32_t group_start = 0;
  uint32_t stream_and_parts = 0; ///< see set_stream
  uint32_t mark = 0;             ///< the segment's, see segment_header::salt

  batch_key key() const noexcept { return {key_high, key_low}; }
  bool keyed() const noexcept { return (flags & 1) != 0; }
  /// The part before it of the same keyed request is in the same commit.
  bool follows() const noexcept { return (flags & 2) != 0; }
  /// Length of the stream's name.
  uint32_t stream_bytes() const noexcept { return stream_and_parts & 0xfff; }
  /// How many of the records are parts of the same record as the one before.
  uint32_t further_parts() const noexcept { return stream_and_parts >> 12; }
  part_counts counts() const noexcept {
    return {{rejected, quarantined, dropped}, records - further_parts()};
  }
  void set_stream(uint32_t bytes, uint32_t parts) noexcept {
    stream_and_parts = bytes | parts << 12;
    version = parts == 0 ? 1 : 2; // who knows no parts must not read it
  }
};
static_assert(sizeof(frame_head) == 88);

inline constexpr size_t frame_bytes_max = size_t{16} << 20;
inline constexpr uint32_t further_parts_max = (uint32_t{1} << 20) - 1; ///< in one frame
inline constexpr size_t stream_bytes_max = 0xfff;                      ///< its name

/// CRC-32C (Castagnoli; RFC 3720 appendix B.4) with the SSE 4.2 instruction where there
/// is one. `start` 0 gives the standard value; the result of one piece is the start of
/// the next.
uint32_t crc32c(std::span<const std::byte> bytes, uint32_t start = 0) noexcept;

/// One part's share of a batch: what a frame is made of.
struct part_slice : part_unstored {
  const record_batch* batch = nullptr;
  uint32_t part = 0;
  uint32_t first = 0;   ///< index into batch->records
  uint32_t records = 0; ///< how many of them from there
  uint32_t dead_letters = 0;
  bool follows = false; ///< see frame_head::follows()
  /// how many of the records are parts of the same record as the one before them
  uint32_t further_parts = 0;
};

/// Whether a rejection is kept as a dead letter: quarantined ones always, others when
/// their stream keeps bodies.
inline bool is_dead_letter(const rejection& refused) noexcept {
  return refused.code == reject::quarantined || !refused.body.empty();
}

/// Bytes the slice's frame will have; may be over frame_bytes_max, then it can't be
/// encoded.
uint64_t frame_bytes(const part_slice& slice) noexcept;

/// Fills `frame`, frame_bytes() long, all but what is known only when it is written: see
/// seal_frame.
void encode_frame(const part_slice& slice, std::span<std::byte> frame) noexcept;

/// Where a frame lies.
struct frame_place {
  uint64_t salt = 0; ///< its segment's
  uint64_t offset = 0;
};

/// Fills in what depends on the place, and the CRC. `frame` is one whole frame.
void seal_frame(std::span<std::byte> frame, uint64_t first_sequence, uint32_t epoch,
                uint32_t group_start, frame_place place) noexcept;

/// The head at the start of `bytes` (at least sizeof(frame_head)).
frame_head read_head(const std::byte* bytes) noexcept;

/// Whether a head may begin a frame at `place` of at most `room` bytes. Cheap: before the
/// CRC, and before memory for the frame is taken.
bool plausible(const frame_head& head, frame_place place, uint64_t room) noexcept;

/// As plausible(), for a frame of a type or version that only a newer weir knows.
bool plausibly_newer(const frame_head& head, frame_place place, uint64_t room) noexcept;
bool sum_is_right(std::span<const std::byte> frame, frame_place place) noexcept;

/// CRC and every inner length of a frame whose head is plausible.
bool intact(std::span<const std::byte> frame, frame_place place) noexcept;

/// Views into an intact frame.
frame_view decode_frame(std::span<const std::byte> frame, journal_position next);

} // namespace weir
