#include "base/clock.hpp"
#include "cluster/assembler.hpp"
#include "cluster/bytes.hpp"
#include "cluster/hello.hpp"
#include "cluster/link_frame.hpp"
#include "cluster/tunnel/frame_queue.hpp"
#include "cluster/wire_words.hpp"

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

TEST(link_frame_test, what_a_card_may_not_say_is_refused) {
  const auto taken = [](auto change) {
    auto made = card("a");
    change(made);
    return decode_frame(encode_frame(members_frame{{made}})).has_value();
  };
  EXPECT_TRUE(taken([](auto& c) { c.name = std::string(64, 'n'); }));
  for (const auto& name :
       {std::string{}, std::string(65, 'n'), std::string{"a b"}, std::string{"a\"b"},
        std::string{"a\n"}, std::string{"\xc3\xa4"}, std::string{"a\0", 2}})
    EXPECT_FALSE(taken([&](auto& c) { c.name = name; })) << name;
  EXPECT_TRUE(taken([](auto& c) { c.address = std::string(300, 'a'); }));
  for (const auto& address : {std::string(301, 'a'), std::string{"host :1"},
                              std::string{"host\n:1"}, std::string{"\"host\":1"}})
    EXPECT_FALSE(taken([&](auto& c) { c.address = address; })) << address;
  EXPECT_FALSE(taken([](auto& c) { c.instance = 0; }));
  EXPECT_TRUE(taken([](auto& c) { c.started_at_us = 0; }));
  EXPECT_FALSE(taken([](auto& c) { c.started_at_us = -1; }));
  EXPECT_TRUE(taken([](auto& c) { c.started_at_us = unix_us_max; }));
  EXPECT_FALSE(taken([](auto& c) { c.started_at_us = INT64_MAX; }));
}

TEST(link_frame_test, every_role_arrives_and_no_unknown_one) {
  for (int bits = 0; bits < 256; ++bits) {
    auto made = card("a");
    made.roles = {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0};
    made.draining = (bits & 8) != 0;
    std::string bytes;
    byte_writer to{bytes};
    write_card(to, made);
    auto& said = bytes[4 + 1 + 8 + 8]; // after name, instance and start
    EXPECT_EQ(said, static_cast<char>(bits & 15));
    said = static_cast<char>(bits);
    byte_reader from{bytes};
    const auto came = read_card(from);
    EXPECT_EQ(from.complete(), bits < 16) << bits;
    EXPECT_EQ(came.roles, made.roles);
    EXPECT_EQ(came.draining, made.draining);
  }
}

TEST(link_frame_test, more_members_than_a_cluster_has_are_refused) {
  const std::vector<node_card> most(members_max, card("a"));
  EXPECT_TRUE(decode_frame(encode_frame(members_frame{most})));
  auto more = most;
  more.push_back(card("a"));
  EXPECT_FALSE(decode_frame(encode_frame(members_frame{more})));
}

TEST(link_frame_test, a_window_of_each_flow_arrives) {
  for (const auto flow : {link_flow::work, link_flow::persist}) {
    const auto came = std::get<window_frame>(
      *decode_frame(encode_frame(window_frame{flow, {UINT32_MAX, UINT64_MAX}})));
    EXPECT_EQ(came.flow, flow);
    EXPECT_EQ(came.window, (link_window{UINT32_MAX, UINT64_MAX}));
  }
  auto bytes = encode_frame(window_frame{});
  bytes[1] = 2;
  EXPECT_FALSE(decode_frame(bytes)) << "there is no third";
}

TEST(link_frame_test, a_piece_lies_within_its_total_and_is_not_empty) {
  const auto taken = [](uint32_t total, uint32_t offset, std::string_view bytes) {
    return decode_frame(encode_frame(piece_frame{piece_of::batch, link_flow::work, 1,
                                                 total, offset, bytes}))
      .has_value();
  };
  EXPECT_TRUE(taken(10, 6, "4444"));
  EXPECT_FALSE(taken(10, 7, "4444"));
  EXPECT_FALSE(taken(3, 0, "4444"));
  EXPECT_FALSE(taken(10, 10, "4444"));
  EXPECT_FALSE(taken(10, 11, "4444"));
  EXPECT_FALSE(taken(10, UINT32_MAX, "4444"));
  EXPECT_FALSE(taken(10, UINT32_MAX - 3, "4444"));
  EXPECT_FALSE(taken(10, 3, ""));
}

TEST(link_frame_test, what_just_fits_is_one_frame_and_what_does_not_two_of_like_length) {
  EXPECT_EQ(cut_in_pieces(piece_of::batch, link_flow::work, 1, room + "12345", 5).size(),
            1u);
  const auto two = cut_in_pieces(piece_of::batch, link_flow::work, 1, room + "123456", 5);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(piece_in(two[0]).bytes, "123");
  EXPECT_EQ(piece_in(two[1]).bytes, "456");
  EXPECT_EQ(piece_in(two[1]).offset, 3u);
}

/// A short last piece would overtake the rest as a small frame: those of many batches would be
/// more than their receiver keeps.
TEST(link_frame_test, no_piece_of_a_large_whole_is_a_small_frame) {
  for (const size_t beyond : {1, 100, 5000})
    for (const auto& frame :
         cut_in_pieces(piece_of::receipt, link_flow::work, 1,
                       room + std::string(piece_bytes_max + beyond, 'x')))
      EXPECT_GT(frame.size(), small_frame_bytes_max);
}

TEST(assembler_test, a_piece_beyond_its_total_is_caught_before_it_is_copied) {
  assembler pieces{1000};
  const std::string part(10, 'x');
  EXPECT_FALSE(pieces.add({piece_of::batch, link_flow::work, 1, 15, 6, part}));
  EXPECT_FALSE(pieces.add({piece_of::batch, link_flow::work, 1, 9, 0, part}));
  EXPECT_FALSE(pieces.add({piece_of::batch, link_flow::work, 1, 15, 16, part}));
  EXPECT_FALSE(
    pieces.add({piece_of::batch, link_flow::work, 1, 15, UINT32_MAX - 3, part}));
  EXPECT_EQ(pieces.bytes(), 0u);
  EXPECT_TRUE(pieces.add({piece_of::batch, link_flow::work, 1, 15, 5, part}));
}

TEST(assembler_test, pieces_that_touch_do_not_overlap) {
  assembler pieces{1000};
  const std::string part(10, 'x');
  ASSERT_TRUE(pieces.add({piece_of::batch, link_flow::work, 1, 30, 10, part}));
  ASSERT_TRUE(pieces.add({piece_of::batch, link_flow::work, 1, 30, 0, part}));
  EXPECT_FALSE(pieces.add({piece_of::batch, link_flow::work, 1, 30, 19, part}));
  EXPECT_FALSE(pieces.add({piece_of::batch, link_flow::work, 1, 30, 1, part}));
  const auto whole = pieces.add({piece_of::batch, link_flow::work, 1, 30, 20, part});
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ(**whole, std::string(30, 'x'));
  EXPECT_EQ(pieces.bytes(), 0u);
  ASSERT_TRUE(pieces.add({piece_of::batch, link_flow::work, 1, 30, 10, part}))
    << "a new one";
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
  EXPECT_NE(head.error().text.find("protocol 77, this node 4"), std::string::npos)
    << head.error().text;
}

TEST(hello_test, what_is_no_weir_or_promises_too_much_is_refused) {
  const auto head = [](std::string_view magic, uint16_t version, uint32_t bytes) {
    std::string made{magic};
    byte_writer to{made};
    to.number(version);
    to.number(bytes);
    return read_hello_head(made);
  };
  ASSERT_TRUE(head("WEIR", protocol_version, 0));
  EXPECT_FALSE(read_hello_head("GET / HTTP"));
  EXPECT_FALSE(head("weir", protocol_version, 0));
  EXPECT_FALSE(head("WEIR", protocol_version - 1, 0));
  EXPECT_FALSE(head("WEIR", protocol_version + 1, 0));
  EXPECT_EQ(head("WEIR", protocol_version, hello_bytes_max)->bytes, hello_bytes_max);
  for (const uint32_t bytes : {uint32_t{hello_bytes_max} + 1, UINT32_MAX}) {
    const auto refused = head("WEIR", protocol_version, bytes);
    ASSERT_FALSE(refused) << bytes;
    EXPECT_EQ(refused.error().text, "the peer's greeting is too long");
  }
  EXPECT_FALSE(read_hello_head("WEIR"));
  EXPECT_FALSE(read_hello_head(std::string_view{encode_go()}.substr(0, 9)));
}

TEST(hello_test, an_answer_arrives_as_it_was_sent_but_for_what_is_too_long) {
  for (const bool accepted : {true, false}) {
    const auto bytes = encode_answer({accepted, std::string(1025, 'r'), card("b")});
    const auto words = decode_answer(std::string_view{bytes}.substr(hello_head_bytes));
    ASSERT_TRUE(words) << words.error().text;
    EXPECT_EQ(words->accepted, accepted);
    EXPECT_EQ(words->reason, std::string(1024, 'r'));
    EXPECT_EQ(words->card, card("b"));
  }
}

TEST(hello_test, words_that_are_cut_or_longer_or_name_no_link_are_refused) {
  const auto hello_body = encode_hello({99, card("a")}).substr(hello_head_bytes);
  const auto answer_body = encode_answer({true, "r", card("a")}).substr(hello_head_bytes);
  for (size_t size = 0; size < hello_body.size(); ++size)
    EXPECT_FALSE(decode_hello(std::string_view{hello_body}.substr(0, size)));
  for (size_t size = 0; size < answer_body.size(); ++size)
    EXPECT_FALSE(decode_answer(std::string_view{answer_body}.substr(0, size)));
  EXPECT_FALSE(decode_hello(hello_body + "x"));
  EXPECT_FALSE(decode_answer(answer_body + "x"));
  EXPECT_FALSE(decode_hello(encode_hello({0, card("a")}).substr(hello_head_bytes)));
}
