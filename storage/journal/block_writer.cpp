#include "storage/journal/block_writer.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace weir {

namespace {

alignas(direct_block) constinit const
  std::array<std::byte, block_writer::zeros_max> zero_blocks{};

/// Offset within its block.
size_t inside_block(uint64_t offset) noexcept {
  return offset % direct_block;
}

size_t inside_block(const std::byte* at) noexcept {
  return reinterpret_cast<uintptr_t>(at) % direct_block;
}

} // namespace

result<void> block_writer::append(file& to, std::span<const frame_run> runs, size_t zeros,
                                  uint64_t file_end) {
  pieces_.clear();
  for (const auto& run : runs)
    if (auto added = add(to, {run.data, run.bytes}); !added)
      return added;
  // The next append begins in a block that has this many bytes already.
  const auto open = inside_block(staged_);
  const auto begun = staged_ - open;
  pad(zeros, file_end);
  if (auto written = write_listed(to); !written)
    return written;
  std::memmove(staging_.get(), staging_.get() + begun, open);
  base_ = end_ - open;
  staged_ = open;
  listed_ = 0;
  return {};
}

result<void> block_writer::add(file& to, std::span<const std::byte> bytes) {
  end_ += bytes.size();
  while (!bytes.empty()) {
    const bool same_place = inside_block(bytes.data()) == inside_block(staged_);
    // Whole blocks at the same place in memory and in the file go out without a copy.
    if (same_place && inside_block(staged_) == 0 && bytes.size() >= direct_block) {
      list_staged();
      pieces_.push_back(bytes.first(bytes.size() - inside_block(bytes.size())));
      bytes = bytes.last(inside_block(bytes.size()));
      continue;
    }
    if (staged_ == staging_bytes) {
      list_staged();
      if (auto written = write_listed(to); !written)
        return written;
      staged_ = listed_ = 0;
    }
    const auto room =
      same_place ? direct_block - inside_block(staged_) : staging_bytes - staged_;
    const auto piece = bytes.first(std::min(bytes.size(), room));
    std::memcpy(staging_.get() + staged_, piece.data(), piece.size());
    staged_ += piece.size();
    bytes = bytes.subspan(piece.size());
  }
  return {};
}

/// Stages zeros up to the end of the open block; further ones are taken from zero_blocks.
void block_writer::pad(size_t zeros, uint64_t file_end) {
  assert(inside_block(staged_) == inside_block(end_));
  const auto missing = std::min(whole_blocks(end_ + zeros), file_end) - end_;
  const auto open = inside_block(staged_);
  const auto here = open == 0 ? 0 : std::min<uint64_t>(missing, direct_block - open);
  std::memset(staging_.get() + staged_, 0, here);
  staged_ += here;
  list_staged();
  if (missing > here)
    pieces_.push_back(std::span{zero_blocks}.first(missing - here));
}

void block_writer::list_staged() {
  if (staged_ > listed_)
    pieces_.emplace_back(staging_.get() + listed_, staged_ - listed_);
  listed_ = staged_;
}

result<void> block_writer::write_listed(file& to) {
  auto written = to.write_pieces_at(base_, pieces_);
  for (const auto& piece : pieces_)
    base_ += piece.size();
  pieces_.clear();
  return written;
}

} // namespace weir
