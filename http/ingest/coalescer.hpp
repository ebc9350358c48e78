// COALESCER: gathers requests of one stream into one batch while earlier batches of this
// I/O thread are on their way. With fewer than `window` of its batches in flight a
// request is sent at once, so an idle system adds no delay; under load a batch grows
// with the time a batch takes. An I/O thread has one coalescer for small requests, with a
// small window so that many share the price of a batch, and one for larger requests, with
// a window that has work for all workers.
//
//   Bounded:   what it holds was admitted: by the byte budget, large requests by the
//              credit too. In flight: `window` batches.
//   Failure:   the stage is away when a batch's turn comes: its requests get 503.
#pragma once

#include "http/ingest/outstanding.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string_view>

namespace weir {

struct coalescer_limits {
  gathered as = gathered::small; ///< or large
  size_t batch_bytes = 0;
  uint32_t batch_records = 0;
  uint32_t window = 0;
};

/// One request whose body is all here. Its views need to last only until add() returns.
struct whole_request {
  std::string_view stream;
  priority level = priority::normal;
  std::string_view bytes;
  size_t weight = 0;                   ///< see body_weight()
  std::span<const record_ref> records; ///< part 0, with offsets in `bytes`
  batch_part part;
  part_owner owner;
  claim charged;
  std::chrono::steady_clock::time_point at{};
  /// If set: the string that `bytes` views; it has text_padding and may be taken.
  std::string* text = nullptr;
  std::shared_ptr<const catalog> rules = nullptr; ///< see envelope
};

/// When the next batch may go after one has ended. A client that was just answered tends to ask
/// again at once. If the next batch had gone by then, batches of nearly all connections would
/// alternate with batches of the few others, which cost as much.
class lull {
 public:
  /// Called after each round of handlers. True after some rounds without a new request, when
  /// all connections wait, and after `rounds_max`, so that nobody waits for ever.
  bool came(size_t waiting, size_t connections) noexcept {
    quiet_ = waiting > waiting_ ? 0 : quiet_ + 1;
    waiting_ = waiting;
    return quiet_ == quiet_rounds || waiting >= connections || ++rounds_ == rounds_max;
  }

 private:
  /// The first may end before the sockets are polled, the second before they are read.
  static constexpr uint32_t quiet_rounds = 3;
  static constexpr uint32_t rounds_max = 64;
  size_t waiting_ = 0;
  uint32_t quiet_ = 0;
  uint32_t rounds_ = 0;
};

class coalescer {
 public:
  /// Sends a batch; false if it was refused: it does not count as in flight.
  using sender = std::function<bool(submission)>;

  coalescer(coalescer_limits limits, sender send)
    : limits_(limits), send_(std::move(send)) {}

  void add(whole_request one);
  /// A batch of ours has its receipt, or was given up: there is room for the next one.
  void settled();

  uint32_t in_flight() const noexcept { return in_flight_; }
  size_t waiting_requests() const noexcept { return waiting_; }

 private:
  bool joins(const submission& open, const whole_request& one) const noexcept;
  submission begin(const whole_request& one, size_t parts) const;
  static void join(submission& open, whole_request one);
  void send(submission s);

  coalescer_limits limits_;
  sender send_;
  std::deque<submission> waiting_batches_;
  size_t waiting_ = 0; ///< requests in them
  uint32_t in_flight_ = 0;
  /// What the last batch that waited had; the next one will have about as much.
  size_t last_requests_ = 0;
  size_t last_bytes_ = 0;
};

/// An I/O thread's two coalescers.
class coalescers {
 public:
  coalescers(const ingest_config& config, const coalescer::sender& send);

  coalescer& of(gathered as) noexcept { return as == gathered::small ? small_ : large_; }
  /// Does nothing if neither of them made the batch.
  void settled(gathered by) {
    if (by != gathered::no)
      of(by).settled();
  }

 private:
  coalescer small_;
  coalescer large_;
};

} // namespace weir
