// LARGE RECORD: who may have a large parser. A parser takes about 14 times the memory of the
// longest record it has seen. So records beyond 32 KiB are worked on by one worker at a time: only
// one parser is large, and it is small again before the next one may grow. Should a worker hang
// with one in hand, others do not hang with it: they go on after a while.
#pragma once

#include "records/scratch.hpp"

#include <cstddef>
#include <mutex>

namespace weir {

/// A worker's own parser takes records up to this.
inline constexpr size_t small_record_bytes = size_t{32} << 10;

/// The turn lasts from the first large record until end(), at the latest until the end of its life.
class large_record_turn {
 public:
  explicit large_record_turn(work_scratch& scratch) noexcept : scratch_(scratch) {}
  large_record_turn(const large_record_turn&) = delete;
  large_record_turn& operator=(const large_record_turn&) = delete;
  ~large_record_turn() { end(); }

  void await(size_t bytes) {
    if (bytes > small_record_bytes && !begun_)
      begin();
  }
  void end() {
    if (begun_)
      give_back();
  }

 private:
  void begin();
  void give_back();

  work_scratch& scratch_;
  std::unique_lock<std::timed_mutex> turn_;
  bool begun_ = false;
};

} // namespace weir
