#include "cluster/tunnel/frame_lane.hpp"

#include "cluster/bytes.hpp"
#include "cluster/link_frame.hpp"
#include "proto/batch.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>

namespace weir {

namespace asio = boost::asio;

namespace {

/// How many bytes of one peer are read before others have a turn; each frame counts some
/// KiB more, for its cost besides its bytes.
constexpr size_t turn_bytes = size_t{256} << 10;
constexpr size_t turn_bytes_per_frame = size_t{4} << 10;

std::string reason_for(const wire::error_code& failure) {
  return failure == asio::error::eof ? "the peer closed it" : failure.message();
}

} // namespace

wire::awaitable<wire::error_code> send_frames(frame_queue& from, wire& over) {
  wire::error_code failure;
  while (!from.empty() && !failure) {
    while (!from.empty() && over.sealed() < wire_buffer_bytes && !failure)
      failure = over.seal(from.next(wire_buffer_bytes - over.sealed()));
    if (!failure)
      failure = co_await over.flush();
  }
  co_return failure;
}

wire::awaitable<std::string> receive_frames(wire& from, unread_frames& unread,
                                            const frame_taker& take) {
  size_t turn = 0;
  while (true) {
    std::array<char, frame_lengths_bytes> lengths{};
    if (const auto failure = co_await from.read(lengths); failure)
      co_return reason_for(failure);
    byte_reader promised{{lengths.data(), lengths.size()}};
    const auto bytes = promised.number<uint32_t>();
    const auto text_bytes = promised.number<uint32_t>();
    // Refused before there is memory for it; every frame has a head.
    if (bytes > frame_bytes_max || text_bytes >= bytes)
      co_return "the peer promises a frame of " + std::to_string(bytes) + " bytes, "
        + std::to_string(text_bytes) + " of them text";
    std::string head, text;
    if (const auto failure = co_await from.append(head, bytes - text_bytes); failure)
      co_return reason_for(failure);
    if (text_bytes > 0)
      text.reserve(text_bytes + text_padding);
    if (const auto failure = co_await from.append(text, text_bytes); failure)
      co_return reason_for(failure);
    take(std::move(head), std::move(text), unread.add(bytes));
    co_await unread.room();
    // A peer that sends without pause must not keep the thread from other links.
    turn += bytes + turn_bytes_per_frame;
    if (turn >= turn_bytes) {
      turn = 0;
      co_await asio::post(from.socket().get_executor(), asio::use_awaitable);
    }
  }
}

} // namespace weir
