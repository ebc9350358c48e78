// FRAME LANE: frames over a wire, out of a queue and in. All of it on the tunnel's one thread.
#pragma once

#include "cluster/tunnel/frame_queue.hpp"
#include "cluster/tunnel/unread_frames.hpp"
#include "cluster/tunnel/wire.hpp"

#include <functional>
#include <string>

namespace weir {

/// Until the queue is empty, or the wire breaks.
wire::awaitable<wire::error_code> send_frames(frame_queue& from, wire& over);

/// Head and text of a frame; the text has text_padding of capacity behind its size.
using frame_taker = std::function<void(std::string, std::string, frame_slip)>;

/// Until the wire breaks or the peer promises a frame without a head or too large. Says why.
wire::awaitable<std::string> receive_frames(wire& from, unread_frames& unread,
                                            const frame_taker& take);

} // namespace weir
