// WRITER: the journal's one writer, from a group of frames to numbered records on disk. group.hpp
// decides what becomes a frame and who is told what; segments.hpp owns the files; here a group is
// divided into runs that fit into a segment, and each run becomes durable as a whole or is refused.
//
//   start      recover what is there, learn its keys, open a segment
//   commit     for each run: number and seal its frames, write, sync, then answer
//   release    give back segments that every reader is done with
#include "storage/journal/group.hpp"
#include "storage/journal/journal.hpp"
#include "storage/journal/recovery.hpp"
#include "storage/journal/segment.hpp"
#include "storage/journal/segments.hpp"
#include "storage/journal/tail_cache.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

key_entry entry_of(const frame_head& head) noexcept {
  key_entry entry;
  entry.key = head.key();
  entry.fingerprint = head.fingerprint;
  entry.last_sequence = head.records == 0 ? 0 : head.first_sequence + head.records - 1;
  entry.counts() = head.counts();
  return entry;
}

key_entry entry_of(const remembered_key& kept) noexcept {
  key_entry entry;
  entry.key = kept.key;
  entry.fingerprint = kept.fingerprint;
  entry.last_sequence = kept.last_sequence;
  entry.counts() = kept.counts();
  return entry;
}

result<void> check(const journal_config& config) {
  const auto refuse = [](const char* text) { return fail(ec::invalid_config, text); };
  if (config.directory.empty())
    return refuse("journal.directory is empty; name a directory");
  if (config.segment_bytes < uint64_t{64} << 10
      || config.segment_bytes > uint64_t{1} << 30)
    return refuse("journal.segment_bytes must be between 64KiB and 1GiB");
  if (config.bytes_max < 2 * config.segment_bytes)
    return refuse("journal.bytes_max must have room for two segments");
  if (!(config.reopen_fraction > 0 && config.reopen_fraction <= 1))
    return refuse("journal.reopen_fraction must be above 0 and at most 1");
  return {};
}

class writer final : public journal_writer {
 public:
  writer(const journal_config& config, file_system& files, const clock_source& clock)
    : config_(config), files_(files),
      clock_(clock), keys_{{config.keys_max, config.keys_age_max, clock},
                           config.recent_keys ? config.recent_keys
                                              : make_recent_keys(config, clock)},
      tail_(config.tail ? config.tail : journal_tail_cache::make(0)),
      group_(keys_, tail_) {}

  result<void> start(uint64_t next_sequence_min, recovery_report& report);

  void remember(const std::vector<remembered_key>& keys) override {
    for (auto key = keys.rbegin(); key != keys.rend(); ++key)
      keys_.keyed.add_oldest(entry_of(*key));
  }

  bool add(batch_ptr batch) override {
    return group_.add(
      std::move(batch),
      static_cast<size_t>(std::min<uint64_t>(frame_bytes_max, store_->room_max())),
      store_->end().offset);
  }
  size_t pending_bytes() const noexcept override { return group_.pending_bytes(); }

  std::vector<std::shared_ptr<const batch_receipt>> commit() override {
    for (auto rest = group_.frames(); !rest.empty();)
      rest = rest.subspan(commit_run(rest));
    return group_.finish();
  }

  journal_position durable_end() const noexcept override { return store_->end(); }
  uint64_t last_sequence() const noexcept override { return next_sequence_ - 1; }
  uint64_t bytes_on_disk() const noexcept override { return store_->bytes_on_disk(); }
  bool full() const noexcept override { return store_->full(); }
  bool disk_full() const noexcept override { return store_->disk_full(); }
  bool failed() const noexcept override {
    const auto& why = store_->failure();
    return why && why->code != ec::journal_full;
  }
  result<void> prepare() override { return store_->prepare(); }
  result<void> retry() override {
    if (!store_->open())
      if (auto begun = store_->begin(next_sequence_); !begun)
        return begun;
    return store_->prepare_now();
  }
  result<void> release(journal_position slowest) override {
    slowest_ = slowest;
    tail_->forget_before(slowest);
    if (auto released = store_->release(slowest); !released)
      return released;
    if (full() && !store_->open())
      (void)retry(); // still full is no failure of the release
    return {};
  }
  journal_counts counts() const noexcept override { return counts_; }

 private:
  /// True if nobody will read what is written now from the file, unless after a restart.
  bool readers_keep_up() const {
    return slowest_ >= store_->end() || tail_->at(slowest_).has_value();
  }
  size_t commit_run(std::span<const group_frame> frames);
  void append(std::span<const group_frame> run);
  size_t fitting(std::span<const group_frame> frames) const noexcept;
  std::vector<frame_run> seal(std::span<const group_frame> frames);
  void refuse(std::span<const group_frame> frames, const fault& why,
              const char* and_then);

  const journal_config config_;
  file_system& files_;
  const clock_source& clock_;
  known_keys keys_;
  const std::shared_ptr<journal_tail_cache> tail_;
  commit_group group_;
  std::optional<segment_store> store_; ///< set by start()
  uint64_t next_sequence_ = 1;
  journal_position slowest_; ///< the slowest reader's position
  journal_counts counts_;
};

result<void> writer::start(uint64_t next_sequence_min, recovery_report& report) {
  tail_->clear(); // recovery may cut or quarantine what is there
  if (auto made = files_.make_directory(config_.directory); !made)
    return made;
  if (auto synced = files_.sync_directory(config_.directory); !synced)
    return synced;
  const auto remember_frame = [this](const frame_head& head) {
    keys_.add(entry_of(head), head.keyed());
  };
  auto found = recover_journal(config_.directory, files_, remember_frame, report);
  if (!found)
    return tl::unexpected{found.error()};
  next_sequence_ = std::max(found->next_sequence, next_sequence_min);
  found->highest_number = std::max(found->highest_number, config_.segment_number_min);
  store_.emplace(config_, files_, std::move(*found));
  if (auto begun = retry(); !begun && begun.error().code != ec::journal_full)
    return begun;
  return {};
}

/// How many of the first frames the current segment has room for.
size_t writer::fitting(std::span<const group_frame> frames) const noexcept {
  const auto room = store_->room();
  size_t count = 0;
  uint64_t bytes = 0;
  while (count < frames.size() && (bytes += frames[count].bytes.size()) <= room
         && !group_.follows_a_failure(frames[count]))
    ++count;
  return count;
}

/// Numbers the frames and ties them to their places, which follow each other.
std::vector<frame_run> writer::seal(std::span<const group_frame> frames) {
  std::vector<frame_run> pieces;
  auto sequence = next_sequence_;
  auto place = store_->end();
  const auto start = static_cast<uint32_t>(place.offset);
  for (const auto& frame : frames) {
    seal_frame(frame.bytes, sequence, store_->epoch(), start,
               {store_->salt(), place.offset});
    // in one block there is a gap where another segment was begun meanwhile
    if (pieces.empty() || pieces.back().block != group_.block_of(frame)
        || pieces.back().data + pieces.back().bytes != frame.bytes.data())
      pieces.push_back(
        {place, store_->salt(), frame.bytes.data(), 0, group_.block_of(frame)});
    pieces.back().bytes += frame.bytes.size();
    place.offset += frame.bytes.size();
    sequence += frame.records;
  }
  return pieces;
}

void writer::refuse(std::span<const group_frame> frames, const fault& why,
                    const char* and_then) {
  const auto code = why.code == ec::journal_full ? ec::journal_full : ec::storage_failed;
  for (const auto& frame : frames)
    group_.fail(frame, code, why.text + and_then, *and_then != '\0');
}

/// Writes as many frames as the current segment takes, or refuses them; returns how many it was.
size_t writer::commit_run(std::span<const group_frame> frames) {
  if (group_.follows_a_failure(frames.front())) {
    refuse(frames.first(1),
           {ec::storage_failed, "an earlier part of the body could not be stored"}, "");
    return 1;
  }
  if (store_->open() && fitting(frames) == 0)
    if (auto begun = store_->begin(next_sequence_); !begun) {
      refuse(frames.first(1), begun.error(), ""); // a smaller one may fit in what is left
      return 1;
    }
  if (!store_->open()) {
    refuse(frames, *store_->failure(), "");
    return frames.size();
  }
  const auto run = frames.first(fitting(frames));
  append(run);
  return run.size();
}

/// One write and one sync. A frame has its numbers for good only when they have succeeded.
void writer::append(std::span<const group_frame> run) {
  auto sealed = seal(run);
  const auto began = clock_.now();
  const auto done = store_->append(sealed, readers_keep_up());
  if (config_.sync_seconds)
    config_.sync_seconds->observe(
      std::chrono::duration<double>(clock_.now() - began).count());
  if (!done) {
    ++counts_.sync_failures;
    // Some of the run may be on disk all the same: the segment must end before it, durably.
    const bool ended = store_->abandon(done.error(), next_sequence_);
    return refuse(
      run, done.error(),
      ended ? ""
            : "; the disk takes no mark of it either: after a crash it may be stored");
  }
  ++counts_.syncs;
  for (auto& piece : sealed) {
    counts_.bytes_written += piece.bytes;
    tail_->note(std::move(piece));
  }
  for (const auto& frame : run) {
    group_.succeed(frame, next_sequence_);
    next_sequence_ += frame.records;
  }
}

} // namespace

std::shared_ptr<key_index> make_recent_keys(const journal_config& config,
                                            const clock_source& clock) {
  return std::make_shared<key_index>(config.recent_keys_max, std::chrono::seconds{0},
                                     clock);
}

result<std::unique_ptr<journal_writer>> journal_writer::open(const journal_config& config,
                                                             file_system& files,
                                                             const clock_source& clock,
                                                             uint64_t next_sequence_min,
                                                             recovery_report& report) {
  report = {};
  if (auto checked = check(config); !checked)
    return tl::unexpected{checked.error()};
  auto made = std::make_unique<writer>(config, files, clock);
  if (auto started = made->start(next_sequence_min, report); !started)
    return tl::unexpected{started.error()};
  return made;
}

} // namespace weir
