// What a peer may send here, what its link is closed for, and when it hears of its batches.
#include "cluster/peer_table.hpp"

#include "tests/cluster/batches.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

using namespace weir;
using namespace std::chrono_literals;

namespace {

const peer_table::time_point start{1000s};
constexpr link_window window{4, 1000};
constexpr size_t bytes_most = 2 * window.bytes + frame_bytes_max;
const peer_rules both{window, 1000ms, {true, true}};
constexpr link_id g = 1, w = 2; ///< links to a gateway and to a worker

node_card gateway() {
  return {"g", 1, 1, {true, false, false}, "g:1", false};
}
node_card worker() {
  return {"w", 2, 1, {false, true, false}, "w:1", false};
}

piece_frame batch_piece(uint64_t number, std::string_view bytes, uint32_t total = 0,
                        uint32_t offset = 0) {
  const auto whole = total == 0 ? static_cast<uint32_t>(bytes.size()) : total;
  return {piece_of::batch, link_flow::work, number, whole, offset, bytes};
}

peer_table::held_batch batch_of(link_id from, uint64_t id, size_t bytes = 100,
                                link_flow flow = link_flow::work) {
  return {from, flow, id, bytes, make_test_batch(id)};
}

std::shared_ptr<batch_receipt> receipt_of(const batch_ptr& batch, ack_level ack,
                                          uint64_t sequence) {
  // The envelope's marks and its part's level are the test's own to change.
  const_cast<envelope&>(*batch->source).parts[0].ack = ack;
  auto receipt = std::make_shared<batch_receipt>();
  receipt->batch = batch;
  receipt->parts.resize(1);
  receipt->parts[0].last_sequence = sequence;
  return receipt;
}

struct peer_table_test : testing::Test {
  peer_table table{both, start};

  void SetUp() override {
    table.link_up(g, gateway(), start);
    table.link_up(w, worker(), start);
  }
  batch_ptr hold(link_id from, uint64_t id, size_t bytes = 100) {
    return table.hold(batch_of(from, id, bytes)).batch;
  }
  std::string why_refused(link_id from, const piece_frame& piece, std::string text = {}) {
    const auto came = table.heard_piece(from, piece, std::move(text));
    return came ? "" : came.error().text;
  }
};

} // namespace

TEST_F(peer_table_test, a_batch_counts_against_its_peer_until_its_receipt_is_sent) {
  const auto batch = hold(g, 1, 70);
  hold(g, 2, 30);
  EXPECT_EQ(table.find(g)->held[0], (link_window{2, 100}));
  EXPECT_EQ(table.find(g)->held[1], link_window{});
  const auto done = table.settle(receipt_of(batch, ack_level::durable, 9), 0);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->one.number, 1u);
  EXPECT_EQ(done->one.link, g);
  EXPECT_EQ(table.find(g)->held[0], (link_window{1, 30}));
  EXPECT_EQ(table.held(), 1u);
  EXPECT_FALSE(table.settle(done->receipt, 0)) << "it was answered";
}

TEST_F(peer_table_test, a_receipt_waits_for_the_sink_only_if_a_part_asks_for_that) {
  const auto stored = hold(g, 1), durable = hold(g, 2);
  EXPECT_TRUE(table.settle(receipt_of(durable, ack_level::durable, 50), 40));
  EXPECT_FALSE(table.settle(receipt_of(stored, ack_level::stored, 50), 40));
  EXPECT_EQ(table.held(), 1u) << "it counts against the peer all the while";
  EXPECT_TRUE(table.stored(49).empty());
  ASSERT_EQ(table.stored(50).size(), 1u);
  EXPECT_EQ(table.held(), 0u);
  const auto late = hold(g, 3);
  EXPECT_TRUE(table.settle(receipt_of(late, ack_level::stored, 50), 50))
    << "the sink has it already";
}

TEST_F(peer_table_test, what_an_earlier_request_stored_is_awaited_too) {
  const auto batch = hold(g, 1);
  const auto receipt = receipt_of(batch, ack_level::stored, 0);
  receipt->parts[0].known.last_sequence = 7;
  EXPECT_FALSE(table.settle(receipt, 6));
  EXPECT_EQ(table.stored(7).size(), 1u);
}

TEST_F(peer_table_test, receipts_leave_in_the_order_in_which_the_sink_stored_them) {
  for (const uint64_t id : {3, 1, 2})
    EXPECT_FALSE(table.settle(receipt_of(hold(g, id), ack_level::stored, 10 * id), 0));
  std::vector<uint64_t> left;
  for (const auto& done : table.stored(25))
    left.push_back(done.one.number);
  EXPECT_EQ(left, (std::vector<uint64_t>{1, 2}));
}

TEST_F(peer_table_test, when_a_link_goes_down_only_that_peers_batches_are_forgotten) {
  const auto lost = hold(g, 1), waits = hold(g, 2);
  const auto stays = table.hold(batch_of(w, 3, 5, link_flow::persist)).batch;
  EXPECT_FALSE(table.settle(receipt_of(waits, ack_level::stored, 9), 0));
  const auto card = table.link_down(g);
  ASSERT_TRUE(card);
  EXPECT_EQ(card->name, "g");
  EXPECT_FALSE(table.link_down(g)) << "it is down already";
  EXPECT_EQ(table.held(), 1u);
  EXPECT_EQ(table.awaiting_sink(), 0u);
  EXPECT_FALSE(table.settle(receipt_of(lost, ack_level::durable, 1), 0));
  EXPECT_TRUE(table.stored(9).empty());
  EXPECT_TRUE(table.settle(receipt_of(stays, ack_level::durable, 1), 0));
}

TEST_F(peer_table_test, only_what_has_no_receipt_is_handed_in_again) {
  hold(g, 1);
  const auto waits = hold(g, 2);
  EXPECT_FALSE(table.settle(receipt_of(waits, ack_level::stored, 9), 0));
  const auto again = table.submit_again();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].number, 1u);
  EXPECT_TRUE(again[0].batch->source->copied.is_set()) << "its first copy may be stored";
  EXPECT_FALSE(waits->source->copied.is_set());
}

TEST_F(peer_table_test, a_peer_sends_what_its_role_sends_to_a_stage_that_is_here) {
  EXPECT_EQ(why_refused(g, batch_piece(1, "x")), "");
  auto piece = batch_piece(1, "x");
  piece.flow = link_flow::persist;
  EXPECT_EQ(why_refused(w, piece), "");
  EXPECT_NE(why_refused(g, piece), "") << "a gateway persists nothing elsewhere";
  EXPECT_NE(why_refused(w, batch_piece(1, "x")), "") << "a worker gives work to nobody";
  peer_table none{{window, 1000ms, {false, true}}, start};
  none.link_up(g, gateway(), start);
  EXPECT_FALSE(none.heard_piece(g, batch_piece(1, "x"), {}))
    << "no stage takes work here";
  auto receipt = batch_piece(1, "x");
  receipt.what = piece_of::receipt;
  EXPECT_TRUE(none.heard_piece(g, receipt, {})) << "a receipt enters no stage";
}

TEST_F(peer_table_test, work_is_for_workers_and_what_is_done_for_persisters) {
  node_card persister{"p", 3, 1, {false, false, true}, "p:1", false};
  EXPECT_TRUE(takes_part(worker(), link_flow::work));
  EXPECT_FALSE(takes_part(worker(), link_flow::persist));
  EXPECT_TRUE(takes_part(persister, link_flow::persist));
  EXPECT_FALSE(takes_part(persister, link_flow::work));
  EXPECT_FALSE(takes_part(gateway(), link_flow::work));
}

TEST_F(peer_table_test, a_batch_is_whole_when_its_last_piece_is_there) {
  auto came = table.heard_piece(g, batch_piece(1, "de", 5, 3), {});
  ASSERT_TRUE(came);
  EXPECT_FALSE(*came);
  came = table.heard_piece(g, batch_piece(1, "abc", 5, 0), {});
  ASSERT_TRUE(came && *came);
  EXPECT_EQ((*came)->bytes, "abcde");
  EXPECT_EQ((*came)->number, 1u);
  came = table.heard_piece(g, batch_piece(2, "head", 8), "text");
  ASSERT_TRUE(came && *came);
  EXPECT_EQ((*came)->bytes, "head");
  EXPECT_EQ((*came)->text, "text");
  EXPECT_EQ((*came)->size(), 8u);
}

TEST_F(peer_table_test, pieces_of_one_peer_never_complete_those_of_another) {
  table.link_up(3, gateway(), start);
  EXPECT_FALSE(*table.heard_piece(g, batch_piece(1, "abc", 5, 0), {}));
  EXPECT_FALSE(*table.heard_piece(3, batch_piece(1, "de", 5, 3), {}));
}

TEST_F(peer_table_test, twice_the_batches_of_a_window_are_too_many) {
  for (uint64_t id = 1; id <= 2 * window.batches; ++id) {
    EXPECT_EQ(why_refused(g, batch_piece(id, "x")), "") << id;
    hold(g, id, 1);
  }
  EXPECT_NE(why_refused(g, batch_piece(99, "x")), "");
  auto receipt = batch_piece(99, "x");
  receipt.what = piece_of::receipt;
  EXPECT_EQ(why_refused(g, receipt), "") << "a receipt takes no room";
  table.settle(receipt_of(hold(g, 100, 1), ack_level::durable, 1), 0);
  table.link_up(3, gateway(), start);
  EXPECT_EQ(why_refused(3, batch_piece(1, "x")), "") << "each peer has its own window";
}

TEST_F(peer_table_test, twice_the_bytes_of_a_window_and_a_frame_are_the_most) {
  hold(g, 1, bytes_most - 10);
  EXPECT_EQ(why_refused(g, batch_piece(2, "head"), "123456"), "");
  EXPECT_NE(why_refused(g, batch_piece(3, "head"), "1234567"), "");
  EXPECT_NE(why_refused(g, batch_piece(4, "x", bytes_most + 1)), "")
    << "nor may unfinished pieces be more";
}

TEST_F(peer_table_test, a_peer_is_granted_what_it_may_send_while_the_flow_is_open) {
  const auto told = table.grant(g, {true, true});
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].flow, link_flow::work);
  EXPECT_EQ(told[0].window, window);
  EXPECT_EQ(table.find(g)->granted[0], window);
  EXPECT_EQ(table.grant(g, {false, true})[0].window, link_window{});
  EXPECT_EQ(table.find(g)->granted[0], link_window{});
  EXPECT_EQ(table.grant(w, {true, true})[0].flow, link_flow::persist);
}

TEST_F(peer_table_test, a_flow_is_open_unless_something_closes_it) {
  using enum condition;
  const auto open = [](condition c, link_flow flow) {
    node_health health;
    health.set(starting, false);
    health.set(c, true);
    return is_open(health, flow);
  };
  for (const auto c : {starting, draining, stage_away, workers_hung})
    for (const auto flow : all_flows)
      EXPECT_FALSE(open(c, flow));
  EXPECT_FALSE(open(no_persister, link_flow::work));
  EXPECT_TRUE(open(no_persister, link_flow::persist));
  for (const auto c : {journal_full, storage_failed}) {
    EXPECT_TRUE(open(c, link_flow::work)) << "another node may have room";
    EXPECT_FALSE(open(c, link_flow::persist));
  }
  for (const auto c : {sink_down, letters_down, no_worker})
    for (const auto flow : all_flows)
      EXPECT_TRUE(open(c, flow));
}

TEST_F(peer_table_test, a_peer_that_says_nothing_for_long_is_silent) {
  auto now = start;
  const auto pass = [&](std::chrono::milliseconds time) {
    now += time;
    return table.silent(now);
  };
  EXPECT_TRUE(pass(400ms).empty());
  EXPECT_TRUE(table.heard(w, now));
  EXPECT_TRUE(pass(400ms).empty());
  EXPECT_EQ(pass(200ms), std::vector<link_id>{g});
  table.link_down(g);
  EXPECT_FALSE(table.heard(g, now)) << "its link is down";
  EXPECT_TRUE(pass(399ms).empty());
  EXPECT_EQ(pass(1ms), std::vector<link_id>{w});
}

TEST_F(peer_table_test, nobody_was_silent_while_this_process_itself_was_stopped) {
  EXPECT_TRUE(table.silent(start + 1h).empty());
  EXPECT_TRUE(table.silent(start + 1h + 500ms).empty());
  EXPECT_EQ(table.silent(start + 1h + 1000ms), (std::vector<link_id>{g, w}));
}

TEST_F(peer_table_test, an_echo_is_the_peers_stamp_and_the_time_it_lay_here) {
  EXPECT_EQ(table.next_beat(g, false, start).echo_ns, 0) << "nothing to echo yet";
  table.heard_beat(g, {77, 0, false}, start);
  const auto beat = table.next_beat(g, true, start + 5ns);
  EXPECT_EQ(beat.echo_ns, 82);
  EXPECT_EQ(beat.sent_at_ns, (start + 5ns).time_since_epoch() / 1ns);
  EXPECT_TRUE(beat.draining);
  const auto news = table.heard_beat(g, {78, beat.sent_at_ns, false}, start + 5ns + 2s);
  ASSERT_TRUE(news.round_trip_seconds);
  EXPECT_DOUBLE_EQ(*news.round_trip_seconds, 2.0);
}

TEST_F(peer_table_test, no_stamp_gives_a_time_below_zero) {
  constexpr auto least = std::numeric_limits<int64_t>::min();
  constexpr auto most = std::numeric_limits<int64_t>::max();
  for (const auto sent_at : {least, int64_t{-1}, most})
    for (const auto echo : {least, int64_t{-1}, most}) {
      const auto news = table.heard_beat(g, {sent_at, echo, false}, start);
      EXPECT_GE(news.round_trip_seconds.value(), 0.0);
      table.next_beat(g, false, start + 1s);
    }
}

TEST_F(peer_table_test, a_change_of_draining_is_news_once) {
  EXPECT_TRUE(table.heard_beat(g, {1, 0, true}, start).draining_changed);
  EXPECT_FALSE(table.heard_beat(g, {2, 0, true}, start).draining_changed);
  EXPECT_TRUE(table.find(g)->card.draining);
  EXPECT_TRUE(table.heard_beat(g, {3, 0, false}, start).draining_changed);
}

namespace {

/// The same bookkeeping, told as a list: what each batch counts, and what its receipt waits for.
struct simple_model {
  struct one {
    link_id link;
    uint64_t id;
    size_t bytes;
    batch_ptr batch;
    std::vector<uint64_t> waits; ///< sequences; empty: no receipt has come
  };
  std::vector<one> all;

  link_window held(link_id link) const {
    link_window sum;
    for (const auto& b : all)
      if (b.link == link)
        sum = {sum.batches + 1, sum.bytes + b.bytes};
    return sum;
  }
  std::vector<uint64_t> without_receipt() const {
    std::vector<uint64_t> ids;
    for (const auto& b : all)
      if (b.waits.empty())
        ids.push_back(b.id);
    return ids;
  }
  /// Removes what the sink has by now.
  std::vector<uint64_t> stored(uint64_t sequence) {
    std::vector<uint64_t> ids;
    std::erase_if(all, [&](const one& b) {
      const bool due = std::any_of(b.waits.begin(), b.waits.end(),
                                   [&](uint64_t waits) { return waits <= sequence; });
      if (due)
        ids.push_back(b.id);
      return due;
    });
    return ids;
  }
};

/// The table beside the model, through random links, batches, receipts and commits.
class twin_run {
 public:
  explicit twin_run(uint64_t seed) : random_(seed) {}

  void step() {
    const auto link = 1 + below(3);
    switch (below(8)) {
    case 0:
      return below(4) == 0 ? cut(link) : table_.link_up(link, gateway(), start);
    case 1:
    case 2:
    case 3:
      return send(link);
    case 4:
    case 5:
      return answer();
    case 6:
      return commit();
    default:
      return compare();
    }
  }
  void compare() {
    EXPECT_EQ(table_.held(), model_.all.size());
    for (const auto link : table_.links())
      EXPECT_EQ(table_.find(link)->held[0], model_.held(link));
    std::vector<uint64_t> ids;
    for (const auto& one : table_.submit_again())
      ids.push_back(one.number);
    EXPECT_EQ(ids, model_.without_receipt());
  }

 private:
  uint64_t below(uint64_t n) { return random_.next() % n; }

  void cut(link_id link) {
    table_.link_down(link);
    std::erase_if(model_.all, [&](const auto& one) { return one.link == link; });
  }
  void send(link_id link) {
    if (table_.find(link) == nullptr)
      return;
    const std::string text(below(bytes_most / 3), ' ');
    const auto held = model_.held(link);
    const bool fits =
      held.batches < 2 * window.batches && held.bytes + 1 + text.size() <= bytes_most;
    const auto id = ++last_id_;
    const auto total = static_cast<uint32_t>(1 + text.size());
    const auto came = table_.heard_piece(link, batch_piece(id, "h", total), text);
    EXPECT_EQ(came.has_value(), fits);
    if (!came)
      return cut(link); // as its owner does
    EXPECT_TRUE(came->has_value()) << "it came in one piece";
    const auto batch = table_.hold(batch_of(link, id, (*came)->size())).batch;
    model_.all.push_back({link, id, (*came)->size(), batch, {}});
  }
  /// A receipt may also come twice, after a stage was away.
  void answer() {
    if (model_.all.empty())
      return;
    auto& one = model_.all[below(model_.all.size())];
    const auto ack = below(2) == 0 ? ack_level::stored : ack_level::durable;
    const auto sequence = sink_has_ + below(20);
    const auto done = table_.settle(receipt_of(one.batch, ack, sequence), sink_has_);
    const bool waits = ack == ack_level::stored && sequence > sink_has_;
    EXPECT_EQ(done.has_value(), !waits);
    if (waits)
      return one.waits.push_back(sequence);
    if (!done)
      return;
    EXPECT_EQ(done->one.number, one.id);
    std::erase_if(model_.all, [id = one.id](const auto& b) { return b.id == id; });
  }
  void commit() {
    sink_has_ += below(10);
    std::vector<uint64_t> ids;
    for (const auto& done : table_.stored(sink_has_))
      ids.push_back(done.one.number);
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(ids, model_.stored(sink_has_));
  }

  random_source random_;
  peer_table table_{both, start};
  simple_model model_;
  uint64_t last_id_ = 0;
  uint64_t sink_has_ = 0;
};

} // namespace

TEST(peer_table_property, the_table_agrees_with_a_plain_list_whatever_happens) {
  const char* given = std::getenv("WEIR_SEED");
  const uint64_t first = given ? std::strtoull(given, nullptr, 10) : 1;
  for (uint64_t seed = first; seed < first + (given ? 1 : 60); ++seed) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
    twin_run run{seed};
    for (int steps = 0; steps < 300 && !testing::Test::HasFailure(); ++steps)
      run.step();
    run.compare();
  }
}
