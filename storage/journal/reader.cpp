#include "storage/journal/copies.hpp"
#include "storage/journal/journal.hpp"
#include "storage/journal/scan.hpp"
#include "storage/journal/segment.hpp"
#include "storage/journal/tail_cache.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

class reader final : public journal_reader {
 public:
  reader(std::string directory, file_system& files, journal_position from,
         std::shared_ptr<const journal_tail_cache> tail)
    : directory_(std::move(directory)), files_(files), tail_(std::move(tail)),
      position_(from) {}

  result<std::vector<frame_view>> read(journal_position until, size_t records_max,
                                       size_t bytes_max) override;
  journal_position position() const noexcept override { return position_; }

 private:
  std::vector<frame_view> recall(journal_position until, size_t records_max,
                                 size_t bytes_max);
  result<bool> enter(uint64_t number_min, journal_position until);
  result<bool> try_segment(uint64_t number, journal_position until);
  result<void> look_for_gap(uint64_t left);
  result<void> find_end();
  result<uint64_t> limit(journal_position until);
  result<void> collect(size_t records_max, size_t bytes_max);
  result<void> step_over_damage();
  result<void> step_over_missing_end();
  tl::unexpected<fault> refuse(bool unread);
  result<bool> is_kept(uint64_t from, uint64_t to);

  struct extent {
    uint64_t offset = 0;
    size_t bytes = 0;
  };

  const std::string directory_;
  file_system& files_;
  const std::shared_ptr<const journal_tail_cache> tail_; ///< may be null
  /// Keeps the views of the last read alive.
  std::vector<std::shared_ptr<const tail_block>> held_;
  journal_position position_;
  std::unique_ptr<file> segment_; ///< the one position_ is in; null before the first read
  segment_header header_;
  std::optional<uint64_t> declared_end_;
  /// Up to where there must be frames, as its writer or the next segment's header says.
  std::optional<uint64_t> owed_end_;
  file_window window_;
  std::vector<extent> extents_; ///< where the frames of this read lie
};

result<std::vector<frame_view>> reader::read(journal_position until, size_t records_max,
                                             size_t bytes_max) {
  if (auto recalled = recall(until, records_max, bytes_max); !recalled.empty())
    return recalled;
  extents_.clear();
  while (extents_.empty() && position_ < until) {
    if (!segment_) {
      const auto entered = enter(position_.segment, until);
      if (!entered)
        return tl::unexpected{entered.error()};
      if (!*entered)
        break;
    }
    const auto end = limit(until);
    if (!end)
      return tl::unexpected{end.error()};
    window_.limit(*end);
    if (auto collected = collect(records_max, bytes_max); !collected)
      return tl::unexpected{collected.error()};
    if (!extents_.empty())
      break;
    if (auto stepped = step_over_missing_end(); !stepped)
      return tl::unexpected{stepped.error()};
    if (position_.segment == until.segment)
      break;
    const auto entered = enter(position_.segment + 1, until);
    if (!entered)
      return tl::unexpected{entered.error()};
    if (!*entered)
      break;
  }
  std::vector<frame_view> frames;
  frames.reserve(extents_.size());
  for (const auto& frame : extents_) { // the window moves no more
    const auto bytes = window_.at(frame.offset, frame.bytes);
    if (!bytes)
      return tl::unexpected{bytes.error()};
    frames.push_back(decode_frame(bytes->first(frame.bytes),
                                  {position_.segment, frame.offset + frame.bytes}));
  }
  return frames;
}

/// What the tail cache has of the next frames. They were sealed in this process, so their CRC
/// is not checked again, only their mark: a position need not be one between frames.
std::vector<frame_view> reader::recall(journal_position until, size_t records_max,
                                       size_t bytes_max) {
  held_.clear();
  std::vector<frame_view> frames;
  size_t records = 0;
  size_t bytes = 0;
  while (tail_ && position_ < until) {
    const auto run = tail_->at(position_);
    if (!run)
      break;
    // As long as a view may be used, nobody writes to its block again.
    held_.push_back(run->block);
    const auto end = std::min(run->end(), until);
    while (position_ < end) {
      const auto* const at = run->data + (position_.offset - run->begin.offset);
      const auto room = end.offset - position_.offset;
      if (room < sizeof(frame_head))
        return frames;
      const auto head = read_head(at);
      if (!plausible(head, {run->salt, position_.offset}, room))
        return frames;
      records += head.records;
      bytes += head.length;
      if (!frames.empty() && (records > records_max || bytes > bytes_max))
        return frames;
      position_.offset += head.length;
      frames.push_back(decode_frame({at, head.length}, position_));
    }
  }
  return frames;
}

/// Goes to the first segment from `number_min` on that was begun, unless it is past `until`:
/// to its start, or to position_ if that is in it.
result<bool> reader::enter(uint64_t number_min, journal_position until) {
  const uint64_t left = segment_ ? position_.segment : 0;
  const auto numbers = list_segments(directory_, files_);
  if (!numbers)
    return tl::unexpected{numbers.error()};
  for (const auto number : *numbers) {
    if (number < number_min)
      continue;
    if (number > until.segment)
      break;
    const auto opened = try_segment(number, until);
    if (!opened)
      return tl::unexpected{opened.error()};
    if (!*opened)
      continue;
    if (auto looked = look_for_gap(left); !looked)
      return tl::unexpected{looked.error()};
    const bool same = number == position_.segment;
    // A position inside the header stands for the first frame.
    position_ = {number, same ? std::max(position_.offset, frames_begin) : frames_begin};
    return true;
  }
  return false;
}

/// False for a segment that was never begun, and for one that was deleted meanwhile.
result<bool> reader::try_segment(uint64_t number, journal_position until) {
  auto opened = open_segment(directory_, files_, number);
  if (!opened)
    return tl::unexpected{opened.error()};
  if (!*opened)
    return false;
  const auto header = read_header(directory_, **opened, number);
  if (!header)
    return tl::unexpected{header.error()};
  if (!*header) {
    const auto blank = is_blank(**opened);
    if (!blank)
      return tl::unexpected{blank.error()};
    // A blank segment was never begun; but one in which `until` has frames was.
    if (*blank && (number < until.segment || until.offset <= frames_begin))
      return false;
    return fail(ec::journal_corrupt,
                segment_path(directory_, number)
                  + ": both copies of the header are damaged; a restart of the server "
                    "keeps the segment aside and goes on behind it");
  }
  header_ = **header;
  declared_end_.reset();
  segment_ = std::move(*opened);
  window_.open(*segment_, 0);
  return true;
}

/// Fails if the entered segment names a predecessor later than the segment that was left: that one
/// is missing. If none was left, nobody can tell this from deleted segments, nor can recovery.
result<void> reader::look_for_gap(uint64_t left) {
  const auto previous = header_.previous;
  if (left == 0 || previous <= left
      || files_.open(corrupt_path(directory_, previous, 0), false))
    return {};
  segment_.reset();
  return fail(ec::journal_corrupt,
              segment_path(directory_, previous)
                + ": missing; put it back, or restart the server to go on without its "
                  "records");
}

/// How far position_'s segment may be read.
result<uint64_t> reader::limit(journal_position until) {
  const auto size = segment_->size();
  if (!size)
    return size;
  const bool is_last = position_.segment == until.segment;
  if (!is_last && !declared_end_) // it was the last one when it was entered
    if (auto found = find_end(); !found)
      return tl::unexpected{found.error()};
  owed_end_ = is_last ? until.offset : declared_end_;
  return std::min(*size, owed_end_.value_or(*size));
}

/// Where the segment ends, as the next one that was begun says.
result<void> reader::find_end() {
  const auto numbers = list_segments(directory_, files_);
  if (!numbers)
    return tl::unexpected{numbers.error()};
  for (const auto next : *numbers) {
    if (next <= position_.segment)
      continue;
    const auto opened = open_segment(directory_, files_, next);
    if (!opened)
      return tl::unexpected{opened.error()};
    if (!*opened)
      continue;
    const auto header = read_header(directory_, **opened, next);
    if (!header)
      return tl::unexpected{header.error()};
    if (!*header)
      continue;
    // The next segment that was begun decides, whatever it says.
    if ((*header)->previous == position_.segment)
      declared_end_ = (*header)->previous_end;
    break;
  }
  return {};
}

/// Notes frames from position_ on until a limit or the end, and moves position_ after them.
result<void> reader::collect(size_t records_max, size_t bytes_max) {
  size_t records = 0;
  size_t bytes = 0;
  window_.keep_from(position_.offset);
  while (position_.offset < window_.end()) {
    const auto frame = frame_at(window_, header_.salt, position_.offset);
    if (!frame)
      return tl::unexpected{frame.error()};
    if (frame->empty()) {
      // The frames before the damage go first; the next call steps over it.
      if (!extents_.empty())
        break;
      if (auto stepped = step_over_damage(); !stepped)
        return stepped;
      window_.keep_from(position_.offset);
      continue;
    }
    records += read_head(frame->data()).records;
    bytes += frame->size();
    if (!extents_.empty() && (records > records_max || bytes > bytes_max))
      break;
    extents_.push_back({position_.offset, frame->size()});
    position_.offset += frame->size();
  }
  return {};
}

/// No frame begins at position_: goes to the next one if recovery has kept a copy of the
/// place, or if there is nothing but zeros up to the end of a segment nobody ended.
result<void> reader::step_over_damage() {
  const auto next = resync(window_, header_.salt, position_.offset);
  if (!next)
    return tl::unexpected{next.error()};
  const auto behind = next->frame != 0 ? next->frame : window_.end();
  const auto unread_to = window_.unread().end_within(position_.offset, behind);
  // Where the end is known, zeros before it are damage as well.
  const auto damaged_to =
    next->frame == 0 && !owed_end_ ? std::max(next->nonzero_end, unread_to) : behind;
  const auto known =
    damaged_to == 0 ? result<bool>{true} : is_kept(position_.offset, damaged_to);
  if (!known)
    return tl::unexpected{known.error()};
  if (!*known)
    return refuse(unread_to != 0);
  position_.offset = behind;
  return {};
}

/// A file that ends too early is damaged where it ends; recovery has kept a copy of what there
/// is of the place, which may be nothing.
result<void> reader::step_over_missing_end() {
  if (!owed_end_ || window_.end() >= *owed_end_ || position_.offset >= *owed_end_)
    return {};
  const auto known = is_kept(window_.end(), window_.end());
  if (!known)
    return tl::unexpected{known.error()};
  return *known ? result<void>{} : refuse(false);
}

tl::unexpected<fault> reader::refuse(bool unread) {
  const auto place =
    segment_path(directory_, position_.segment)
    + (unread ? ": can't be read at or behind byte " : ": no whole frame at byte ")
    + std::to_string(position_.offset);
  segment_.reset(); // the next try opens it and reads the disk again
  return fail(unread ? ec::io_failed : ec::journal_corrupt,
              place
                + "; a restart of the server keeps a copy of the place and goes on "
                  "behind it");
}

result<bool> reader::is_kept(uint64_t from, uint64_t to) {
  const auto copies = list_copies(directory_, files_, position_.segment);
  if (!copies)
    return tl::unexpected{copies.error()};
  return std::any_of(copies->begin(), copies->end(),
                     [&](const kept_copy& copy) { return copy.has(from, to); });
}

} // namespace

result<std::unique_ptr<journal_reader>>
journal_reader::open(const std::string& directory, file_system& files,
                     journal_position from,
                     std::shared_ptr<const journal_tail_cache> tail) {
  if (auto listed = files.list(directory); !listed)
    return tl::unexpected{listed.error()};
  return std::make_unique<reader>(directory, files, from, std::move(tail));
}

result<journal_position> journal_end(const std::string& directory, file_system& files) {
  const auto survey = survey_segments(directory, files);
  if (!survey)
    return tl::unexpected{survey.error()};
  if (survey->begun.empty())
    return journal_position{};
  const auto& [number, last] = *survey->begun.rbegin();
  // Only the last segment has no successor that declares its end: it is scanned.
  const auto opened = files.open(segment_path(directory, number), false);
  if (!opened)
    return tl::unexpected{opened.error()};
  const scan_visitor ignore{[](const frame_head&, uint64_t) {},
                            [](uint64_t, uint64_t, bool) { return result<void>{}; }};
  const auto scanned = scan_segment(**opened, last.header.salt, last.limit(), ignore);
  if (!scanned)
    return tl::unexpected{scanned.error()};
  return journal_position{number, scanned->end};
}

} // namespace weir
