// HELLO: the first words on a new connection between two nodes, before anything else is
// understood. Four messages, all with the same head, which no version may change:
//
//   head     "WEIR" | u16 protocol version | u32 bytes of what follows, at most 64 KiB
//   hello    from the side that dialed: link id, card
//   answer   from the other: accepted or not, the reason, its card
//   go       from the side that dialed: an empty message
//   welcome  the same from the other; from here on the link carries frames
//
// A peer of another version is told so, with both numbers, and reads the other version in
// the head of the answer. Pure.
#pragma once

#include "base/result.hpp"
#include "proto/link.hpp"

#include <string>
#include <string_view>

namespace weir {

inline constexpr size_t hello_head_bytes = 10;
inline constexpr size_t hello_bytes_max = size_t{64} << 10;

struct hello_head {
  uint16_t version = 0;
  uint32_t bytes = 0;
};
/// A fault if the other end is no weir node, speaks another version or promises too many bytes.
result<hello_head> read_hello_head(std::string_view bytes);

struct hello {
  link_id link = 0;
  node_card card;
};
struct hello_answer {
  bool accepted = false;
  std::string reason; ///< why it was not accepted
  node_card card;
};

std::string encode_hello(const hello& words);
std::string encode_answer(const hello_answer& words);
std::string encode_go(); ///< also used for welcome
result<hello> decode_hello(std::string_view body);
result<hello_answer> decode_answer(std::string_view body);

} // namespace weir
