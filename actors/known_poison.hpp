// KNOWN POISON: the records that hung workers lately. A client that heard no answer in
// time sends them again, and each would cost its threads again; these never come back,
// and at `pipeline.hung_workers_max` the node has to end. Crashes are not remembered: one
// costs only a restart, and may have had another reason.
//
//   Bounded:   by `records_max`; the oldest go. Each is remembered for `lasts`, so that what
//              a reload has mended is tried again.
//   Equal are: stream, format, fields and delimiter of a csv header, and the record's bytes.
#pragma once

#include "proto/batch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace weir {

class known_poison {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr size_t records_max = 64;
  static constexpr std::chrono::minutes lasts{10};

  bool empty() const noexcept { return entries_.empty(); }
  void add(const record_batch& batch, const record_ref& ref, time_point now);
  bool has(const record_batch& batch, const record_ref& ref, time_point now);

 private:
  struct entry {
    /// Bytes of the record: tells nearly all others apart without a fingerprint.
    uint32_t size = 0;
    uint64_t fingerprint = 0;
    time_point since{};
  };

  uint64_t fingerprint(const record_batch& batch, const record_ref& ref);
  uint64_t fingerprint(const std::shared_ptr<const csv_header>& header);

  std::deque<entry> entries_; ///< the oldest first
  /// The last batch's header: a long one must not be hashed for each of its short records.
  std::shared_ptr<const csv_header> header_;
  uint64_t header_fingerprint_ = 0;
};

} // namespace weir
