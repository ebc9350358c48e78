// INGEST REQUEST: one request from the framing of its body to its last receipt. It
// outlives its session: when the client has gone, the work goes on and the answer has
// nowhere to go. Lives on one I/O thread.
#pragma once

#include "http/answer.hpp"
#include "http/sink_waiters.hpp"
#include "proto/batch.hpp"
#include "proto/result.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace weir {

/// Who waits for a request: its session, or nobody any more.
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
  /// Chunks are numbered from 0 in the order they are added.
  void add_chunk(uint32_t records, const batch_key& key);

  // -- by whoever has the batch
  void sent() noexcept;
  void settle(uint32_t chunk, const batch_part& part, const part_receipt& receipt,
              std::span<const rejection> rejections);
  /// The chunk is not stored, or nobody knows. `was_sent`: it had been handed to the
  /// pipeline.
  void fail_chunk(uint32_t chunk, fault why, bool was_sent);
  /// The sink has every record up to `sequence`.
  void reached_sink(uint64_t sequence) noexcept {
    sink_sequence_ = std::max(sink_sequence_, sequence);
  }
  /// Nobody waits for the answer any more.
  bool abandoned() const noexcept { return owner_ == nullptr; }
  /// In the list of those that wait for the sink; an earlier place is given up.
  void await_sink(sink_waiters::place place) noexcept { sink_place_ = std::move(place); }
  void notify() {
    if (owner_)
      owner_->progressed();
  }

  // -- for the answer
  ack_level ack() const noexcept { return ack_; }
  uint32_t in_flight() const noexcept { return in_flight_; }
  bool all_sent() const noexcept { return unsent_ == 0; }
  bool all_settled() const noexcept { return unsent_ == 0 && in_flight_ == 0; }
  /// What was settled so far; a later chunk may take it back.
  bool in_sink() const noexcept { return last_sequence_ <= sink_sequence_; }
  uint64_t last_sequence() const noexcept { return last_sequence_; }
  const std::optional<fault>& failure() const noexcept { return failure_; }
  const verdicts& result_so_far() const noexcept { return verdicts_; }
  /// What it holds beside itself.
  size_t extra_bytes() const noexcept {
    return later_.capacity() * sizeof(chunk_state) + verdicts_.bytes();
  }
  void forget_errors() noexcept { verdicts_.forget_errors(); }
  const batch_key& key() const noexcept { return key_; }
  bool streamed() const noexcept { return !later_.empty(); }
  /// Records in the leading chunks whose fate is final.
  uint64_t durable_records() const noexcept;

 private:
  struct chunk_state {
    uint32_t records = 0;
    bool durable = false;
  };

  chunk_state& chunk(uint32_t number) noexcept {
    return number == 0 ? first_ : later_[number - 1];
  }

  request_owner* owner_;
  ack_level ack_;
  bool has_chunks_ = false;
  chunk_state first_; ///< the only one of nearly all requests
  std::vector<chunk_state> later_;
  uint32_t unsent_ = 0;
  uint32_t in_flight_ = 0;
  uint64_t last_sequence_ = 0;
  uint64_t sink_sequence_ = 0;
  sink_waiters::place sink_place_;
  batch_key key_; ///< of chunk 0: names the request in its answer
  verdicts verdicts_;
  std::optional<fault> failure_; ///< the first
};

} // namespace weir
