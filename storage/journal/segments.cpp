#include "storage/journal/segments.hpp"

#include "storage/journal/copies.hpp"
#include "storage/journal/errands.hpp"
#include "storage/journal/segment.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace weir {

namespace {

/// A larger group pays for its blocks itself: zeros would double what is written.
constexpr uint64_t small_append = uint64_t{64} << 10;
constexpr size_t zeros_ahead = size_t{256} << 10;
static_assert(zeros_ahead <= block_writer::zeros_max);

/// Makes a segment without a header: everything else that rule 1 asks for.
errand_outcome make_blank(file_system& files, const journal_config& config,
                          uint64_t number) {
  errand_outcome made;
  auto created = files.create(segment_path(config.directory, number));
  if (!created) {
    made.done = tl::unexpected{created.error()};
    return made;
  }
  // Should a step after this fail, there is a file to be discarded.
  made.changed = true;
  made.done =
    (*created)
      ->allocate(config.segment_bytes)
      .and_then([&]() -> result<void> { return (*created)->sync_data(); })
      .and_then([&]() -> result<void> { return files.sync_directory(config.directory); });
  if (made.done)
    made.made = std::move(*created);
  return made;
}

/// A file system that discards what it frees does so file by file, and each sync of others
/// waits that long: 20 ms for 64 MiB. So a file whose name is gone is given back in pieces,
/// unless somebody is still reading in it.
void give_back(file& nameless) {
  constexpr uint64_t piece = uint64_t{1} << 20;
  const auto size = nameless.size();
  if (!size || !nameless.unshared())
    return;
  for (auto left = *size; left > piece;)
    if (!nameless.truncate(left -= piece))
      return;
}

/// True if a copy lacks bytes of it that could not be read: another day they may be.
result<bool> has_unread(file_system& files, const std::string& directory,
                        uint64_t number) {
  const auto copies = list_copies(directory, files, number);
  if (!copies)
    return tl::unexpected{copies.error()};
  return std::any_of(copies->begin(), copies->end(),
                     [](const kept_copy& copy) { return copy.unread; });
}

/// Takes the segment's name away, or renames it to `keep` it; fine if it is gone already.
result<void> unname(file_system& files, const std::string& directory, uint64_t number,
                    bool keep) {
  const auto path = segment_path(directory, number);
  auto done =
    keep ? files.rename(path, corrupt_path(directory, number, 0)) : files.remove(path);
  return done || is_gone(directory, files, number) ? result<void>{} : done;
}

/// Syncs each removal, so that a crash can't bring back a segment without its neighbours.
errand_outcome remove_segment(file_system& files, const journal_config& config,
                              uint64_t number) {
  const auto path = segment_path(config.directory, number);
  // Open, so that its blocks stay on the disk until give_back().
  const auto opened = files.open(path, true);
  errand_outcome removed;
  const auto keep = has_unread(files, config.directory, number);
  if (!keep) {
    removed.done = tl::unexpected{keep.error()};
    return removed;
  }
  removed.done = unname(files, config.directory, number, *keep);
  removed.changed = removed.done.has_value();
  if (removed.changed)
    removed.done = files.sync_directory(config.directory);
  if (removed.done && opened && !*keep)
    give_back(**opened);
  return removed;
}

} // namespace

segment_store::segment_store(const journal_config& config, file_system& files,
                             recovered_journal found)
  : config_(config), files_(files), epoch_(found.epoch + 1),
    segments_(std::move(found.segments)), highest_number_(found.highest_number),
    end_(found.end),
    failure_(fault{ec::storage_failed, config.directory + ": no segment was begun yet"}) {
}

segment_store::~segment_store() {
  if (busy() && config_.errands)
    config_.errands->wait();
}

uint64_t segment_store::room() const noexcept {
  assert(!current_ || end_.offset <= config_.segment_bytes);
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

/// What the errand throws is thrown again by collect(), in the thread that keeps the books.
void segment_store::send(uint64_t number, bool making,
                         std::function<errand_outcome()> errand) {
  assert(!busy());
  const auto job =
    std::make_shared<std::packaged_task<errand_outcome()>>(std::move(errand));
  errand_ = job->get_future();
  errand_number_ = number;
  errand_makes_ = making;
  if (config_.errands)
    config_.errands->run([job] { (*job)(); });
  else
    (*job)();
}

/// Puts into the books what the errand has brought, if it is over.
void segment_store::collect() {
  if (!busy() || errand_.wait_for(std::chrono::seconds{0}) != std::future_status::ready)
    return;
  auto outcome = errand_.get();
  if (errand_makes_) {
    if (auto kept = keep_blank(errand_number_, std::move(outcome), false); !kept)
      making_failed_ = kept.error();
    return;
  }
  if (outcome.changed)
    segments_.erase(errand_number_);
  if (!outcome.done)
    removing_failed_ = outcome.done.error();
}

void segment_store::wait() {
  if (busy() && config_.errands)
    config_.errands->wait();
  collect();
}

result<void> segment_store::keep_blank(uint64_t number, errand_outcome made,
                                       bool over_the_limit) {
  if (!made.done) {
    if (made.changed)
      discard(number);
    else
      segments_.erase(number);
    if (made.done.error().code == ec::journal_full)
      full_ = disk_full_ = true;
    return made.done;
  }
  spare_ = std::move(made.made);
  spare_number_ = number;
  // A segment over the limit does not mean that there is room again.
  if (!over_the_limit)
    full_ = disk_full_ = false;
  return {};
}

/// A file that will never be used. Recovery removes it too, should it stay or come back.
void segment_store::discard(uint64_t number) {
  if (segments_.contains(number) && !unname(files_, config_.directory, number, false))
    debris_.insert(number);
  else
    segments_.erase(number);
}

/// What a failing disk did not let go must not count against the limit for good.
void segment_store::clear_debris() {
  for (const auto number : std::exchange(debris_, {}))
    discard(number);
}

/// The number of a segment that may be made now. Its bytes count from here on.
result<uint64_t> segment_store::reserve(bool over_the_limit) {
  clear_debris();
  if (!over_the_limit && !has_room()) {
    full_ = true;
    return fail(ec::journal_full, config_.directory + ": "
                                    + std::to_string(bytes_on_disk())
                                    + " bytes are waiting for the sink, the limit is "
                                    + std::to_string(config_.bytes_max)
                                    + "; look at the sink or raise journal.bytes_max");
  }
  segments_[++highest_number_] = config_.segment_bytes;
  return highest_number_;
}

result<void> segment_store::allocate(bool over_the_limit) {
  collect();
  if (!spare_)
    wait();
  if (spare_)
    return {};
  making_failed_.reset(); // done again here
  const auto number = reserve(over_the_limit);
  if (!number)
    return tl::unexpected{number.error()};
  return keep_blank(*number, make_blank(files_, config_, *number), over_the_limit);
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
  assert(spare_);
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
  blocks_.begin(frames_begin);
  salt_ = salt;
  end_ = {spare_number_, frames_begin};
  written_end_ = frames_begin;
  failure_.reset();
  return {};
}

/// The first sync of an allocated block has to store that the block is written now, beside
/// what is in it: two writes to the disk, one after the other. So the sync of one small
/// group does that for the blocks of many that follow, filled with the zeros they read as.
size_t segment_store::zeros_behind(uint64_t bytes) noexcept {
  const auto end = end_.offset + bytes;
  if (end <= written_end_)
    return 0;
  written_end_ = end;
  if (bytes > small_append)
    return 0;
  const auto zeros = std::min<uint64_t>(zeros_ahead, config_.segment_bytes - end);
  written_end_ += zeros;
  return zeros;
}

result<void> segment_store::append(std::span<const frame_run> frames, bool direct) {
  assert(current_ && !frames.empty() && frames.front().begin == end_);
  current_->write_direct(direct);
  const auto end = frames.back().end();
  const auto zeros = zeros_behind(end.offset - end_.offset);
  if (auto written = blocks_.append(*current_, frames, zeros, config_.segment_bytes);
      !written)
    return written;
  if (auto synced = current_->sync_data(); !synced)
    return synced;
  end_ = end;
  return {};
}

bool segment_store::abandon(const fault& reason, uint64_t next_sequence) {
  assert(current_);
  const auto failed = std::move(current_);
  failure_ = reason;
  // The mark is worth one segment over the limit: without it a refused group could come back. A
  // disk that goes on failing must not get one for each group, so from there on cutting will do.
  const bool within_the_limit = bytes_on_disk() <= config_.bytes_max;
  if (allocate(within_the_limit) && begin_spare(next_sequence))
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
  collect();
  // The caller hears of a failed errand before another one is sent.
  if (current_ && !spare_ && !busy() && !making_failed_) {
    const auto number = reserve(false);
    if (!number)
      return tl::unexpected{number.error()};
    send(*number, true, [&files = files_, &config = config_, number = *number] {
      return make_blank(files, config, number);
    });
    collect();
  }
  if (const auto why = std::exchange(making_failed_, std::nullopt))
    return tl::unexpected{*why};
  return {};
}

result<void> segment_store::release(journal_position slowest) {
  const auto end = std::min(slowest.segment, end_.segment);
  collect();
  // Oldest first, one at a time: a gap would look like a lost segment.
  while (!busy() && !removing_failed_ && !segments_.empty()
         && segments_.begin()->first < end) {
    const auto number = segments_.begin()->first;
    send(number, false, [&files = files_, &config = config_, number] {
      return remove_segment(files, config, number);
    });
    collect();
  }
  if (const auto why = std::exchange(removing_failed_, std::nullopt))
    return tl::unexpected{*why};
  return full_ && current_ && has_room() ? prepare() : result<void>{};
}

} // namespace weir
