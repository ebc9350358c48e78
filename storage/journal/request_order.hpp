// REQUEST ORDER: the parts of a streamed request go into the journal one after the other, though
// the stages before it may hand them over in any order, or only some of them. So what an answer
// calls durable is exactly the beginning of the body, and nothing after it is stored.
//
//   A part whose turn has not come is held until the one before it is here, for `patience` at
//   most; then its owner gets it back and sends it again. A part that can't be stored bars those
//   after it, until it is stored after all.
//
//   Bounded: it holds batches that were admitted, and one small entry for each of the last
//            `requests_max` requests that were streamed; of a forgotten one, its owner knows
//            what is settled (envelope::settled).
//   One thread; pure: whoever calls brings the time.
#pragma once

#include "proto/batch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <unordered_map>
#include <vector>

namespace weir {

class request_order {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::milliseconds patience{1'000};
  static constexpr size_t requests_max = 4096;

  /// now: it may be stored. later: hold() it. never: one before it could not be stored.
  enum class turn : uint8_t { now, later, never };
  /// The batch has one part, of a streamed request.
  turn ask(const record_batch& batch);
  /// The part is on its way into the journal, so the next one may follow.
  void goes(const batch_part& part);
  /// Nothing of the part was stored.
  void failed(const batch_part& part);

  void hold(batch_ptr batch, time_point now);
  /// Held batches of the part's request whose turn has come or never will: ask() again.
  std::vector<batch_ptr> released_by(const batch_part& part);
  /// Held batches that have waited for longer than `patience`.
  std::vector<batch_ptr> out_of_patience(time_point now);
  bool holds_any() const noexcept { return held_count_ > 0; }

 private:
  struct held {
    batch_ptr batch;
    time_point since;
  };
  struct request {
    uint64_t next = 0;   ///< record that the part whose turn it is begins with
    bool barred = false; ///< that part could not be stored
    std::multimap<uint64_t, held> waiting; ///< by their first record
    std::list<uint64_t>::iterator place;   ///< in by_age_
  };

  request& at(uint64_t number);
  void forget_oldest();

  std::unordered_map<uint64_t, request> requests_;
  std::list<uint64_t> by_age_; ///< the one used last is at the end
  size_t held_count_ = 0;
};

} // namespace weir
