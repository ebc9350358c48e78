// COALESCER: gathers small requests of one stream into one batch while earlier batches of
// this I/O thread are on their way. With fewer than `window` of its batches in flight a
// request is sent at once, so an idle system adds no delay; under load the batch grows
// with the time a batch takes.
//
//   Bounded:   what it holds was admitted: by the byte budget. In flight:
//              `window` batches.
//   Failure:   the stage is away when a batch's turn comes: its requests get 503.
#pragma once

#include "http/outstanding.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir {

struct coalescer_limits {
  size_t batch_bytes = 0;
  uint32_t batch_records = 0;
  uint32_t window = 0;
};

class coalescer {
 public:
  /// Sends a batch; false when it was refused, which does not count as in flight.
  using sender = std::function<bool(submission)>;

  coalescer(coalescer_limits limits, sender send)
    : limits_(limits), send_(std::move(send)) {}

  /// `one` is one request's batch of one part.
  void add(submission one);
  /// A batch of ours has its receipt, or was given up.
  void settled();

  uint32_t in_flight() const noexcept { return in_flight_; }
  size_t waiting_requests() const noexcept { return waiting_; }

 private:
  bool joins(const submission& open, const submission& one) const noexcept;
  static void join(submission& open, submission one);
  void send(submission s);

  coalescer_limits limits_;
  sender send_;
  std::deque<submission> waiting_batches_;
  size_t waiting_ = 0; ///< requests in them
  uint32_t in_flight_ = 0;
};

} // namespace weir
