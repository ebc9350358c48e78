// COALESCER: gathers requests of one stream into one batch while earlier batches of this
// I/O thread are on their way. With fewer than `window` of its batches in flight a
// request is sent at once, so an idle system adds no delay; under load the batch grows
// with the time a batch takes. An I/O thread has one for small requests, whose window is
// small so that many share a batch's price, and one for larger ones, whose window has work
// for all workers.
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

/// One request whose body is all here: views of it, which need to last only until add() returns.
struct whole_request {
  std::string_view stream;
  priority level = priority::normal;
  std::string_view bytes;
  size_t weight = 0;                   ///< see body_weight()
  std::span<const record_ref> records; ///< of part 0, with offsets in `bytes`
  batch_part part;
  part_owner owner;
  claim charged;
  std::chrono::steady_clock::time_point at{};
  std::string* text =
    nullptr; ///< if set: it is `bytes`, has text_padding, and may be taken
  std::shared_ptr<const catalog> rules = nullptr; ///< see envelope
};

/// When the next batch may go after one has ended. Who was just answered tends to ask again
/// at once: were the next batch gone by then, batches of nearly all connections and of the
/// few others would take turns, and the few cost as much as the many.
class lull {
 public:
  /// Asked after each round of handlers. Yes when some rounds brought no request, when all
  /// connections wait, and after `rounds_max`: those who wait are not to wait for ever.
  bool came(size_t waiting, size_t connections) noexcept {
    quiet_ = waiting > waiting_ ? 0 : quiet_ + 1;
    waiting_ = waiting;
    return quiet_ == quiet_rounds || waiting >= connections || ++rounds_ == rounds_max;
  }

 private:
  /// The first may come before the sockets are asked, the second before they are read.
  static constexpr uint32_t quiet_rounds = 3;
  static constexpr uint32_t rounds_max = 64;
  size_t waiting_ = 0;
  uint32_t quiet_ = 0;
  uint32_t rounds_ = 0;
};

class coalescer {
 public:
  /// Sends a batch; false when it was refused, which does not count as in flight.
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
  /// of the last batch that waited: the next one has as much
  size_t last_requests_ = 0;
  size_t last_bytes_ = 0;
};

/// Both of an I/O thread.
class coalescers {
 public:
  coalescers(const ingest_config& config, const coalescer::sender& send);

  coalescer& of(gathered as) noexcept { return as == gathered::small ? small_ : large_; }
  /// Nothing if none of them made the batch.
  void settled(gathered by) {
    if (by != gathered::no)
      of(by).settled();
  }

 private:
  coalescer small_;
  coalescer large_;
};

} // namespace weir
