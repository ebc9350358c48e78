#include "http/ingest/unread_body.hpp"

#include <algorithm>

namespace weir {

void unread_body::due(std::optional<uint64_t> left) noexcept {
  state_ = state::due;
  left_ = left;
}

bool unread_body::leave(ec why) noexcept {
  if (state_ != state::due)
    return state_ != state::lingers;
  // Who was too slow to send it would be too slow now.
  const bool is_worth_it =
    left_ && *left_ <= discard_bytes_max && why != ec::request_timeout;
  state_ = is_worth_it ? state::discarded : state::lingers;
  return is_worth_it;
}

unread_body::step unread_body::after_answer(bool keep_alive, bool peer_done,
                                            bool input_waits) noexcept {
  const bool more_comes = input_waits || to_discard() > 0;
  if (state_ == state::lingers || (!keep_alive && more_comes)) {
    state_ = state::lingers;
    return step::linger;
  }
  if (!keep_alive || peer_done)
    return step::close;
  return to_discard() > 0 ? step::discard : step::next_request;
}

void unread_body::dropped(size_t bytes) noexcept {
  if (state_ == state::lingers)
    lingered_ += bytes;
  else if (state_ == state::discarded && left_)
    *left_ -= std::min<uint64_t>(bytes, *left_);
}

} // namespace weir
