// How far the journal is durable, also once its actor has gone: at a drain its readers go on
// to there and no further, as what lies behind may be in the page cache alone.
#pragma once

#include "proto/journal_frame.hpp"

#include <algorithm>
#include <mutex>

namespace weir {

/// Written by the journal, once per commit; any thread reads.
class durable_mark {
 public:
  void advance(journal_position to) {
    const std::lock_guard lock{mutex_};
    position_ = std::max(position_, to);
  }
  journal_position read() const {
    const std::lock_guard lock{mutex_};
    return position_;
  }

 private:
  mutable std::mutex mutex_;
  journal_position position_;
};

} // namespace weir
