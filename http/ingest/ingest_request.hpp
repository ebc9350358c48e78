// INGEST REQUEST: one request from the framing of its body to its last receipt. It
// outlives its session: when the client has gone, the work goes on without an answer.
// Lives on one I/O thread.
#pragma once

#include "base/result.hpp"
#include "http/ingest/body_reader.hpp"
#include "http/ingest/sink_waiters.hpp"
#include "http/wire/answer.hpp"
#include "proto/batch.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace weir {

/// Waits for a request: its session, as long as the client is there.
class request_owner {
 public:
  virtual ~request_owner() = default;
  /// A batch of the request was sent, answered or stored. May be called from within a
  /// call that submits a batch.
  virtual void progressed() = 0;
};

class ingest_request {
 public:
  ingest_request(request_owner* owner, ack_level ack) : owner_(owner), ack_(ack) {}

  // -- by the session
  void abandon() noexcept {
    owner_ = nullptr;
    sink_place_.leave();
  }
  /// Chunks are numbered from 0 in the order they are added; returns the number.
  uint32_t add_chunk(uint32_t records, const batch_key& key);
  /// An earlier request has stored more of the body than was read so far.
  bool skipping() const noexcept { return known_ && !all_known_is_read_; }
  /// While skipping(): takes the next cut and returns what of it is still to be stored, or
  /// nothing. Fails with key_reused when the stored body turns out to be another.
  result<std::optional<body_cut>> skip(body_cut cut, bool last);
  /// What is still to be stored of the first chunk, and whether the body ends with it.
  struct first_rest {
    body_cut cut;
    bool last = false;
  };
  std::optional<first_rest> take_rest() noexcept { return std::exchange(rest_, {}); }
  bool has_rest() const noexcept { return rest_.has_value(); }

  // -- by whoever has the batch
  void sent() noexcept;
  void settle(uint32_t chunk, const batch_part& part, const part_receipt& receipt,
              std::span<const rejection> rejections);
  /// An earlier request has stored something under the key of the first chunk, `cut`. Returns how
  /// many of its records are known; 0: the bodies differ, and the request fails with key_reused.
  uint32_t recall(body_cut cut, bool last, const stored_prefix& known);
  /// The chunk is not stored, or that is not known. `was_sent`: the pipeline had it.
  /// `doubtful`: it may be stored all the same.
  void fail_chunk(uint32_t chunk, fault why, bool was_sent, bool doubtful = false);
  /// The sink has every record up to `sequence`.
  void reached_sink(uint64_t sequence) noexcept {
    sink_sequence_ = std::max(sink_sequence_, sequence);
  }
  /// Nobody waits for the answer any more.
  bool abandoned() const noexcept { return owner_ == nullptr; }
  /// Keeps the request's place among those that wait for the sink; gives up an earlier one.
  void await_sink(sink_waiters::place place) noexcept { sink_place_ = std::move(place); }
  void notify() {
    if (owner_)
      owner_->progressed();
  }

  // -- for the answer
  ack_level ack() const noexcept { return ack_; }
  uint32_t in_flight() const noexcept { return in_flight_; }
  /// Nothing is left to wait for. `body_failed`: nothing more of the body is wanted.
  bool answer_is_due(bool body_failed) const noexcept;
  bool all_sent() const noexcept { return unsent_ == 0; }
  bool all_settled() const noexcept { return unsent_ == 0 && in_flight_ == 0; }
  /// Tells of what is settled so far; a later chunk may make it false again.
  bool in_sink() const noexcept { return last_sequence_ <= sink_sequence_; }
  uint64_t last_sequence() const noexcept { return last_sequence_; }
  const std::optional<fault>& failure() const noexcept { return failure_; }
  /// True if more may be stored than is known: the answer then tells nothing but the failure.
  bool doubtful() const noexcept { return doubtful_; }
  const verdicts& result_so_far() const noexcept { return verdicts_; }
  /// Bytes it holds beside itself.
  size_t extra_bytes() const noexcept {
    return later_.capacity() * sizeof(chunk_state) + verdicts_.bytes();
  }
  void forget_errors() noexcept { verdicts_.forget_errors(); }
  const batch_key& key() const noexcept { return key_; }
  bool streamed() const noexcept { return !later_.empty(); }
  bool first_is_durable() const noexcept { return first_.durable; }
  /// Records in the leading chunks whose fate is final; 0 if another body is stored under the key,
  /// or may be: what is stored has not all come again.
  uint64_t durable_records() const noexcept;

 private:
  struct chunk_state {
    uint32_t records = 0;
    bool durable = false;
  };

  void all_known_is_read();

  chunk_state& chunk(uint32_t number) noexcept {
    return number == 0 ? first_ : later_[number - 1];
  }

  request_owner* owner_;
  ack_level ack_;
  bool has_chunks_ = false;
  chunk_state first_; ///< nearly all requests have only this one
  std::vector<chunk_state> later_;
  uint32_t unsent_ = 0;
  uint32_t in_flight_ = 0;
  uint64_t last_sequence_ = 0;
  uint64_t sink_sequence_ = 0;
  sink_waiters::place sink_place_;
  batch_key key_; ///< chunk 0's: names the request in its answer
  verdicts verdicts_;
  std::optional<fault> failure_; ///< the first, or the first doubtful one
  bool doubtful_ = false;
  std::optional<stored_prefix> known_;
  bool all_known_is_read_ = false;
  bool another_body_ = false;
  std::optional<first_rest> rest_;
};

} // namespace weir
