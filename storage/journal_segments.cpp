#include "storage/journal_segments.hpp"

#include "storage/journal_segment.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

/// A larger group pays for its blocks itself: zeros would double what is written.
constexpr uint64_t small_append = uint64_t{64} << 10;

} // namespace

segment_store::segment_store(const journal_config& config, file_system& files,
                             recovered_journal found)
  : config_(config), files_(files), epoch_(found.epoch + 1),
    segments_(std::move(found.segments)), highest_number_(found.highest_number),
    end_(found.end),
    failure_(fault{ec::storage_failed, config.directory + ": no segment was begun yet"}) {
}

std::string segment_store::path(uint64_t number) const {
  return segment_path(config_.directory, number);
}

uint64_t segment_store::room() const noexcept {
  return current_ ? config_.segment_bytes - end_.offset : 0;
}

uint64_t segment_store::room_max() const noexcept {
  return config_.segment_bytes - frames_begin;
}

uint64_t segment_store::bytes_on_disk() const noexcept {
  uint64_t sum = 0;
  for (const auto& [number, bytes] : segments_)
    sum += bytes;
  return sum;
}

bool segment_store::has_room() {
  const auto used = bytes_on_disk();
  if (used + config_.segment_bytes > config_.bytes_max)
    return false;
  if (!full_)
    return true;
  if (disk_full_) { // one segment's worth is kept free for others
    const auto free = files_.free_bytes(config_.directory);
    if (!free || *free < 2 * config_.segment_bytes)
      return false;
  }
  return static_cast<double>(used)
         <= config_.reopen_fraction * static_cast<double>(config_.bytes_max);
}

result<void> segment_store::create_blank(uint64_t number) {
  auto created = files_.create(path(number));
  if (!created)
    return tl::unexpected{created.error()};
  segments_[number] = config_.segment_bytes;
  if (auto allocated = (*created)->allocate(config_.segment_bytes); !allocated)
    return allocated;
  if (auto synced = (*created)->sync_data(); !synced)
    return synced;
  if (auto synced = files_.sync_directory(config_.directory); !synced)
    return synced;
  spare_ = std::move(*created);
  spare_number_ = number;
  return {};
}

/// A file that will never be used. Recovery removes it too, should it stay or come back.
void segment_store::discard(uint64_t number) {
  if (segments_.contains(number) && !files_.remove(path(number)))
    debris_.insert(number);
  else
    segments_.erase(number);
}

/// What a failing disk did not let go must not count against the limit for good.
void segment_store::clear_debris() {
  for (const auto number : std::exchange(debris_, {}))
    discard(number);
}

result<void> segment_store::allocate(bool over_the_limit) {
  if (spare_)
    return {};
  clear_debris();
  if (!over_the_limit && !has_room()) {
    full_ = true;
    return fail(ec::journal_full, config_.directory + ": "
                                    + std::to_string(bytes_on_disk())
                                    + " bytes are waiting for the sink, the limit is "
                                    + std::to_string(config_.bytes_max)
                                    + "; look at the sink or raise journal.bytes_max");
  }
  const auto number = ++highest_number_;
  auto created = create_blank(number);
  if (!created) {
    discard(number);
    if (created.error().code == ec::journal_full)
      full_ = disk_full_ = true;
    return created;
  }
  if (!over_the_limit)
    full_ = disk_full_ = false;
  return {};
}

result<void> segment_store::begin(uint64_t next_sequence) {
  if (auto allocated = allocate(false); !allocated) {
    if (current_ && allocated.error().code == ec::journal_full)
      return allocated;
    current_.reset();
    failure_ = allocated.error();
    return allocated;
  }
  return begin_spare(next_sequence);
}

result<void> segment_store::begin_spare(uint64_t next_sequence) {
  current_.reset(); // rule 2: from here on the header may be on disk
  auto next = std::move(spare_);
  const uint64_t salt =
    config_.draw_salt ? config_.draw_salt() : uint64_t{random_()} << 32 | random_();
  segment_header header;
  header.epoch = epoch_;
  header.number = spare_number_;
  header.previous = end_.segment;
  header.previous_end = end_.offset;
  header.first_sequence = next_sequence;
  header.salt = salt;
  auto done = write_header(*next, header);
  if (done)
    done = next->sync_data();
  if (!done) {
    failure_ = done.error();
    next.reset();
    discard(spare_number_); // its header, should it come back, says nothing new
    return done;
  }
  current_ = std::move(next);
  salt_ = salt;
  end_ = {spare_number_, frames_begin};
  written_end_ = frames_begin;
  failure_.reset();
  return {};
}

/// The first sync of an allocated block has to store that the block is written now, beside
/// what is in it: two writes to the disk, one after the other. So the sync of one small
/// group does that for the blocks of many that follow, filled with the zeros they read as.
result<void> segment_store::write_ahead(uint64_t bytes) {
  const auto end = end_.offset + bytes;
  if (end <= written_end_)
    return {};
  written_end_ = end;
  const auto more = std::min<uint64_t>(zeros_.size(), config_.segment_bytes - end);
  if (bytes > small_append || more == 0)
    return {};
  written_end_ += more;
  return current_->write_at(end, std::span{zeros_}.first(more));
}

result<void> segment_store::append(std::span<const std::byte> frames) {
  if (auto zeroed = write_ahead(frames.size()); !zeroed)
    return zeroed;
  if (auto written = current_->write_at(end_.offset, frames); !written)
    return written;
  if (auto synced = current_->sync_data(); !synced)
    return synced;
  end_.offset += frames.size();
  return {};
}

bool segment_store::abandon(const fault& reason, uint64_t next_sequence) {
  const auto failed = std::move(current_);
  failure_ = reason;
  // The mark is worth a segment over the limit: without it a refused group could come
  // back.
  if (allocate(true) && begin_spare(next_sequence))
    return true;
  return cut(*failed);
}

bool segment_store::cut(file& segment) {
  if (!segment.truncate(end_.offset) || !segment.sync_data())
    return false;
  segments_[end_.segment] = end_.offset;
  return true;
}

result<void> segment_store::prepare() {
  return current_ ? allocate(false) : result<void>{};
}

result<void> segment_store::release(journal_position slowest) {
  while (!segments_.empty()) {
    const auto number = segments_.begin()->first;
    if (number >= slowest.segment || number >= end_.segment)
      break;
    if (auto removed = files_.remove(path(number)); !removed)
      return removed;
    segments_.erase(number);
    // One by one, so that a crash can't bring back a segment without its neighbours.
    if (auto synced = files_.sync_directory(config_.directory); !synced)
      return synced;
  }
  return full_ && current_ && has_room() ? prepare() : result<void>{};
}

} // namespace weir
