// SINK: where records end up. Whatever it writes to, its cursor and the keys of keyed
// requests commit in the same transaction as the data, so a replay of the journal stores
// nothing twice.
#pragma once

#include "base/result.hpp"
#include "proto/journal_frame.hpp"
#include "storage/journal/journal.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

inline constexpr int id_base_shift = 46;

/// How far a sink has come.
struct sink_cursor {
  journal_position position;  ///< frames before it are committed
  uint64_t last_sequence = 0; ///< last committed record
};

/// One stored record, for export.
struct stored_record {
  uint64_t id = 0;
  std::string_view stream;
  int64_t received_at_us = 0;
  std::string_view body;
  /// Set while the sink remembers the key of a keyed request; PostgreSQL has all keys.
  std::optional<batch_key> batch;
};

class sink {
 public:
  virtual ~sink() = default;
  virtual sink_cursor cursor() const noexcept = 0;
  /// Keys of keyed requests, oldest first; at most the configured number and age.
  virtual result<std::vector<remembered_key>> keys() = 0;
  /// Commits all of `frames` and `next`, or nothing. Frames that are stored already are skipped.
  /// Failure: sink_unavailable, passing (locked, disk full, gone), or io_failed, until an
  /// operator acts; either way the sink is usable again later. The caller goes on from
  /// cursor(), which has gone back if the sink's files were removed or replaced underneath.
  virtual result<void> commit(std::span<const frame_view> frames,
                              journal_position next) = 0;
  /// Reads the cursor again; for a sink opened read-only beside a running server.
  virtual result<void> refresh() = 0;
  /// Visits, in order of id, the stored records above `after` up to
  /// cursor().last_sequence; stops when `visit` returns false. No lock is held while it
  /// runs, however long that takes.
  virtual result<void>
  each_after(uint64_t after, const std::function<bool(const stored_record&)>& visit) = 0;
  result<void> each(const std::function<bool(const stored_record&)>& visit) {
    return each_after(0, visit);
  }
  /// Records committed since it was opened that the store can not hold as they are and
  /// keeps beside them, with the reason.
  virtual uint64_t set_aside() const noexcept { return 0; }
  /// Added to a sequence of the journal to make an id. Not 0 where journals share a sink; a
  /// multiple of 2^id_base_shift, which no sequence reaches. each_after() then visits the
  /// records of other journals, too, once, and the journal's own above `after`.
  virtual uint64_t id_base() const noexcept { return 0; }
  /// Which of `frames`, all after cursor(), another journal has stored.
  virtual result<std::vector<bool>> stored_already(std::span<const frame_view> frames) {
    return std::vector<bool>(frames.size());
  }
};

struct postgres_settings {
  std::string url;                ///< may have a password in it: never shown
  std::string node;               ///< names the cursor, with the journal's identity
  std::string journal_directory;  ///< where that identity is
  uint32_t connections = 1;       ///< 1 … 16, which write at the same time
  std::chrono::days retention{0}; ///< older days are dropped; 0: none
  bool migrate = true;            ///< an empty database gets its tables
  /// Batches without an Idempotency-Key are also recognised when another journal has stored
  /// them. Needed where a batch can be in two journals.
  bool claim_all = true;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{30'000}; ///< for one statement
};

/// What one transaction of a reader of the journal may hold, and what it waits for.
struct transaction_limits {
  /// At least 1 where it is used; 0 stands for what suits the kind of sink.
  size_t rows_per_transaction = 0;
  /// Exceeded only by a single larger frame.
  uint64_t bytes_per_transaction = uint64_t{16} << 20;
  /// How long records wait while they fill less than half a transaction and no client waits for
  /// one.
  std::chrono::milliseconds gather{250};
};

/// What the configuration says in `sink`, and what it takes over from the journal's section.
struct sink_config : key_memory, transaction_limits {
  std::string kind = "sqlite";                 ///< see sink_kinds()
  std::string path;                            ///< sqlite: database file; file: directory
  uint64_t rotate_bytes = uint64_t{256} << 20; ///< file: a new file above this
  std::chrono::seconds rotate_after{3600};     ///< file: and after this
  std::chrono::milliseconds busy_timeout{1000}; ///< sqlite: how long a lock is waited for
  /// Records in a row that sqlite or postgres may refuse before an empty one is tried.
  uint64_t refused_max = 1'000;
  postgres_settings postgres;
};

} // namespace weir
