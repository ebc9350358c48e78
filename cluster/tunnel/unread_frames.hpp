// UNREAD FRAMES: what has come over one link and waits for an actor to read it. Every
// frame carries a slip that gives its bytes back wherever the frame ends. When too many
// bytes are out the tunnel reads no further, and the peer's kernel stops the peer.
//
//   Thread:   the tunnel's, except that slips end on any thread.
//   Bounded:  by `bytes_max` and the frame that went beyond it.
//   Failure:  an actor that dies takes its mailbox along, and the slips in it.
#pragma once

#include "proto/link.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <memory>

namespace weir {

class unread_frames {
 public:
  unread_frames(boost::asio::io_context& context, size_t bytes_max);
  /// Slips that are still out stay valid. Must not run while another thread may use the
  /// context alone.
  ~unread_frames();
  unread_frames(const unread_frames&) = delete;
  unread_frames& operator=(const unread_frames&) = delete;

  frame_slip add(size_t bytes);
  /// Returns at once, or when half of the allowed bytes have been given back.
  boost::asio::awaitable<void> room();
  /// Afterwards nobody waits, and no slip reaches the context.
  void close() noexcept;

 private:
  struct tally;

  boost::asio::steady_timer waiting_;
  std::shared_ptr<tally> tally_;
};

} // namespace weir
