#include "cluster/assembler.hpp"
#include "cluster/hello.hpp"
#include "cluster/link_frame.hpp"
#include "proto/clock.hpp"

#include <gtest/gtest.h>

#include <algorithm>

using namespace weir;

namespace {

node_card card(std::string name) {
  return {std::move(name), 42, 1000, {true, false, true}, "10.0.0.1:7400", false};
}

const std::string room(piece_head_bytes, '\0');

piece_frame piece_in(const outgoing_frame& frame) {
  return std::get<piece_frame>(*decode_frame(frame.head));
}

} // namespace

TEST(link_frame_test, every_frame_arrives_as_it_was_sent) {
  const auto beat =
    std::get<heartbeat_frame>(*decode_frame(encode_frame(heartbeat_frame{5, 7, true})));
  EXPECT_EQ(beat.sent_at_ns, 5);
  EXPECT_EQ(beat.echo_ns, 7);
  EXPECT_TRUE(beat.draining);
  const auto window = std::get<window_frame>(
    *decode_frame(encode_frame(window_frame{link_flow::persist, {3, 4096}})));
  EXPECT_EQ(window.flow, link_flow::persist);
  EXPECT_EQ(window.window, (link_window{3, 4096}));
  const auto members = std::get<members_frame>(
    *decode_frame(encode_frame(members_frame{{card("a"), card("b")}})));
  ASSERT_EQ(members.cards.size(), 2u);
  EXPECT_EQ(members.cards[1], card("b"));
}

TEST(link_frame_test, a_cut_or_unknown_frame_is_refused) {
  const auto bytes = encode_frame(members_frame{{card("a")}});
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_frame(std::string_view{bytes}.substr(0, size)));
  EXPECT_FALSE(decode_frame(bytes + "x"));
  EXPECT_FALSE(decode_frame("\x09"));
}

TEST(link_frame_test, a_batch_that_fits_keeps_its_text_where_it_lies) {
  const auto text = std::make_shared<const std::string>(100'000, 't');
  const auto frames =
    cut_in_pieces(piece_of::batch, link_flow::work, 1, {room + "head", text});
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].text, text);
  EXPECT_EQ(piece_in(frames[0]).bytes, "head");
  EXPECT_EQ(piece_in(frames[0]).total, 4 + text->size());
}

TEST(link_frame_test, no_frame_of_a_large_batch_is_above_the_bound) {
  const std::string whole(10'000'000, 'x');
  const auto text = std::make_shared<const std::string>(whole.substr(100));
  size_t bytes = 0;
  for (const auto& frame : cut_in_pieces(piece_of::batch, link_flow::work, 1,
                                         {room + whole.substr(0, 100), text})) {
    EXPECT_LE(frame.size(), frame_bytes_max);
    bytes += piece_in(frame).bytes.size();
  }
  EXPECT_EQ(bytes, whole.size());
}

TEST(assembler_test, pieces_of_several_batches_in_any_order_make_the_batches) {
  random_source random{7};
  for (int round = 0; round < 100; ++round) {
    std::vector<std::string> wholes;
    std::vector<outgoing_frame> frames;
    for (uint64_t number = 0; number < 3; ++number) {
      std::string whole(1 + random.next() % 300, '\0');
      for (auto& c : whole)
        c = static_cast<char>(random.next());
      for (auto& frame :
           cut_in_pieces(piece_of::batch, link_flow::work, number, room + whole, 17))
        frames.push_back(std::move(frame));
      wholes.push_back(std::move(whole));
    }
    for (size_t i = frames.size(); i > 1; --i)
      std::swap(frames[i - 1], frames[random.next() % i]);
    assembler pieces{1000};
    size_t done = 0;
    for (const auto& frame : frames) {
      const auto piece = piece_in(frame);
      const auto made = pieces.add(piece);
      ASSERT_TRUE(made);
      if (!*made)
        continue;
      ++done;
      EXPECT_EQ(**made, wholes[piece.number]);
    }
    EXPECT_EQ(done, wholes.size());
    EXPECT_EQ(pieces.bytes(), 0u);
  }
}

TEST(assembler_test,
     a_peer_that_sends_beyond_its_window_is_caught_before_any_allocation) {
  assembler pieces{1000};
  const std::string part(10, 'x');
  EXPECT_TRUE(pieces.add({piece_of::batch, link_flow::work, 1, 900, 0, part}));
  EXPECT_FALSE(pieces.add({piece_of::batch, link_flow::work, 2, 4'000'000'000, 0, part}));
  EXPECT_FALSE(pieces.add({piece_of::batch, link_flow::work, 2, 101, 0, part}));
  EXPECT_TRUE(pieces.add({piece_of::batch, link_flow::work, 2, 100, 0, part}));
}

TEST(assembler_test, pieces_that_overlap_or_contradict_each_other_are_caught) {
  assembler pieces{1000};
  const std::string part(10, 'x');
  ASSERT_TRUE(pieces.add({piece_of::batch, link_flow::work, 1, 100, 20, part}));
  EXPECT_FALSE(pieces.add({piece_of::batch, link_flow::work, 1, 100, 20, part}));
  EXPECT_FALSE(pieces.add({piece_of::batch, link_flow::work, 1, 100, 11, part}));
  EXPECT_FALSE(pieces.add({piece_of::batch, link_flow::work, 1, 100, 29, part}));
  EXPECT_FALSE(pieces.add({piece_of::batch, link_flow::work, 1, 99, 40, part}));
  EXPECT_TRUE(pieces.add({piece_of::receipt, link_flow::work, 1, 99, 40, part}))
    << "a receipt has numbers of its own";
}

TEST(hello_test, the_greeting_arrives_as_it_was_sent) {
  const auto bytes = encode_hello({99, card("gateway-1")});
  const auto head = read_hello_head(std::string_view{bytes}.substr(0, hello_head_bytes));
  ASSERT_TRUE(head);
  ASSERT_EQ(head->bytes + hello_head_bytes, bytes.size());
  const auto words = decode_hello(std::string_view{bytes}.substr(hello_head_bytes));
  ASSERT_TRUE(words);
  EXPECT_EQ(words->link, 99u);
  EXPECT_EQ(words->card, card("gateway-1"));
}

TEST(hello_test, another_protocol_version_is_named_with_both_numbers) {
  auto bytes = encode_hello({99, card("gateway-1")});
  bytes[4] = 77;
  const auto head = read_hello_head(std::string_view{bytes}.substr(0, hello_head_bytes));
  ASSERT_FALSE(head);
  EXPECT_NE(head.error().text.find("protocol 77, this node 3"), std::string::npos)
    << head.error().text;
}

TEST(hello_test, what_is_no_weir_or_promises_too_much_is_refused) {
  EXPECT_FALSE(read_hello_head("GET / HTTP"));
  EXPECT_FALSE(read_hello_head("WEIR\1\0\xff\xff\xff\xff"));
  EXPECT_FALSE(read_hello_head("WEIR"));
}
