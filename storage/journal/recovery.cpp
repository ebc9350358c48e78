#include "storage/journal/recovery.hpp"

#include "storage/journal/copies.hpp"
#include "storage/journal/scan.hpp"
#include "storage/journal/segment.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

namespace weir {

namespace {

/// A whole frame, or a damaged place.
struct found_place {
  uint64_t from = 0;
  uint64_t to = 0;
  bool unread = false;
  std::optional<frame_head> frame;
};

class recovery {
 public:
  recovery(const std::string& directory, file_system& files,
           const std::function<void(const frame_head&)>& frame, recovery_report& report)
    : directory_(directory), files_(files), frame_(frame), report_(report) {}

  result<recovered_journal> run();

 private:
  result<void> remove_debris();
  result<void> look_at_the_disk();
  result<void> put_aside(uint64_t number, bool was_begun);
  result<void> look_for_gap(const segment_survey& survey, const begun_segment& segment);
  result<void> read_segment(uint64_t number, const begun_segment& segment, bool last);
  result<void> drop_orphans(file& segment, uint64_t number,
                            std::vector<found_place>& commit, scan_end& found);
  void count_frame(const frame_head& head, journal_position end);
  result<void> end_last(file& segment, uint64_t number, uint64_t bytes,
                        const scan_end& found);
  result<void> quarantine(file& segment, uint64_t number, uint64_t from, uint64_t to,
                          bool unread);
  void tell(uint64_t number, uint64_t from, uint64_t to, bool unread);
  result<bool> is_kept(file& segment, uint64_t number, uint64_t from, uint64_t to);
  result<void> copy(file& segment, uint64_t from, uint64_t to, const std::string& path);
  result<void> cut(file& segment, uint64_t number, uint64_t bytes, const scan_end& found);
  bool exists(const std::string& path) { return files_.open(path, false).has_value(); }

  const std::string& directory_;
  file_system& files_;
  const std::function<void(const frame_head&)>& frame_;
  recovery_report& report_;
  recovered_journal found_;
};

/// The end of what is no frame and yet not blank.
uint64_t damaged_end(const scan_end& found) noexcept {
  return std::max(found.nonzero_end, found.unread_end);
}

result<recovered_journal> recovery::run() {
  if (auto cleaned = remove_debris(); !cleaned)
    return tl::unexpected{cleaned.error()};
  if (auto seen = look_at_the_disk(); !seen)
    return tl::unexpected{seen.error()};
  const auto survey = survey_segments(directory_, files_);
  if (!survey)
    return tl::unexpected{survey.error()};
  for (const auto number : survey->headless)
    if (auto done = put_aside(number, survey->was_begun(number)); !done)
      return tl::unexpected{done.error()};
  for (const auto& [number, segment] : survey->begun) {
    // Headers count even without frames: neither epoch nor sequence may go back.
    found_.epoch = std::max(found_.epoch, segment.header.epoch);
    found_.next_sequence = std::max(found_.next_sequence, segment.header.first_sequence);
    found_.segments[number] = segment.bytes;
    if (auto looked = look_for_gap(*survey, segment); !looked)
      return tl::unexpected{looked.error()};
    if (auto read =
          read_segment(number, segment, number == survey->begun.rbegin()->first);
        !read)
      return tl::unexpected{read.error()};
  }
  report_.segments = found_.segments.size();
  return found_;
}

/// Learns the highest number ever used here and removes half-made copies.
result<void> recovery::remove_debris() {
  const auto names = files_.list(directory_);
  if (!names)
    return tl::unexpected{names.error()};
  const auto size = segment_name(0).size();
  for (const auto& name : *names) {
    // Copies and segments put aside count, too: their numbers are never used again.
    const auto number = segment_number(std::string_view{name}.substr(0, size));
    if (number && *number <= segment_number_max)
      found_.highest_number = std::max(found_.highest_number, *number);
    if (name.ends_with(".corrupt.part"))
      if (auto removed = files_.remove(directory_ + '/' + name); !removed)
        return removed;
  }
  return {};
}

/// A killed process or a failed sync can have left bytes in the page cache that are not on the
/// disk: only in the segment that was begun last, and in any after it. They are synced, and read
/// from the disk, before they are relied on.
result<void> recovery::look_at_the_disk() {
  const auto numbers = list_segments(directory_, files_);
  if (!numbers)
    return tl::unexpected{numbers.error()};
  // From the highest number down to the last segment with a good header.
  for (auto number = numbers->rbegin(); number != numbers->rend(); ++number) {
    auto opened = files_.open(segment_path(directory_, *number), false);
    if (!opened)
      return tl::unexpected{opened.error()};
    auto& segment = **opened;
    const auto header =
      segment.sync_data().and_then([&] { return segment.drop_cached(); }).and_then([&] {
        return read_header(directory_, segment, *number);
      });
    if (!header)
      return tl::unexpected{header.error()};
    if (*header)
      break;
  }
  return {};
}

/// A segment without a good header. Blank: it was allocated ahead and never begun. Else
/// both copies of its header are damaged, and without its salt no frame can be told from
/// noise.
result<void> recovery::put_aside(uint64_t number, bool was_begun) {
  const auto path = segment_path(directory_, number);
  const auto blank =
    files_.open(path, false).and_then([](const std::unique_ptr<file>& segment) {
      return is_blank(*segment);
    });
  if (!blank)
    return tl::unexpected{blank.error()};
  // If another header names it as begun, it is not merely unused: its bytes are lost.
  if (*blank && !was_begun) {
    if (auto removed = files_.remove(path); !removed)
      return removed;
    return files_.sync_directory(directory_);
  }
  const auto aside = corrupt_path(directory_, number, 0);
  ++report_.frames_quarantined;
  report_.alarms.push_back(
    path
    + ": both copies of the header are damaged; the whole segment is "
      "kept as "
    + aside + " and its records are not delivered");
  if (auto renamed = files_.rename(path, aside); !renamed)
    return renamed;
  return files_.sync_directory(directory_);
}

/// Segments are deleted from the first on, so one missing between two others was lost. An empty
/// file in place of a copy says that this was reported, and lets the readers go on after it.
result<void> recovery::look_for_gap(const segment_survey& survey,
                                    const begun_segment& segment) {
  const auto previous = segment.header.previous;
  const bool older = survey.begun.begin()->first < previous;
  const auto marker = corrupt_path(directory_, previous, 0);
  if (previous == 0 || !older || survey.begun.contains(previous) || exists(marker))
    return {};
  report_.alarms.push_back(segment_path(directory_, previous)
                           + ": missing; its records are lost unless the sink has them");
  if (auto made = files_.create(marker); !made)
    return tl::unexpected{made.error()};
  return files_.sync_directory(directory_);
}

void recovery::count_frame(const frame_head& head, journal_position end) {
  ++report_.frames;
  if (head.dead_letters > 0)
    report_.dead_letters_end = end;
  report_.records += head.records;
  found_.next_sequence =
    std::max(found_.next_sequence, head.first_sequence + head.records);
  frame_(head);
}

result<void> recovery::read_segment(uint64_t number, const begun_segment& segment,
                                    bool last) {
  auto opened = files_.open(segment_path(directory_, number), last);
  if (!opened)
    return tl::unexpected{opened.error()};
  auto& disk = **opened;
  // Frames of one commit, and damaged places among them, are settled together.
  std::vector<found_place> commit;
  const auto settle = [&](uint64_t before) -> result<void> {
    auto place = commit.begin();
    for (; place != commit.end() && place->to <= before; ++place)
      if (place->frame)
        count_frame(*place->frame, {number, place->to});
      else if (auto kept =
                 quarantine(disk, number, place->from, place->to, place->unread);
               !kept)
        return kept;
    commit.erase(commit.begin(), place);
    return {};
  };
  result<void> settled;
  const scan_visitor visitor{
    [&](const frame_head& head, uint64_t offset) {
      if (settled && !commit.empty() && commit.front().to <= head.group_start)
        settled = settle(head.group_start);
      commit.push_back({offset, offset + head.length, false, head});
    },
    [&](uint64_t from, uint64_t to, bool unread) {
      commit.push_back({from, to, unread, std::nullopt});
      return settled;
    }};
  auto scanned = scan_segment(disk, segment.header.salt, segment.limit(), visitor);
  if (!scanned || !settled)
    return tl::unexpected{scanned ? settled.error() : scanned.error()};
  if (last)
    if (auto freed = drop_orphans(disk, number, commit, *scanned); !freed)
      return freed;
  if (auto done = settle(segment.limit()); !done)
    return done;
  found_.end = {number, scanned->end};
  if (last)
    return end_last(disk, number, segment.bytes, *scanned);
  // Only a segment that was ended by its successor has acknowledged frames up to its
  // limit.
  const auto damaged_to =
    segment.declared_end ? *segment.declared_end : damaged_end(*scanned);
  if (damaged_to > scanned->end)
    return quarantine(disk, number, scanned->end, damaged_to, scanned->unread_end != 0);
  return {};
}

/// If power failed between the write and the sync of the last commit, any of its frames may be
/// missing. A part whose request has an earlier part in that commit is stored only with that one:
/// the request's repeat would not find it after a gap, and would store it again. So such parts
/// after a damaged place are made part of it, and kept in its copy.
result<void> recovery::drop_orphans(file& segment, uint64_t number,
                                    std::vector<found_place>& commit, scan_end& found) {
  const auto last =
    std::find_if(commit.rbegin(), commit.rend(),
                 [](const found_place& p) { return p.frame.has_value(); });
  if (last == commit.rend())
    return {};
  const auto begin = last->frame->group_start;
  std::vector<found_place> left;
  std::vector<uint64_t> orphans;
  bool damaged = false;
  for (auto& place : commit) {
    if (place.frame && damaged && place.frame->follows()) {
      orphans.push_back(place.from);
      found_.next_sequence = std::max(found_.next_sequence,
                                      place.frame->first_sequence + place.frame->records);
      place.frame.reset();
    }
    damaged = damaged || (!place.frame && place.to > begin);
    if (!place.frame && !left.empty() && !left.back().frame) {
      left.back().to = place.to; // they touch
      left.back().unread = left.back().unread || place.unread;
    } else {
      left.push_back(place);
    }
  }
  commit = std::move(left);
  if (orphans.empty())
    return {};
  for (const auto& place : commit)
    if (!place.frame)
      if (auto kept = quarantine(segment, number, place.from, place.to, place.unread);
          !kept)
        return kept;
  // Only now, when a copy has them: without its head none of them is a frame any more.
  constexpr std::array<std::byte, 8> blank{};
  for (const auto offset : orphans)
    if (auto blanked = segment.write_at(offset, blank); !blanked)
      return blanked;
  if (auto synced = segment.sync_data(); !synced)
    return synced;
  if (!commit.back().frame) { // nothing whole is left after it
    found.nonzero_end = std::max(found.nonzero_end, found.end);
    found.end = commit.back().from;
    commit.pop_back();
  }
  return {};
}

/// What can't be read after the last whole frame may be acknowledged: then nothing is cut.
result<void> recovery::end_last(file& segment, uint64_t number, uint64_t bytes,
                                const scan_end& found) {
  if (found.unread_end == 0)
    return cut(segment, number, bytes, found);
  return quarantine(segment, number, found.end, damaged_end(found), true);
}

/// True if an earlier start has kept all of it; damage that has grown is more than the copy has.
result<bool> recovery::is_kept(file& segment, uint64_t number, uint64_t from,
                               uint64_t to) {
  const auto copies = list_copies(directory_, files_, number);
  const auto bytes = segment.size();
  if (!copies || !bytes)
    return tl::unexpected{copies ? bytes.error() : copies.error()};
  to = std::min(to, *bytes); // the file may end before the damage does
  return std::any_of(copies->begin(), copies->end(),
                     [&](const kept_copy& copy) { return copy.has(from, to); });
}

/// Keeps a copy of [from, to) and says so; readers step over a place that has a copy.
result<void> recovery::quarantine(file& segment, uint64_t number, uint64_t from,
                                  uint64_t to, bool unread) {
  const auto kept = is_kept(segment, number, from, to);
  if (!kept)
    return tl::unexpected{kept.error()};
  if (*kept)
    return {};
  tell(number, from, to, unread);
  return copy(segment, from, to, corrupt_path(directory_, number, from, unread));
}

void recovery::tell(uint64_t number, uint64_t from, uint64_t to, bool unread) {
  ++report_.frames_quarantined;
  auto text = segment_path(directory_, number) + ": no whole frame in bytes "
              + std::to_string(from) + " to " + std::to_string(to)
              + "; a copy is kept as " + corrupt_path(directory_, number, from, unread)
              + " and what was recorded there is not delivered";
  if (unread)
    text +=
      "; part of it can't be read and is zeros in the copy, so the segment will not "
      "be deleted: once its readers have passed it, it is kept as "
      + corrupt_path(directory_, number, 0);
  report_.alarms.push_back(std::move(text));
}

result<void> recovery::copy(file& segment, uint64_t from, uint64_t to,
                            const std::string& path) {
  const auto part = path + ".part"; // it gets its name only when it is whole
  auto opened = files_.create(part);
  if (!opened)
    return tl::unexpected{opened.error()};
  std::vector<std::byte> bytes(
    static_cast<size_t>(std::min<uint64_t>(to - from, 1 << 20)));
  unread_blocks unread;
  for (uint64_t at = from; at < to;) {
    const auto piece = std::span{bytes}.first(
      static_cast<size_t>(std::min<uint64_t>(bytes.size(), to - at)));
    const auto got = read_around(segment, at, piece, unread);
    if (!got)
      return tl::unexpected{got.error()};
    if (*got == 0)
      break; // the file ends before the damage does
    if (auto written = (*opened)->write_at(at - from, piece.first(*got)); !written)
      return written;
    at += *got;
  }
  if (auto synced = (*opened)->sync_data(); !synced)
    return synced;
  if (auto renamed = files_.rename(part, path); !renamed)
    return renamed;
  return files_.sync_directory(directory_);
}

/// Gives the unused rest of the last segment back and drops a torn tail. The next
/// segment's header will say the same, should this be lost.
result<void> recovery::cut(file& segment, uint64_t number, uint64_t bytes,
                           const scan_end& found) {
  if (found.nonzero_end > found.end)
    report_.bytes_truncated += found.nonzero_end - found.end;
  if (bytes <= found.end)
    return {};
  if (auto shortened = segment.truncate(found.end); !shortened)
    return shortened;
  if (auto synced = segment.sync_data(); !synced)
    return synced;
  found_.segments[number] = found.end;
  return {};
}

} // namespace

result<recovered_journal>
recover_journal(const std::string& directory, file_system& files,
                const std::function<void(const frame_head&)>& frame,
                recovery_report& report) {
  return recovery{directory, files, frame, report}.run();
}

} // namespace weir
