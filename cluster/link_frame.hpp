// LINK FRAMES: what one node says to another once their link is up. One frame is one
// message of at most `frame_bytes_max`; a larger batch or receipt goes in pieces.
//
//   heartbeat   u8 1 | sent_at_ns | echo_ns | draining
//               every `cluster.heartbeat`; `echo_ns` is the peer's last sent_at_ns plus the
//               time it lay here, so now − echo_ns is the round trip
//   window      u8 2 | flow | batches | bytes
//               how much the receiver of this frame may have out at the sender
//   members     u8 3 | cards
//               all the nodes the sender knows
//   piece       u8 4 | what | flow | number | total | offset | bytes
//               a piece of a batch on its way to a worker or persister, or of the receipt that
//               comes back for it; `number` is its sender's name for the batch. A batch in one
//               piece has its text after the frame's head, where it is not copied
//
// Pure.
#pragma once

#include "base/result.hpp"
#include "proto/link.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir {

inline constexpr size_t frame_bytes_max = size_t{4} << 20;
inline constexpr size_t piece_head_bytes = 3 + 8 + 3 * 4;
inline constexpr size_t piece_bytes_max = frame_bytes_max - 64;
inline constexpr uint32_t members_max = 1024;

struct heartbeat_frame {
  int64_t sent_at_ns = 0;
  int64_t echo_ns = 0; ///< 0: nothing to echo yet
  bool draining = false;
};

struct window_frame {
  link_flow flow = link_flow::work;
  link_window window;
};

struct members_frame {
  std::vector<node_card> cards;
};

enum class piece_of : uint8_t { batch, receipt };

struct piece_frame {
  piece_of what = piece_of::batch;
  link_flow flow = link_flow::work;
  uint64_t number = 0;
  uint32_t total = 0; ///< bytes of the whole
  uint32_t offset = 0;
  std::string_view bytes; ///< a view into the frame it was read from
};

using link_frame_content =
  std::variant<heartbeat_frame, window_frame, members_frame, piece_frame>;

std::string encode_frame(const link_frame_content& content);
result<link_frame_content> decode_frame(std::string_view bytes);

/// True if the text that came beside the frame is that of a whole batch, or if there is none.
bool has_its_text(const link_frame_content& frame, size_t text_bytes) noexcept;

/// Cuts what follows `piece_head_bytes` of room in `whole` into frames, in order. A whole that fits
/// into a single frame becomes that frame in place; only then the text is not copied.
std::vector<outgoing_frame> cut_in_pieces(piece_of what, link_flow flow, uint64_t number,
                                          outgoing_frame whole,
                                          size_t bytes_max = piece_bytes_max);

void write_card(class byte_writer& to, const node_card& card);
node_card read_card(class byte_reader& from);

} // namespace weir
