// How far the journal is durable, for its readers to look at: while they are busy they need no
// message for each commit, and at a drain the journal may quit without telling its last one.
#pragma once

#include "proto/messages.hpp"

#include <algorithm>
#include <mutex>

namespace weir {

/// Written by the journal, once per commit; any thread reads.
class durable_mark {
 public:
  /// `sequence` is that of the last record before `until`; from `letters_end` on no frame
  /// has dead letters, from `awaited_end` on there is none that a client waits for until
  /// it is in the sink.
  void advance(journal_position until, uint64_t sequence, journal_position letters_end,
               journal_position awaited_end) {
    const std::lock_guard lock{mutex_};
    until_ = std::max(until_, until);
    sequence_ = std::max(sequence_, sequence);
    letters_end_ = std::max(letters_end_, letters_end);
    awaited_end_ = std::max(awaited_end_, awaited_end);
  }

  /// What is durable after a position, as the journal would answer it.
  durable_until behind(journal_position after) const {
    const std::lock_guard lock{mutex_};
    return {until_, sequence_, after < letters_end_};
  }

  bool awaited_behind(journal_position after) const {
    const std::lock_guard lock{mutex_};
    return after < awaited_end_;
  }

 private:
  mutable std::mutex mutex_;
  journal_position until_;
  uint64_t sequence_ = 0;
  journal_position letters_end_;
  journal_position awaited_end_;
};

} // namespace weir
