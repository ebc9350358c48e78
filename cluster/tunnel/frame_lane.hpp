// FRAME LANE: frames over a wire, out of a queue and in. Everything runs on the tunnel's
// one thread.
#pragma once

#include "cluster/tunnel/frame_queue.hpp"
#include "cluster/tunnel/unread_frames.hpp"
#include "cluster/tunnel/wire.hpp"

#include <functional>
#include <string>

namespace weir {

/// Sends until the queue is empty or the wire breaks.
wire::awaitable<wire::error_code> send_frames(frame_queue& from, wire& over);

/// Takes head and text of a frame; the text has text_padding of capacity after its end.
using frame_taker = std::function<void(std::string, std::string, frame_slip)>;

/// Receives until the wire breaks or the peer promises a frame that is too large or has
/// no head. Says why.
wire::awaitable<std::string> receive_frames(wire& from, unread_frames& unread,
                                            const frame_taker& take);

} // namespace weir
