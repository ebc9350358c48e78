#include "storage/journal/key_ages.hpp"

namespace weir {

void key_ages::learned(uint64_t next, time_point now) {
  if (next < (moments_.empty() ? too_old_ : moments_.back().next))
    *this = key_ages{age_max_};
  const auto count = moments_.size();
  if (count >= 2 && now - moments_[count - 2].at < age_max_ / 256)
    moments_.back() = {now, next};
  else
    moments_.push_back({now, next});
}

uint64_t key_ages::too_old(time_point now) {
  while (!moments_.empty() && now - moments_.front().at > age_max_) {
    too_old_ = moments_.front().next;
    moments_.pop_front();
  }
  return too_old_;
}

} // namespace weir
