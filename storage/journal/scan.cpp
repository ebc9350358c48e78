#include "storage/journal/scan.hpp"

#include "storage/journal/segment.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

namespace weir {

uint64_t unread_blocks::end_within(uint64_t from, uint64_t to) const noexcept {
  uint64_t end = 0;
  for (const auto& [begin, behind] : blocks_)
    if (begin < to && from < behind)
      end = std::max(end, std::min(behind, to));
  return end;
}

namespace {

bool header_can_be_read(file& segment) {
  std::array<std::byte, sizeof(segment_header)> bytes;
  if (!segment.drop_cached())
    return false;
  return std::any_of(std::begin(header_copies), std::end(header_copies),
                     [&](uint64_t at) { return segment.read_at(at, bytes).has_value(); });
}

} // namespace

result<size_t> read_around(file& segment, uint64_t offset, std::span<std::byte> bytes,
                           unread_blocks& unread) {
  auto whole = segment.read_at(offset, bytes);
  if (whole)
    return whole;
  // Block by block, to find those that can't be read.
  for (size_t done = 0; done < bytes.size();) {
    const auto at = offset + done;
    const auto piece = bytes.subspan(
      done, std::min<size_t>(bytes.size() - done, direct_block - at % direct_block));
    const auto got = segment.read_at(at, piece);
    if (got && *got < piece.size())
      return done + *got;
    if (!got) {
      unread.note(at, at + piece.size());
      if (unread.too_many() || !header_can_be_read(segment))
        return whole;
      std::fill(piece.begin(), piece.end(), std::byte{0});
    }
    done += piece.size();
  }
  return bytes.size();
}

void file_window::open(file& segment, uint64_t end) {
  file_ = &segment;
  end_ = end;
  keep_ = base_ = 0;
  filled_ = 0;
  unread_.clear();
}

result<std::span<const std::byte>> file_window::at(uint64_t offset, size_t bytes) {
  if (offset >= end_)
    return std::span<const std::byte>{};
  bytes = static_cast<size_t>(std::min<uint64_t>(bytes, end_ - offset));
  if (offset < base_ || offset + bytes > base_ + filled_)
    if (auto filled = fill(offset, bytes); !filled)
      return tl::unexpected{filled.error()};
  const auto skipped = static_cast<size_t>(offset - base_);
  return std::span<const std::byte>{buffer_.get(), filled_}.subspan(
    std::min(skipped, filled_));
}

result<void> file_window::fill(uint64_t offset, size_t bytes) {
  keep_ = std::clamp(keep_, base_, std::max(offset, base_));
  // What is kept moves to the front, and only the bytes after it are read.
  const bool reusable = offset >= base_ && keep_ <= base_ + filled_;
  const uint64_t base = reusable ? keep_ : offset;
  const size_t kept = reusable ? static_cast<size_t>(base_ + filled_ - base) : 0;
  size_t wanted = static_cast<size_t>(offset - base) + bytes;
  wanted = (wanted + piece_bytes - 1) / piece_bytes * piece_bytes;
  wanted = static_cast<size_t>(std::min<uint64_t>(wanted, end_ - base));
  const auto* const from = buffer_.get() + (reusable ? base - base_ : 0);
  if (wanted > capacity_) {
    auto larger = std::make_unique_for_overwrite<std::byte[]>(wanted);
    if (kept != 0)
      std::memcpy(larger.get(), from, kept);
    buffer_ = std::move(larger);
    capacity_ = wanted;
  } else if (kept != 0) {
    std::memmove(buffer_.get(), from, kept);
  }
  base_ = keep_ = base;
  filled_ = kept;
  const auto got =
    read_around(*file_, base_ + kept, {buffer_.get() + kept, wanted - kept}, unread_);
  if (!got)
    return tl::unexpected{got.error()};
  filled_ += *got;
  return {};
}

namespace {

/// A frame of a newer weir with the right sum is no damage: nothing may be cut or skipped.
result<std::span<const std::byte>>
refuse_newer(file_window& window, const frame_head& head, frame_place place) {
  const auto frame = window.at(place.offset, head.length);
  if (!frame)
    return frame;
  if (frame->size() < head.length || !sum_is_right(frame->first(head.length), place))
    return std::span<const std::byte>{};
  return fail(ec::io_failed,
              window.name() + ": has a frame of type " + std::to_string(head.type)
                + ", version " + std::to_string(head.version) + " at byte "
                + std::to_string(place.offset)
                + ", this weir knows type 1, version 1: use the weir that wrote it, or a"
                  " newer one");
}

} // namespace

result<std::span<const std::byte>> frame_at(file_window& window, uint64_t salt,
                                            uint64_t offset) {
  const auto none = std::span<const std::byte>{};
  const auto start = window.at(offset, sizeof(frame_head));
  if (!start || start->size() < sizeof(frame_head))
    return start ? none : start;
  const auto head = read_head(start->data());
  const frame_place place{salt, offset};
  if (plausibly_newer(head, place, window.end() - offset))
    return refuse_newer(window, head, place);
  if (!plausible(head, place, window.end() - offset))
    return none;
  // Only a plausible head gets here: its length bounds the memory.
  const auto frame = window.at(offset, head.length);
  if (!frame || frame->size() < head.length)
    return frame ? none : frame;
  return intact(frame->first(head.length), place) ? frame->first(head.length) : none;
}

namespace {

/// Looks for a head at every eighth byte of `bytes`, which begin at `offset`. Returns where a
/// plausible one is, or how many bytes were looked at.
size_t skip_to_head(std::span<const std::byte> bytes, uint64_t salt, uint64_t offset,
                    uint64_t end, resync_result& found) noexcept {
  size_t at = 0;
  for (; at + sizeof(frame_head) <= bytes.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    if (word == 0)
      continue;
    const frame_place place{salt, offset + at};
    if (plausible(read_head(bytes.data() + at), place, end - place.offset))
      return at;
    found.nonzero_end = place.offset + 8;
  }
  return at;
}

} // namespace

result<resync_result> resync(file_window& window, uint64_t salt, uint64_t from) {
  resync_result found;
  for (uint64_t offset = from; offset < window.end();) {
    window.keep_from(offset);
    const auto bytes = window.at(offset, sizeof(frame_head));
    if (!bytes)
      return tl::unexpected{bytes.error()};
    // Too short for a frame, but maybe not blank.
    if (bytes->size() < sizeof(frame_head)) {
      for (size_t i = 0; i < bytes->size(); ++i)
        if ((*bytes)[i] != std::byte{0})
          found.nonzero_end = offset + i + 1;
      break;
    }
    offset += skip_to_head(*bytes, salt, offset, window.end(), found);
    const auto frame = frame_at(window, salt, offset);
    if (!frame)
      return tl::unexpected{frame.error()};
    if (!frame->empty()) {
      found.frame = offset;
      break;
    }
    const auto word = window.at(offset, 8);
    if (!word)
      return tl::unexpected{word.error()};
    if (word->size() >= sizeof(frame_head)) {
      // A head that lied: step past its first word. (A short rest is looked at above.)
      uint64_t value = 0;
      std::memcpy(&value, word->data(), sizeof value);
      if (value != 0)
        found.nonzero_end = offset + 8;
      offset += 8;
    }
  }
  return found;
}

result<scan_end> scan_segment(file& segment, uint64_t salt, uint64_t end,
                              const scan_visitor& visitor) {
  file_window window;
  window.open(segment, end);
  scan_end done{frames_begin, 0};
  for (;;) {
    window.keep_from(done.end);
    const auto frame = frame_at(window, salt, done.end);
    if (!frame)
      return tl::unexpected{frame.error()};
    if (!frame->empty()) {
      visitor.frame(read_head(frame->data()), done.end);
      done.end += frame->size();
      continue;
    }
    // No frame at done.end: the damage reaches to the next whole one.
    const auto next = resync(window, salt, done.end);
    if (!next)
      return tl::unexpected{next.error()};
    done.nonzero_end = next->nonzero_end;
    if (next->frame == 0) {
      done.unread_end = window.unread().end_within(done.end, end);
      return done;
    }
    const bool unread = window.unread().end_within(done.end, next->frame) != 0;
    if (auto noted = visitor.damage(done.end, next->frame, unread); !noted)
      return tl::unexpected{noted.error()};
    done.end = next->frame;
    done.nonzero_end = 0;
  }
}

} // namespace weir
