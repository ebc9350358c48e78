// FRAME QUEUE: the frames that wait to be sent over one link. A small one (heartbeat,
// window, receipt) is sent before any large one that has not begun: after several batches
// for a slow peer it would come too late to be a sign of life. On the wire:
//
//   frame   u32 bytes, at most frame_bytes_max | u32 how many of them are text | head | text
//
// Pure. Bounded by the windows that the peer grants (see network_port::send) and, for
// small frames, by the caller that looks at small_bytes().
#pragma once

#include "proto/link.hpp"

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace weir {

inline constexpr size_t frame_lengths_bytes = 8;
inline constexpr size_t small_frame_bytes_max = 4096;

class frame_queue {
 public:
  /// Bytes leave in records of this size, so that TLS makes full records of its own.
  explicit frame_queue(size_t record_bytes) : record_bytes_(record_bytes) {}

  void push(outgoing_frame frame) {
    const bool small = frame.size() <= small_frame_bytes_max;
    small_bytes_ += small ? frame.size() : 0;
    (small ? small_ : large_).push_back(std::move(frame));
  }
  /// Bytes of the small frames that have not begun. A peer that reads slowly is never
  /// silent, so nothing else bounds them.
  size_t small_bytes() const noexcept { return small_bytes_; }
  bool empty() const noexcept {
    return rest_.empty() && text_.empty() && small_.empty() && large_.empty();
  }
  /// What to send next: some full records of a large frame, or one record in which frames
  /// begin or end. Valid until the next call.
  std::string_view next(size_t bytes_max);

 private:
  bool begin_frame();
  bool begin_text();

  const size_t record_bytes_;
  std::deque<outgoing_frame> small_;
  size_t small_bytes_ = 0;
  std::deque<outgoing_frame> large_;
  outgoing_frame frame_;  ///< the frame that has begun
  std::string_view rest_; ///< what is left of its head, or of its text
  std::string_view text_; ///< its text, until that has begun
  std::string record_;
};

} // namespace weir
