// What a peer may send over its link, and what one that breaks the rules is met with.
#include "tests/actors/cluster_fixture.hpp"

#include "cluster/batch_codec.hpp"
#include "cluster/link_frame.hpp"

#include <limits>

using namespace weir;
using namespace std::chrono_literals;

namespace {

struct links_test : cluster_fixture {};

size_t bytes_of(const std::vector<batch_ptr>& batches) {
  size_t bytes = 0;
  for (const auto& one : batches)
    bytes += one->text->size();
  return bytes;
}

} // namespace

TEST_F(links_test, a_frame_that_can_not_be_read_ends_that_link_alone) {
  auto& g = add_gateway("g");
  auto& w1 = add_worker("w1");
  auto& w2 = add_worker("w2");
  settle();
  const auto bad = net.connect(g, w1);
  const auto good = net.connect(g, w2);
  settle();
  g.events->received(bad, "nonsense", {}, {});
  settle();
  EXPECT_FALSE(net.links[bad].up);
  EXPECT_TRUE(net.links[good].up);
  g.events->received(
    good,
    encode_frame(piece_frame{piece_of::batch, link_flow::work, 1, 4'000'000'000, 0, "x"}),
    {}, {});
  settle();
  EXPECT_FALSE(net.links[good].up) << "more than any window";
}

TEST_F(links_test, a_text_that_belongs_to_no_whole_batch_ends_its_link) {
  const piece_frame part{piece_of::batch, link_flow::work, 1, 100, 0, "x"};
  const piece_frame receipt{piece_of::receipt, link_flow::work, 1, 5, 0, "x"};
  auto& g = add_gateway("g");
  auto& w = add_worker("w");
  for (const auto& head :
       {encode_frame(heartbeat_frame{}), encode_frame(part), encode_frame(receipt)}) {
    settle();
    const auto link = net.connect(g, w);
    settle();
    w.events->received(link, head, "text", {});
    settle();
    EXPECT_FALSE(net.links[link].up);
  }
}

TEST_F(links_test, a_peer_that_sends_more_than_it_was_granted_has_its_link_closed) {
  auto [g, w, link] = linked();
  const auto bytes = encode_batch(*batch(1), sched.clock().now(), piece_head_bytes);
  for (uint64_t number = 1; net.links[link].up && number < 1000; ++number) {
    const auto frames = cut_in_pieces(piece_of::batch, link_flow::work, number, bytes);
    test_network::letter{link, &w, frames[0]}.arrive();
    settle();
  }
  EXPECT_FALSE(net.links[link].up);
  EXPECT_LE(w.taken.size(), 2 * links_config{}.window.batches);
}

TEST_F(links_test, a_peer_that_sends_more_bytes_than_it_was_granted_has_its_link_closed) {
  auto [g, w, link] = linked();
  const size_t most = 2 * links_config{}.window.bytes + frame_bytes_max;
  size_t sent = 0;
  for (uint64_t number = 1; net.links[link].up && sent < 4 * most; ++number) {
    auto frames = cut_in_pieces(
      piece_of::batch, link_flow::work, number,
      encode_batch(*batch(number, 3 << 20), sched.clock().now(), piece_head_bytes));
    ASSERT_EQ(frames.size(), 1u) << "its text comes beside, past the assembler";
    sent += frames[0].size();
    test_network::letter{link, &w, std::move(frames[0])}.arrive();
    sched.run();
  }
  EXPECT_FALSE(net.links[link].up);
  EXPECT_LE(bytes_of(w.taken), most);
}

TEST_F(links_test, batches_larger_than_the_whole_window_go_alone_and_cost_no_link) {
  auto& g = add_gateway("g", 16 << 20);
  auto& w = add("w", {false, true, false});
  w.start_stage("validate");
  links_config narrow;
  narrow.window = {32, 64 << 10};
  w.start_links(narrow);
  settle();
  const auto link = net.connect(g, w);
  settle();
  constexpr size_t batches = 5;
  for (uint64_t id = 1; id <= batches; ++id)
    g.submit("to_worker", batch(id, (3 << 20) + (512 << 10)));
  for (size_t done = 0; done < batches; ++done) {
    settle();
    EXPECT_EQ(w.taken.size(), 1u);
    w.answer_all();
  }
  settle();
  EXPECT_TRUE(net.links[link].up);
  EXPECT_EQ(owner->receipts.size(), batches);
}

TEST_F(links_test, a_window_that_closes_while_batches_are_under_way_costs_no_link) {
  auto& g = add_gateway("g", 16 << 20);
  auto& w = add_worker("w");
  settle();
  const auto link = net.connect(g, w);
  settle();
  for (uint64_t id = 1; id <= 8; ++id)
    g.submit("to_worker", batch(id, 1 << 20));
  sched.run(); // they are on their way
  w.health.set(condition::no_persister, true);
  sched.advance_time(links_config{}.heartbeat);
  settle();
  EXPECT_TRUE(net.links[link].up);
  EXPECT_EQ(w.taken.size(), 7u) << "as many as the window had bytes for";
}

TEST_F(links_test, a_peer_whose_role_sends_no_such_batches_has_its_link_closed) {
  auto& p = add("p", {false, true, true}); // a worker gives work to nobody
  auto& w = add_worker("w");
  settle();
  const auto link = net.connect(p, w);
  settle();
  const auto frames =
    cut_in_pieces(piece_of::batch, link_flow::work, 1,
                  encode_batch(*batch(1), sched.clock().now(), piece_head_bytes));
  test_network::letter{link, &w, frames[0]}.arrive();
  settle();
  EXPECT_FALSE(net.links[link].up);
  EXPECT_TRUE(w.taken.empty());
}

TEST_F(links_test, the_stamps_of_a_peer_that_lies_spoil_what_is_measured_of_it_alone) {
  auto [g, w, link] = linked();
  auto& other = add_worker("other");
  settle();
  const auto honest = net.connect(g, other);
  settle();
  constexpr auto least = std::numeric_limits<int64_t>::min();
  constexpr auto most = std::numeric_limits<int64_t>::max();
  for (const auto sent_at : {least, int64_t{-1}, most})
    for (const auto echo : {least, int64_t{-1}, most}) {
      g.events->received(link, encode_frame(heartbeat_frame{sent_at, echo, false}), {},
                         {});
      settle();
      pass(2 * links_config{}.heartbeat); // it is echoed
    }
  EXPECT_TRUE(net.links[link].up);
  EXPECT_TRUE(net.links[honest].up);
  for (const auto& seen : g.board.snapshot().links)
    EXPECT_TRUE(seen.peer != "other" || seen.round_trip_seconds < 1.0);
}
