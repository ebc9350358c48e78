#include "records/large_record.hpp"

#include <chrono>

namespace weir {

namespace {

/// Longer than a large record takes, shorter than a worker counts as hung.
constexpr auto large_parse_wait = std::chrono::milliseconds{500};

std::timed_mutex& turns() {
  static std::timed_mutex all;
  return all;
}

} // namespace

void large_record_turn::begin() {
  begun_ = true;
  turn_ = std::unique_lock{turns(), large_parse_wait};
}

void large_record_turn::give_back() {
  begun_ = false;
  const auto depth = scratch_.parser.max_depth();
  scratch_.parser = simdjson::dom::parser{};
  [[maybe_unused]] const auto failed = scratch_.parser.allocate(0, depth);
  scratch_.outline = record_outline{};
  if (turn_.owns_lock())
    turn_.unlock();
}

} // namespace weir
