#include "storage/journal/codec.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <limits>

#include <isa-l/crc.h>

namespace weir {

static_assert(std::endian::native == std::endian::little,
              "the format is written as it lies");

namespace {

/// One dead letter in a frame's table; its three texts follow the records' bodies.
struct letter_entry {
  uint32_t record = 0;
  uint32_t code = 0;
  uint64_t line = 0;
  uint32_t pointer_bytes = 0;
  uint32_t detail_bytes = 0;
  uint32_t body_bytes = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(letter_entry) == 32);

constexpr uint64_t padded(uint64_t bytes) noexcept {
  return (bytes + 7) & ~uint64_t{7};
}

std::byte* put(std::byte* to, const void* from, size_t bytes) noexcept {
  if (bytes != 0)
    std::memcpy(to, from, bytes);
  return to + bytes;
}

/// Records that lie one behind the other, as transform writes them, are copied at once.
std::byte* put_texts(std::byte* to, const char* text,
                     std::span<const record_ref> records) noexcept {
  for (size_t i = 0; i < records.size();) {
    const auto* const from = text + records[i].offset;
    size_t bytes = 0;
    for (; i < records.size() && text + records[i].offset == from + bytes; ++i)
      bytes += records[i].size;
    to = put(to, from, bytes);
  }
  return to;
}

template <class T>
T take(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

std::string_view view(const std::byte* from, size_t bytes) noexcept {
  return {reinterpret_cast<const char*>(from), bytes};
}

uint32_t crc_start(frame_place place) noexcept {
  return static_cast<uint32_t>(place.salt) ^ static_cast<uint32_t>(place.offset);
}

uint32_t mark_of(frame_place place) noexcept {
  return static_cast<uint32_t>(place.salt >> 32);
}

const batch_part& part_of(const part_slice& slice) noexcept {
  return slice.batch->source->parts[slice.part];
}

frame_head make_head(const part_slice& slice, size_t length) noexcept {
  const auto& source = *slice.batch->source;
  const auto& part = part_of(slice);
  frame_head head;
  head.length = static_cast<uint32_t>(length);
  head.flags = static_cast<uint16_t>((part.keyed ? 1 : 0) | (slice.follows ? 2 : 0));
  head.records = slice.records;
  head.dead_letters = slice.dead_letters;
  head.received_at_us = source.received_at_us;
  head.key_high = part.key.high;
  head.key_low = part.key.low;
  head.fingerprint = part.fingerprint;
  head.rejected = slice.rejected;
  head.quarantined = slice.quarantined;
  head.dropped = slice.dropped;
  assert(source.stream.size() <= stream_bytes_max
         && slice.further_parts <= further_parts_max);
  head.set_stream(static_cast<uint32_t>(source.stream.size()), slice.further_parts);
  return head;
}

letter_entry make_entry(const rejection& refused, const batch_part& part) noexcept {
  const uint64_t record = part.record_base + refused.record;
  constexpr uint64_t record_max = std::numeric_limits<uint32_t>::max();
  letter_entry entry;
  entry.record = static_cast<uint32_t>(std::min(record, record_max));
  entry.code = static_cast<uint32_t>(refused.code);
  entry.line = part.line_base + refused.line;
  entry.pointer_bytes = static_cast<uint32_t>(refused.pointer.size());
  entry.detail_bytes = static_cast<uint32_t>(refused.detail.size());
  entry.body_bytes = static_cast<uint32_t>(refused.body.size());
  return entry;
}

template <class Visit>
void each_dead_letter(const part_slice& slice, Visit visit) {
  if (slice.dead_letters == 0)
    return;
  for (const auto& refused : slice.batch->rejections)
    if (refused.part == slice.part && is_dead_letter(refused))
      visit(refused);
}

} // namespace

uint32_t crc32c(std::span<const std::byte> bytes, uint32_t start) noexcept {
  // libisal neither inverts at the start nor at the end, takes an int, and forgot a
  // const.
  uint32_t state = ~start;
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), size_t{1} << 30));
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(piece.data()));
    state = crc32_iscsi(data, static_cast<int>(piece.size()), state);
    bytes = bytes.subspan(piece.size());
  }
  return ~state;
}

uint64_t frame_bytes(const part_slice& slice) noexcept {
  uint64_t bytes = sizeof(frame_head) + slice.batch->source->stream.size();
  bytes += uint64_t{slice.records} * sizeof(uint32_t);
  for (uint32_t i = 0; i < slice.records; ++i)
    bytes += slice.batch->records[slice.first + i].size;
  each_dead_letter(slice, [&](const rejection& refused) {
    bytes += sizeof(letter_entry) + refused.pointer.size() + refused.detail.size()
             + refused.body.size();
  });
  return padded(bytes);
}

void encode_frame(const part_slice& slice, std::span<std::byte> frame) noexcept {
  const auto head = make_head(slice, frame.size());
  auto* at = put(frame.data(), &head, sizeof head);
  const std::span records{slice.batch->records.data() + slice.first, slice.records};
  for (const auto& ref : records)
    at = put(at, &ref.size, sizeof ref.size);
  each_dead_letter(slice, [&](const rejection& refused) {
    const auto entry = make_entry(refused, part_of(slice));
    at = put(at, &entry, sizeof entry);
  });
  const auto& stream = slice.batch->source->stream;
  at = put(at, stream.data(), stream.size());
  at = put_texts(at, slice.batch->text->data(), records);
  each_dead_letter(slice, [&](const rejection& refused) {
    at = put(at, refused.pointer.data(), refused.pointer.size());
    at = put(at, refused.detail.data(), refused.detail.size());
    at = put(at, refused.body.data(), refused.body.size());
  });
  std::fill(at, frame.data() + frame.size(), std::byte{0});
}

void seal_frame(std::span<std::byte> frame, uint64_t first_sequence, uint32_t epoch,
                uint32_t group_start, frame_place place) noexcept {
  auto head = read_head(frame.data());
  head.first_sequence = first_sequence;
  head.epoch = epoch;
  head.group_start = group_start;
  head.mark = mark_of(place);
  put(frame.data(), &head, sizeof head);
  head.crc = crc32c(frame.subspan(sizeof head.crc), crc_start(place));
  put(frame.data(), &head.crc, sizeof head.crc);
}

frame_head read_head(const std::byte* bytes) noexcept {
  return take<frame_head>(bytes);
}

namespace {

bool has_place(const frame_head& head, frame_place place, uint64_t room) noexcept {
  return head.length >= sizeof(frame_head) && head.length % 8 == 0
         && head.length <= frame_bytes_max && head.length <= room
         && head.mark == mark_of(place);
}

} // namespace

bool plausible(const frame_head& head, frame_place place, uint64_t room) noexcept {
  return head.type == 1 && head.version == (head.further_parts() == 0 ? 1 : 2)
         && (head.further_parts() == 0 || head.further_parts() < head.records)
         && has_place(head, place, room);
}

bool plausibly_newer(const frame_head& head, frame_place place, uint64_t room) noexcept {
  return head.type >= 1 && head.version >= 1 && (head.type > 1 || head.version > 2)
         && has_place(head, place, room);
}

bool sum_is_right(std::span<const std::byte> frame, frame_place place) noexcept {
  return crc32c(frame.subspan(sizeof(uint32_t)), crc_start(place))
         == read_head(frame.data()).crc;
}

bool intact(std::span<const std::byte> frame, frame_place place) noexcept {
  const auto head = read_head(frame.data());
  if (crc32c(frame.subspan(sizeof head.crc), crc_start(place)) != head.crc)
    return false;
  uint64_t bytes = sizeof head + uint64_t{head.records} * sizeof(uint32_t)
                   + uint64_t{head.dead_letters} * sizeof(letter_entry)
                   + head.stream_bytes();
  if (bytes > frame.size())
    return false;
  const auto* at = frame.data() + sizeof head;
  for (uint32_t i = 0; i < head.records; ++i, at += sizeof(uint32_t))
    bytes += take<uint32_t>(at);
  for (uint32_t i = 0; i < head.dead_letters; ++i, at += sizeof(letter_entry)) {
    const auto entry = take<letter_entry>(at);
    bytes += uint64_t{entry.pointer_bytes} + entry.detail_bytes + entry.body_bytes;
  }
  return padded(bytes) == frame.size();
}

frame_view decode_frame(std::span<const std::byte> frame, journal_position next) {
  const auto head = read_head(frame.data());
  frame_view view_of;
  view_of.epoch = head.epoch;
  view_of.first_sequence = head.first_sequence;
  view_of.received_at_us = head.received_at_us;
  view_of.key = head.key();
  view_of.keyed = head.keyed();
  view_of.fingerprint = head.fingerprint;
  view_of.unstored() = head.counts().unstored();
  view_of.further_parts = head.further_parts();
  view_of.next = next;
  const auto* sizes = frame.data() + sizeof head;
  const auto* entries = sizes + size_t{head.records} * sizeof(uint32_t);
  const auto* at = entries + size_t{head.dead_letters} * sizeof(letter_entry);
  const auto text = [&at](size_t bytes) {
    const auto found = view(at, bytes);
    at += bytes;
    return found;
  };
  view_of.stream = text(head.stream_bytes());
  view_of.records.reserve(head.records);
  for (uint32_t i = 0; i < head.records; ++i)
    view_of.records.push_back(text(take<uint32_t>(sizes + size_t{i} * sizeof(uint32_t))));
  view_of.dead_letters.reserve(head.dead_letters);
  for (uint32_t i = 0; i < head.dead_letters; ++i) {
    const auto entry = take<letter_entry>(entries + size_t{i} * sizeof(letter_entry));
    auto& letter = view_of.dead_letters.emplace_back();
    letter.record = entry.record;
    letter.line = entry.line;
    letter.code = static_cast<reject>(entry.code);
    letter.pointer = text(entry.pointer_bytes);
    letter.detail = text(entry.detail_bytes);
    letter.body = text(entry.body_bytes);
  }
  return view_of;
}

} // namespace weir
