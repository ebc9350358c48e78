// JOURNAL: the append-only log a 2xx waits for. One writer, any number of readers, one
// directory. docs/journal-format.md gives the bytes, docs/decisions/0002-journal.md the rules.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "proto/batch.hpp"
#include "proto/journal_frame.hpp"
#include "proto/metric.hpp"
#include "storage/files/file_system.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir {

class errand_runner;
class journal_tail_cache;
class key_index;

/// How many Idempotency-Keys are remembered, and for how long. One for the journal and its sinks.
struct key_memory {
  size_t keys_max = 1'000'000;
  /// Keys are kept at least this long, unless keys_max is passed.
  std::chrono::hours keys_age_max{24};
};

/// What the configuration says in `journal`, and what its owner adds.
struct journal_config : key_memory {
  std::string directory;
  /// 64 KiB … 1 GiB; a frame fits in one segment.
  uint64_t segment_bytes = uint64_t{64} << 20;
  /// Bound of all segments together, at least two; full above it.
  uint64_t bytes_max = uint64_t{4} << 30;
  uint64_t group_bytes = uint64_t{8} << 20; ///< a group this large is committed at once
  double reopen_fraction = 0.9;             ///< full until below bytes_max × this
  /// New segments are numbered above this, the segment of the readers' cursors: the directory
  /// may have been emptied, and a journal would never reach a cursor ahead of it.
  uint64_t segment_number_min = 0;
  size_t recent_keys_max = 100'000; ///< keys of unkeyed parts, against resubmission
  /// The index of those keys, if it is to outlive this writer: the next one in this process may
  /// get a batch again whose segment the readers have passed and deleted. Null: its own.
  std::shared_ptr<key_index> recent_keys;
  /// Where readers of this process find what became durable last. Null: nowhere.
  std::shared_ptr<journal_tail_cache> tail;
  /// Draws each segment's salt; empty: from std::random_device, as those who send records
  /// must not be able to guess it.
  std::function<uint64_t()> draw_salt;
  /// Makes segments ahead and deletes passed ones. Null: prepare() and release() do so
  /// themselves.
  std::shared_ptr<errand_runner> errands;
  /// Is told how long each run of frames took to be written and synced, those that failed too. It
  /// outlives the writer; null: nobody is told.
  latency_histogram* sync_seconds = nullptr;
};

/// An index for `recent_keys`, of recent_keys_max keys. The clock must outlive it.
std::shared_ptr<key_index> make_recent_keys(const journal_config& config,
                                            const clock_source& clock);

/// What open() found, for the log and the metrics.
struct recovery_report {
  uint64_t segments = 0;
  uint64_t frames = 0;
  uint64_t records = 0;
  journal_position dead_letters_end; ///< after the last frame that has some
  uint64_t bytes_truncated = 0;      ///< after the last segment's last whole frame
  uint64_t frames_quarantined = 0; ///< corrupt places before it; copies kept as *.corrupt
  std::vector<std::string> alarms; ///< one sentence each
};

/// What a writer has done since it was opened.
struct journal_counts {
  uint64_t bytes_written = 0; ///< bytes of frames that became durable
  uint64_t syncs = 0;         ///< commits that became durable
  uint64_t sync_failures = 0; ///< commits whose write or sync failed
};

/// A key a sink remembers from before the journal's first segment.
struct remembered_key : part_counts {
  batch_key key;
  uint64_t fingerprint = 0;
  uint64_t last_sequence = 0;
  int64_t received_at_us = 0;
};

class journal_writer {
 public:
  virtual ~journal_writer() = default;

  /// Opens or creates the directory, recovers, and is ready to append.
  /// `next_sequence_min`: the sink's cursor, in case every segment was deleted.
  static result<std::unique_ptr<journal_writer>>
  open(const journal_config& config, file_system& files, const clock_source& clock,
       uint64_t next_sequence_min, recovery_report& report);

  /// Adds keys the sink kept (its table of batch keys), oldest first.
  virtual void remember(const std::vector<remembered_key>& keys) = 0;

  /// Encodes the batch's parts into the group that the next commit() writes: one frame
  /// per part that has records or dead letters. A part whose key is known, also from the same
  /// group, becomes a duplicate (same fingerprint) or key_reused. Nothing is on disk yet. The
  /// parts of a streamed request come in order, and none is stored if one before it fails in the
  /// same group. False if a part was refused at once: commit() has the receipt.
  virtual bool add(batch_ptr batch) = 0;
  virtual size_t pending_bytes() const noexcept = 0;

  /// Writes and syncs the group; returns the receipts of every batch added since, in order.
  /// After a failed write or sync every part of the group has outcome storage_failed or
  /// journal_full, and nothing of the group survives a restart. (If the disk refuses even
  /// the mark that ends the abandoned segment, that holds from the next retry() that
  /// succeeds; the detail says so.) A group too large for one segment is written, and
  /// fails, in pieces, part by part. A part too large for any frame is body_too_large.
  virtual std::vector<std::shared_ptr<const batch_receipt>> commit() = 0;

  virtual journal_position durable_end() const noexcept = 0;
  /// The number of the last durable record; 0: none yet.
  virtual uint64_t last_sequence() const noexcept = 0;
  virtual uint64_t bytes_on_disk() const noexcept = 0;
  /// No room for another segment. What fits in the rest of the current one still gets in,
  /// then commit() answers journal_full. Cleared with hysteresis by release() or retry().
  virtual bool full() const noexcept = 0;
  /// True if full() because the disk has no room.
  virtual bool disk_full() const noexcept = 0;
  /// The disk refuses writes: commit() answers storage_failed until retry() succeeds.
  virtual bool failed() const noexcept = 0;
  /// Allocates the next segment if there is none yet: call it when nobody waits for a
  /// commit, or commit() does it when the current segment is used up. Fails like retry().
  /// With errands it only sends one; a later call reports its failure.
  virtual result<void> prepare() = 0;
  /// Deletes whole segments before `slowest`. With errands it sends one for the first of them;
  /// a call after that reports its failure, or goes on with the next segment.
  virtual result<void> release(journal_position slowest) = 0;
  /// After a failure: try to allocate and begin the next segment again, and wait for it.
  /// Fails with journal_full or io_failed while that can't be done.
  virtual result<void> retry() = 0;
  virtual journal_counts counts() const noexcept = 0;
};

/// Reads frames in order. It has its own file handles and is safe beside the writer as long as
/// `until` comes from it. One thread.
class journal_reader {
 public:
  virtual ~journal_reader() = default;
  static result<std::unique_ptr<journal_reader>>
  open(const std::string& directory, file_system& files, journal_position from,
       std::shared_ptr<const journal_tail_cache> tail = {});

  /// The next whole frames before `until`: at least one if there is any, then as many as
  /// stay within `records_max` records and `bytes_max` bytes and lie in one segment, and
  /// all of them in the writer's tail cache or all of them in the file.
  /// Empty at `until`. Corrupt places that recovery quarantined are stepped over; any
  /// other is journal_corrupt.
  virtual result<std::vector<frame_view>> read(journal_position until, size_t records_max,
                                               size_t bytes_max) = 0;
  virtual journal_position position() const noexcept = 0; ///< after the last frame read
};

/// The end of the last whole frame, found without a writer: for export. {0, 0} when there is none.
/// Changes nothing. Beside a living writer the last group may not be durable yet, and may be
/// refused: how far its syncs got is in no file.
result<journal_position> journal_end(const std::string& directory, file_system& files);

} // namespace weir
