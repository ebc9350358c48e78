// SEGMENT STORE: the writer's segments: which one takes frames, the one allocated ahead,
// where the durable part ends, and what happens to a segment that failed.
//
// Three rules make a crash at any instant harmless (docs/decisions/0002-journal.md walks
// through them):
//   1. A segment takes frames only when its directory entry, its blocks and its header
//      are synced.
//   2. Its header says where the segment before it ends. So once a header may have
//      reached the disk, its predecessor takes no more frames, whatever happened to
//      the header.
//   3. After a failed write or sync the segment is never written again.
//
// Making the segment ahead and deleting a passed one take long, and no commit waits for them:
// they are errands (storage/journal/errands.hpp) if there is somebody to run them. An errand
// touches files only; the books are kept here, in the thread that commits, once it is over.
// There is one at a time, so whatever else makes or deletes segments finds none under way:
// begin() and abandon() wait for it if there is no segment ahead yet, and then do what it did
// not. The store does not end while one is under way, so the next writer of the directory
// counts on from every number that was given.
#pragma once

#include "storage/journal/block_writer.hpp"
#include "storage/journal/journal.hpp"
#include "storage/journal/recovery.hpp"
#include "storage/journal/tail_cache.hpp"

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <vector>

namespace weir {

struct errand_outcome {
  bool changed = false;       ///< the file is there now, or is no longer
  std::unique_ptr<file> made; ///< set when all was done
  result<void> done;
};

/// One thread.
class segment_store {
 public:
  segment_store(const journal_config& config, file_system& files,
                recovered_journal found);
  ~segment_store();
  segment_store(const segment_store&) = delete;
  segment_store& operator=(const segment_store&) = delete;

  bool open() const noexcept { return current_ != nullptr; } ///< a segment takes frames
  uint64_t room() const noexcept;                            ///< in the current segment
  uint64_t room_max() const noexcept; ///< in a segment that was just begun
  uint64_t salt() const noexcept { return salt_; }
  uint32_t epoch() const noexcept { return epoch_; }
  journal_position end() const noexcept { return end_; } ///< where the durable part ends
  uint64_t bytes_on_disk() const noexcept;
  /// Also when an append found the disk full, though a preallocated segment should have room.
  bool full() const noexcept {
    return full_ || (failure_ && failure_->code == ec::journal_full);
  }
  /// True if full() because of the disk, not of bytes_max.
  bool disk_full() const noexcept { return full() && (disk_full_ || !full_); }
  /// Why there is no current segment; nothing while there is one.
  const std::optional<fault>& failure() const noexcept { return failure_; }

  /// Closes the current segment at end() and begins the next. When that fails for want of
  /// room the current one stays open; for any other reason there is none until the next
  /// begin().
  result<void> begin(uint64_t next_sequence);
  /// Writes what begins at end() and syncs; moves end(). After a failure the caller must
  /// abandon(). `direct`: past the page cache, if the file system can.
  result<void> append(std::span<const frame_run> frames, bool direct);
  /// Ends the current segment durably at end() after a failed append, by beginning the
  /// next one or else by cutting it. False when the disk refuses both: then it is ended
  /// by the next begin() that succeeds.
  bool abandon(const fault& reason, uint64_t next_sequence);
  /// Allocates the next segment if there is none yet, or sends an errand for it, whose failure
  /// the next call reports.
  result<void> prepare();
  /// The same, but waits for it.
  result<void> prepare_now() { return current_ ? allocate(false) : result<void>{}; }
  /// Deletes segments before it; with errands one a call, failures reported as by prepare().
  result<void> release(journal_position slowest);

 private:
  result<void> allocate(bool over_the_limit);
  result<void> begin_spare(uint64_t next_sequence);
  size_t zeros_behind(uint64_t bytes) noexcept;
  result<uint64_t> reserve(bool over_the_limit);
  result<void> keep_blank(uint64_t number, errand_outcome made, bool over_the_limit);
  void send(uint64_t number, bool making, std::function<errand_outcome()> errand);
  bool busy() const noexcept { return errand_.valid(); }
  void collect();
  void wait();
  void discard(uint64_t number);
  void clear_debris();
  bool has_room();
  bool cut(file& segment);

  const journal_config& config_;
  file_system& files_;
  uint32_t epoch_;
  std::map<uint64_t, uint64_t> segments_; ///< number → bytes, blank ones included
  std::set<uint64_t> debris_;             ///< those of segments_ that are to be removed
  uint64_t highest_number_;
  journal_position end_;
  uint64_t written_end_ = 0; ///< up to here current_'s blocks were written once
  std::unique_ptr<file> current_;
  block_writer blocks_; ///< writes into current_, up to end_
  uint64_t salt_ = 0;
  std::unique_ptr<file> spare_;
  uint64_t spare_number_ = 0;
  std::future<errand_outcome> errand_; ///< valid until its outcome is in the books
  uint64_t errand_number_ = 0;
  bool errand_makes_ = false;            ///< else it removes
  std::optional<fault> making_failed_;   ///< not reported yet
  std::optional<fault> removing_failed_; ///< not reported yet
  bool full_ = false;
  bool disk_full_ = false; ///< full_ because of the disk, not of bytes_max
  std::optional<fault> failure_;
  std::random_device random_; ///< salts must not be guessable by those who send records
};

} // namespace weir
