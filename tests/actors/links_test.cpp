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

TEST_F(links_test, a_text_that_is_not_as_long_as_its_batch_says_ends_its_link) {
  auto& g = add_gateway("g");
  auto& w = add_worker("w");
  const auto whole =
    cut_in_pieces(piece_of::batch, link_flow::work, 1,
                  encode_batch(*batch(1), sched.clock().now(), piece_head_bytes))[0];
  for (const int more : {-1, 0, 1}) {
    settle();
    const auto link = net.connect(g, w);
    settle();
    auto piece = std::get<piece_frame>(*decode_frame(whole.head));
    piece.total += static_cast<uint32_t>(more);
    w.events->received(link, encode_frame(piece), *whole.text, {});
    settle();
    EXPECT_EQ(net.links[link].up, more == 0) << more;
    EXPECT_EQ(std::exchange(w.taken, {}).size(), more == 0 ? 1u : 0u) << more;
    net.cut(link, "the test goes on");
  }
}

TEST_F(links_test, a_persister_is_no_worker) {
  auto& g = add_gateway("g");
  auto& p = add_persister("p");
  settle();
  EXPECT_TRUE(g.health.is(condition::no_worker));
  const auto link = net.connect(g, p);
  settle();
  const link_window all{8, 1 << 20};
  g.events->received(link, encode_frame(window_frame{link_flow::work, all}), {}, {});
  settle();
  g.submit("to_worker", batch(1));
  settle();
  EXPECT_TRUE(g.health.is(condition::no_worker));
  EXPECT_TRUE(p.taken.empty());
  EXPECT_TRUE(net.links[link].up) << "it was sent nothing that it does not take";
}

TEST_F(links_test, a_peer_that_drains_is_seen_to) {
  auto [g, w, link] = linked();
  const auto state = [&g = g] {
    for (const auto& member : g.board.snapshot().members)
      if (member.card.name == "w")
        return member.card.draining;
    return false;
  };
  EXPECT_FALSE(state());
  for (const bool draining : {true, false}) {
    g.events->received(link, encode_frame(heartbeat_frame{1, 0, draining}), {}, {});
    settle();
    EXPECT_EQ(state(), draining);
  }
}

TEST_F(links_test, a_stamp_comes_back_with_the_time_that_it_lay_here) {
  auto [g, w, link] = linked();
  settle();
  constexpr int64_t sent_at = 1000;
  w.events->received(link, encode_frame(heartbeat_frame{sent_at, 0, false}), {}, {});
  settle();
  std::vector<int64_t> echoes;
  sched.advance_time(links_config{}.heartbeat);
  sched.run();
  for (const auto& letter : net.mail)
    if (letter.to == &g)
      if (const auto frame = decode_frame(letter.frame.head))
        if (const auto* beat = std::get_if<heartbeat_frame>(&*frame))
          echoes.push_back(beat->echo_ns);
  ASSERT_EQ(echoes.size(), 1u);
  EXPECT_EQ(echoes[0],
            sent_at + std::chrono::nanoseconds{links_config{}.heartbeat}.count());
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

TEST_F(links_test, the_receipt_of_a_batch_of_which_nothing_stands_costs_no_link) {
  constexpr uint32_t records = 300'000;
  auto& g = add_gateway("g", 16 << 20);
  auto& w = add_worker("w");
  settle();
  const auto link = net.connect(g, w);
  settle();
  auto sent = make_test_batch(1, records, sched.clock().now());
  auto source = std::make_shared<envelope>(*sent->source);
  source->id = next_envelope_id();
  source->origin = owner;
  sent->source = source;
  sent->text = std::shared_ptr<const std::string>(source, &source->bytes);
  g.submit("to_worker", sent);
  settle();
  ASSERT_EQ(w.taken.size(), 1u);
  auto judged = std::make_shared<record_batch>(*w.taken[0]);
  judged->records.clear();
  for (uint32_t i = 0; i < records; ++i)
    judged->rejections.push_back(
      {0, i, i, reject::not_an_object, {}, "a record is a JSON object, and so on", {}});
  auto receipt = std::make_shared<batch_receipt>();
  receipt->batch = judged;
  receipt->parts.resize(1);
  receipt->parts[0].key = sent->source->parts[0].key;
  receipt->parts[0].rejected = records;
  w.origin->deliver(receipt);
  settle();
  EXPECT_TRUE(net.links[link].up);
  ASSERT_EQ(owner->receipts.size(), 1u);
  const auto& told = owner->receipts[0]->batch->rejections;
  ASSERT_EQ(told.size(), records);
  EXPECT_EQ(told[99].detail, "a record is a JSON object, and so on");
  EXPECT_EQ(told.back().record, records - 1);
}

TEST_F(links_test, a_batch_that_no_configuration_could_make_ends_the_link_it_came_by) {
  auto& w = add("w", {false, true, false});
  auto& p = add_persister("p");
  w.start_links();
  settle();
  for (const auto* name : {"a\"b", "", "A", "a\nb"}) {
    const auto link = net.connect(w, p);
    settle();
    auto one = batch(1);
    auto source = std::make_shared<envelope>(*one->source);
    source->stream = name;
    one->source = source;
    one->text = std::shared_ptr<const std::string>(source, &source->bytes);
    for (const auto& frame :
         cut_in_pieces(piece_of::batch, link_flow::persist, 1,
                       encode_batch(*one, sched.clock().now(), piece_head_bytes)))
      test_network::letter{link, &p, frame}.arrive();
    settle();
    EXPECT_FALSE(net.links[link].up) << name;
    EXPECT_TRUE(p.taken.empty()) << name;
  }
}

TEST_F(links_test, what_was_rejected_before_a_batch_left_is_in_its_receipt) {
  auto& w = add("w", {false, true, false});
  w.start_links();
  w.start_dispatch(link_flow::persist);
  auto& p = add_persister("p");
  settle();
  net.connect(w, p);
  settle();
  auto one = batch(1);
  one->records.pop_back();
  one->rejections.push_back(
    {0, 2, 2, reject::schema_violation, "/a", "is no number", ""});
  w.submit("to_persister", one);
  settle();
  ASSERT_EQ(p.taken.size(), 1u);
  ASSERT_EQ(p.taken[0]->rejections.size(), 1u) << "it is counted there";
  EXPECT_EQ(p.taken[0]->rejections[0].detail, "") << "and not kept";
  p.answer_all();
  settle();
  ASSERT_EQ(owner->receipts.size(), 1u);
  ASSERT_EQ(owner->receipts[0]->batch->rejections.size(), 1u);
  EXPECT_EQ(owner->receipts[0]->batch->rejections[0].detail, "is no number");
}

TEST_F(links_test,
       a_receipt_of_another_batch_ends_the_link_and_the_batch_goes_elsewhere) {
  auto [g, w, link] = linked();
  const auto sent = batch(1);
  g.submit("to_worker", sent);
  settle();
  ASSERT_EQ(w.taken.size(), 1u);
  auto receipt = std::make_shared<batch_receipt>();
  receipt->batch = w.taken[0];
  receipt->parts.resize(1);
  receipt->parts[0].key = {4, 7};
  receipt->parts[0].accepted = 3;
  w.origin->deliver(receipt);
  settle();
  EXPECT_FALSE(net.links[link].up);
  EXPECT_TRUE(owner->receipts.empty());
  w.taken.clear();
  net.connect(g, w);
  settle();
  ASSERT_EQ(w.taken.size(), 1u);
  w.answer_all();
  settle();
  ASSERT_EQ(owner->receipts.size(), 1u);
  EXPECT_TRUE(sent->source->copied.is_set()) << "it may be stored there";
}
