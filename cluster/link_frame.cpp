#include "cluster/link_frame.hpp"

#include "cluster/bytes.hpp"
#include "cluster/wire_words.hpp"

#include <algorithm>

namespace weir {

namespace {

enum class kind : uint8_t { heartbeat = 1, window, members, piece };

constexpr size_t name_bytes_max = 128;
constexpr size_t address_bytes_max = 300;
constexpr size_t card_bytes_min = 4 + 8 + 8 + 1 + 4;

void write(byte_writer& to, const heartbeat_frame& frame) {
  to.number(kind::heartbeat);
  to.number(frame.sent_at_ns);
  to.number(frame.echo_ns);
  to.flag(frame.draining);
}

void write(byte_writer& to, const window_frame& frame) {
  to.number(kind::window);
  to.number(frame.flow);
  to.number(frame.window.batches);
  to.number(frame.window.bytes);
}

void write(byte_writer& to, const members_frame& frame) {
  to.number(kind::members);
  to.number(static_cast<uint32_t>(frame.cards.size()));
  for (const auto& card : frame.cards)
    write_card(to, card);
}

void write_head(byte_writer& to, const piece_frame& frame) {
  to.number(kind::piece);
  to.number(frame.what);
  to.number(frame.flow);
  to.number(frame.number);
  to.number(frame.total);
  to.number(frame.offset);
  to.number(static_cast<uint32_t>(frame.bytes.size()));
}

void write(byte_writer& to, const piece_frame& frame) {
  write_head(to, frame);
  to.raw(frame.bytes.data(), frame.bytes.size());
}

heartbeat_frame read_heartbeat(byte_reader& from) {
  heartbeat_frame frame;
  frame.sent_at_ns = from.number<int64_t>();
  frame.echo_ns = from.number<int64_t>();
  frame.draining = from.flag();
  return frame;
}

window_frame read_window(byte_reader& from) {
  window_frame frame;
  frame.flow = from.code<link_flow>(link_flows);
  frame.window.batches = from.number<uint32_t>();
  frame.window.bytes = from.number<uint64_t>();
  return frame;
}

members_frame read_members(byte_reader& from) {
  members_frame frame;
  frame.cards.resize(from.count(members_max, card_bytes_min));
  for (auto& card : frame.cards)
    card = read_card(from);
  return frame;
}

piece_frame read_piece(byte_reader& from) {
  piece_frame frame;
  frame.what = from.code<piece_of>(2);
  frame.flow = from.code<link_flow>(link_flows);
  frame.number = from.number<uint64_t>();
  frame.total = from.number<uint32_t>();
  frame.offset = from.number<uint32_t>();
  frame.bytes = from.text(frame_bytes_max);
  if (frame.bytes.empty() || frame.offset > frame.total
      || frame.bytes.size() > frame.total - frame.offset)
    from.spoil();
  return frame;
}

} // namespace

void write_card(byte_writer& to, const node_card& card) {
  to.text(card.name);
  to.number(card.instance);
  to.number(card.started_at_us);
  to.number(
    static_cast<uint8_t>((card.roles.gateway ? 1 : 0) | (card.roles.worker ? 2 : 0)
                         | (card.roles.persister ? 4 : 0) | (card.draining ? 8 : 0)));
  to.text(card.address);
}

node_card read_card(byte_reader& from) {
  node_card card;
  card.name = from.text(name_bytes_max);
  card.instance = from.number<uint64_t>();
  card.started_at_us = from.number<int64_t>();
  const auto bits = from.number<uint8_t>();
  card.roles = {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0};
  card.draining = (bits & 8) != 0;
  card.address = from.text(address_bytes_max);
  if (!is_peer_name(card.name) || !is_plain_text(card.address) || bits > 15
      || card.instance == 0 || card.started_at_us < 0 || card.started_at_us > unix_us_max)
    from.spoil();
  return card;
}

std::string encode_frame(const link_frame_content& content) {
  std::string bytes;
  if (const auto* piece = std::get_if<piece_frame>(&content))
    bytes.reserve(piece->bytes.size() + 64);
  byte_writer to{bytes};
  std::visit([&](const auto& frame) { write(to, frame); }, content);
  return bytes;
}

result<link_frame_content> decode_frame(std::string_view bytes) {
  byte_reader from{bytes};
  link_frame_content content;
  const auto what = from.number<uint8_t>();
  switch (static_cast<kind>(what)) {
  case kind::heartbeat:
    content = read_heartbeat(from);
    break;
  case kind::window:
    content = read_window(from);
    break;
  case kind::members:
    content = read_members(from);
    break;
  case kind::piece:
    content = read_piece(from);
    break;
  default:
    // A peer of the same protocol version sends no other kind.
    from.spoil();
  }
  if (!from.complete())
    return fail(ec::malformed_request,
                "a frame of kind " + std::to_string(what) + " can't be read");
  return content;
}

bool has_its_text(const link_frame_content& frame, size_t text_bytes) noexcept {
  const auto* piece = std::get_if<piece_frame>(&frame);
  return text_bytes == 0
         || (piece && piece->what == piece_of::batch
             && piece->bytes.size() + text_bytes == piece->total);
}

std::vector<outgoing_frame> cut_in_pieces(piece_of what, link_flow flow, uint64_t number,
                                          outgoing_frame whole, size_t bytes_max) {
  std::vector<outgoing_frame> frames;
  const auto total = static_cast<uint32_t>(whole.size() - piece_head_bytes);
  if (total <= bytes_max) {
    std::string head;
    byte_writer to{head};
    write_head(to, {what, flow, number, total, 0,
                    std::string_view{whole.head}.substr(piece_head_bytes)});
    whole.head.replace(0, piece_head_bytes, head);
    frames.push_back(std::move(whole));
    return frames;
  }
  const auto joined = whole.joined();
  const auto content = std::string_view{joined}.substr(piece_head_bytes);
  // All pieces are about equally long: a short last one would overtake the others as a
  // small frame, and so would those of the batches after it.
  const auto pieces = (total + bytes_max - 1) / bytes_max;
  const auto piece_bytes = (total + pieces - 1) / pieces;
  for (size_t at = 0; at < total; at += piece_bytes) {
    std::string frame;
    byte_writer to{frame};
    write(to, piece_frame{what, flow, number, total, static_cast<uint32_t>(at),
                          content.substr(at, piece_bytes)});
    frames.emplace_back(std::move(frame));
  }
  return frames;
}

} // namespace weir
