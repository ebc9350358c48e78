#include "tests/actors/cluster_fixture.hpp"

#include "cluster/batch_codec.hpp"
#include "cluster/link_frame.hpp"

using namespace weir;
using namespace std::chrono_literals;

namespace {

struct cluster_test : cluster_fixture {};

bool all_stored(const receipt_ptr& receipt) {
  return std::all_of(receipt->parts.begin(), receipt->parts.end(),
                     [](const auto& part) { return part.outcome == ec::none; });
}

} // namespace

TEST_F(cluster_test, a_batch_goes_to_the_worker_and_its_receipt_comes_back_to_its_owner) {
  auto& g = add_gateway("g");
  auto& w = add_worker("w");
  settle();
  EXPECT_EQ(g.health.closed(), ec::stage_away) << "no worker yet";
  net.connect(g, w);
  settle();
  EXPECT_EQ(g.health.closed(), ec::none);
  const auto sent = batch(1);
  g.submit("to_worker", sent);
  settle();
  ASSERT_EQ(w.taken.size(), 1u);
  EXPECT_EQ(*w.taken[0]->text, *sent->text);
  EXPECT_EQ(g.board.snapshot().links[0].out[0].used.batches, 1u);
  EXPECT_EQ(w.board.held, 1u);
  w.answer_all();
  settle();
  ASSERT_EQ(owner->receipts.size(), 1u);
  EXPECT_EQ(owner->receipts[0]->batch->source->id, sent->source->id);
  EXPECT_TRUE(all_stored(owner->receipts[0]));
  EXPECT_EQ(owner->receipts[0]->parts[0].accepted, 3u);
  EXPECT_EQ(g.board.snapshot().links[0].out[0].used.batches, 0u);
  EXPECT_EQ(w.board.held, 0u);
}

TEST_F(cluster_test,
       when_a_worker_is_lost_its_batches_go_to_another_and_count_as_resends) {
  auto& g = add_gateway("g");
  auto& w1 = add_worker("w1");
  auto& w2 = add_worker("w2");
  settle();
  const auto link = net.connect(g, w1);
  settle();
  for (uint64_t id = 1; id <= 5; ++id)
    g.submit("to_worker", batch(id));
  settle();
  EXPECT_EQ(w1.taken.size(), 5u);
  net.connect(g, w2);
  net.cut(link, "gone");
  settle();
  EXPECT_EQ(w2.taken.size(), 5u);
  EXPECT_EQ(g.board.snapshot().links[0].resends, 5u);
  EXPECT_EQ(w1.board.held, 0u) << "the lost one forgets them too";
  w1.answer_all(); // late: nobody hears it
  settle();
  EXPECT_TRUE(owner->receipts.empty());
  w2.answer_all();
  settle();
  EXPECT_EQ(owner->receipts.size(), 5u);
}

// A peer would end the link, and the batch would come back and go out again for ever.
TEST_F(cluster_test, a_batch_that_has_become_larger_than_a_peer_takes_is_refused) {
  auto [g, w, link] = linked();
  auto sent = batch(1, ack_level::accepted);
  auto grown = std::make_shared<std::string>(200'000, 'x');
  grown->reserve(grown->size() + text_padding);
  sent->text = grown;
  sent->records[0].offset = 0;
  sent->records[0].size = static_cast<uint32_t>(grown->size());
  g.submit("to_worker", sent);
  settle();
  EXPECT_TRUE(w.taken.empty());
  ASSERT_EQ(owner->receipts.size(), 1u);
  EXPECT_EQ(owner->receipts[0]->parts[0].outcome, ec::body_too_large);
  EXPECT_TRUE(net.links[link].up);
}

TEST_F(cluster_test, a_peer_without_a_word_for_the_silence_limit_is_down) {
  auto [g, w, link] = linked();
  pass(5s);
  EXPECT_TRUE(net.links[link].up) << "heartbeats keep it";
  caf::anon_send_exit(caf::actor_cast<caf::actor>(w.running["links"]),
                      caf::exit_reason::kill); // says nothing more
  settle();
  pass(900ms);
  EXPECT_TRUE(net.links[link].up);
  pass(400ms);
  EXPECT_FALSE(net.links[link].up);
  EXPECT_EQ(g.health.closed(), ec::stage_away);
}

TEST_F(cluster_test, a_node_that_was_stopped_itself_blames_no_peer) {
  auto [g, w, link] = linked();
  sched.advance_time(30s); // nobody runs meanwhile
  settle();
  EXPECT_TRUE(net.links[link].up);
}

TEST_F(cluster_test, a_paused_worker_never_holds_more_than_its_window) {
  auto [g, w, first] = linked();
  for (uint64_t id = 1; id <= 500; ++id)
    g.submit("to_worker", batch(id));
  settle();
  EXPECT_EQ(w.taken.size(), links_config{}.window.batches);
  const auto link = g.board.snapshot().links[0];
  EXPECT_EQ(link.out[0].used.batches, link.out[0].window.batches);
  w.answer_all();
  settle();
  EXPECT_EQ(w.taken.size(), links_config{}.window.batches) << "as much again";
}

TEST_F(cluster_test, for_ack_stored_the_receipt_waits_until_the_sink_has_committed) {
  auto& w = add("w", {false, true, false});
  w.start_links();
  w.start_dispatch(link_flow::persist);
  auto& p = add_persister("p");
  settle();
  net.connect(w, p);
  settle();
  w.submit("to_persister", batch(1, ack_level::stored));
  w.submit("to_persister", batch(2, ack_level::durable));
  settle();
  ASSERT_EQ(p.taken.size(), 2u);
  p.answer_all(17);
  settle();
  EXPECT_EQ(owner->receipts.size(), 1u) << "durable is enough for the second";
  p.origin->stored(16);
  settle();
  EXPECT_EQ(owner->receipts.size(), 1u);
  p.origin->stored(17);
  settle();
  ASSERT_EQ(owner->receipts.size(), 2u);
  EXPECT_EQ(owner->receipts[1]->parts[0].last_sequence, 0u)
    << "the number means nothing at another node";
}

TEST_F(cluster_test, after_the_links_restart_a_repeat_with_ack_stored_has_its_receipt) {
  auto& w = add("w", {false, true, false});
  w.start_links();
  w.start_dispatch(link_flow::persist);
  auto& p = add_persister("p");
  settle();
  p.origin->stored(50);
  p.start_links(); // a second one plays the role: as after a crash
  settle();
  net.connect(w, p);
  settle();
  for (uint64_t id = 1; id <= 2; ++id)
    w.submit("to_persister", batch(id, ack_level::stored));
  settle();
  ASSERT_EQ(p.taken.size(), 2u);
  cluster_node::answer(p.taken[0], ec::none, 50); // known: no commit follows from it
  cluster_node::answer(p.taken[1], ec::none, 51);
  settle();
  EXPECT_EQ(owner->receipts.size(), 1u) << "what was stored before it started is stored";
  p.origin->stored(51);
  settle();
  EXPECT_EQ(owner->receipts.size(), 2u);
}

TEST_F(cluster_test,
       a_draining_worker_closes_its_window_and_refused_batches_go_elsewhere) {
  auto& g = add_gateway("g");
  auto& w1 = add_worker("w1");
  auto& w2 = add_worker("w2");
  settle();
  net.connect(g, w1);
  settle();
  g.submit("to_worker", batch(1));
  settle();
  ASSERT_EQ(w1.taken.size(), 1u);
  net.connect(g, w2);
  w1.health.set(condition::draining, true);
  pass(2 * links_config{}.heartbeat);
  EXPECT_TRUE(w1.board.drain_announced);
  for (uint64_t id = 2; id <= 9; ++id)
    g.submit("to_worker", batch(id));
  settle();
  EXPECT_EQ(w1.taken.size(), 1u);
  EXPECT_EQ(w2.taken.size(), 8u);
  cluster_node::answer(w1.taken[0], ec::draining); // it was not done any more
  settle();
  EXPECT_TRUE(owner->receipts.empty()) << "no client hears of it";
  EXPECT_EQ(w2.taken.size(), 9u);
}

TEST_F(cluster_test, a_worker_without_a_persister_takes_nothing_and_the_gateway_closes) {
  auto& g = add_gateway("g");
  auto& w = add_worker("w");
  w.start_dispatch(link_flow::persist);
  auto& p = add_persister("p");
  settle();
  net.connect(g, w);
  const auto link = net.connect(w, p);
  settle();
  pass(300ms);
  EXPECT_EQ(g.health.closed(), ec::none);
  net.cut(link, "gone");
  settle();
  pass(300ms);
  EXPECT_EQ(g.health.closed(), ec::stage_away);
  net.connect(w, p);
  settle();
  pass(300ms);
  EXPECT_EQ(g.health.closed(), ec::none);
}

TEST_F(cluster_test, a_draining_worker_without_a_persister_gives_back_what_it_has) {
  auto& g = add_gateway("g");
  auto& w1 = add("w1", {false, true, false});
  w1.start_links();
  w1.start_dispatch(link_flow::persist);
  w1.passes_on();
  auto& p = add_persister("p");
  settle();
  net.connect(g, w1);
  const auto link = net.connect(w1, p);
  pass(300ms);
  g.submit("to_worker", batch(1));
  settle();
  ASSERT_EQ(p.taken.size(), 1u);
  net.cut(link, "gone");
  auto& w2 = add_worker("w2");
  settle();
  net.connect(g, w2);
  pass(500ms);
  EXPECT_EQ(w1.board.held, 1u) << "a persister may come back";
  w1.health.set(condition::draining, true);
  pass(500ms);
  EXPECT_EQ(w1.board.held, 0u);
  EXPECT_EQ(w2.taken.size(), 1u);
  EXPECT_TRUE(owner->receipts.empty());
}

TEST_F(cluster_test, a_full_journal_gives_no_window_but_keeps_what_it_has) {
  auto& w = add("w", {false, true, false});
  w.start_links();
  w.start_dispatch(link_flow::persist);
  auto& p = add_persister("p");
  settle();
  net.connect(w, p);
  p.health.set(condition::journal_full, true);
  pass(300ms);
  EXPECT_TRUE(w.health.is(condition::no_persister));
  w.submit("to_persister", batch(1));
  settle();
  EXPECT_TRUE(p.taken.empty());
  p.health.set(condition::journal_full, false);
  pass(300ms);
  EXPECT_EQ(p.taken.size(), 1u);
}

TEST_F(cluster_test, when_a_stage_of_a_worker_comes_back_it_gets_what_peers_sent_again) {
  auto [g, w, link] = linked();
  g.submit("to_worker", batch(1));
  settle();
  w.taken.clear(); // the stage died with it
  w.origin->resubmit();
  settle();
  ASSERT_EQ(w.taken.size(), 1u);
  w.answer_all();
  settle();
  EXPECT_EQ(owner->receipts.size(), 1u);
}

TEST_F(cluster_test, what_waits_for_the_sink_alone_is_handed_in_once) {
  auto& w = add("w", {false, true, false});
  w.start_links();
  w.start_dispatch(link_flow::persist);
  auto& p = add_persister("p");
  settle();
  net.connect(w, p);
  settle();
  w.submit("to_persister", batch(1, ack_level::stored));
  w.submit("to_persister", batch(2, ack_level::stored));
  settle();
  ASSERT_EQ(p.taken.size(), 2u);
  cluster_node::answer(p.taken[0], ec::none, 17);
  settle();
  p.taken.clear(); // the stage died with the second one
  p.origin->resubmit();
  settle();
  EXPECT_EQ(p.taken.size(), 1u) << "the first one is through, and waits for the sink";
}

TEST_F(cluster_test, the_own_stage_takes_nothing_while_the_node_is_closed_for_it) {
  auto& g = add("g", {true, true, false});
  g.start_stage("validate");
  g.start_links();
  g.start_dispatch(link_flow::work, "validate", {condition::journal_full});
  settle();
  g.submit("to_worker", batch(1));
  settle();
  ASSERT_EQ(g.taken.size(), 1u);
  g.health.set(condition::journal_full, true);
  g.submit("to_worker", batch(2));
  settle();
  EXPECT_EQ(g.taken.size(), 1u);
  g.health.set(condition::journal_full, false);
  g.submit("to_worker", batch(3));
  settle();
  EXPECT_EQ(g.taken.size(), 3u);
}

TEST_F(cluster_test, a_peer_that_refuses_gets_no_more_until_it_grants_again) {
  auto [g, w, link] = linked();
  g.submit("to_worker", batch(1));
  settle();
  ASSERT_EQ(w.taken.size(), 1u);
  cluster_node::answer(std::exchange(w.taken, {})[0], ec::saturated);
  settle();
  EXPECT_TRUE(w.taken.empty()) << "it has just said that it can't";
  EXPECT_TRUE(owner->receipts.empty());
}

TEST_F(cluster_test,
       when_one_of_two_copies_is_refused_a_worker_says_that_it_is_in_doubt) {
  auto [g, w, link] = linked();
  const auto sent = batch(1);
  g.submit("to_worker", sent);
  settle();
  w.origin->resubmit();
  settle();
  ASSERT_EQ(w.taken.size(), 2u);
  cluster_node::answer(std::exchange(w.taken, {}).back(), ec::journal_full);
  settle();
  EXPECT_TRUE(owner->receipts.empty());
  EXPECT_TRUE(sent->source->copied.is_set()) << "the other copy may be stored";
  pass(300ms);
  ASSERT_EQ(w.taken.size(), 1u) << "it is sent again";
  w.answer_all();
  settle();
  EXPECT_EQ(owner->receipts.size(), 1u);
}

TEST_F(cluster_test, a_refusal_of_the_only_copy_leaves_no_doubt) {
  auto [g, w, link] = linked();
  const auto sent = batch(1);
  g.submit("to_worker", sent);
  settle();
  cluster_node::answer(std::exchange(w.taken, {}).back(), ec::journal_full);
  pass(300ms);
  EXPECT_FALSE(sent->source->copied.is_set());
  EXPECT_EQ(w.taken.size(), 1u) << "it is sent again";
}

TEST_F(cluster_test, a_worker_in_doubt_past_the_deadline_is_the_last_that_was_asked) {
  auto [g, w, link] = linked();
  g.submit("to_worker", batch(1));
  pass(31s);
  cluster_node::answer(std::exchange(w.taken, {}).back(), ec::deadline_exceeded);
  settle();
  ASSERT_EQ(owner->receipts.size(), 1u);
  EXPECT_EQ(owner->receipts[0]->parts[0].outcome, ec::deadline_exceeded);
  pass(1s);
  EXPECT_TRUE(w.taken.empty());
}

TEST_F(cluster_test, a_stream_the_worker_does_not_know_is_refused_with_the_reason) {
  auto [g, w, link] = linked();
  auto sent = batch(1);
  auto source = std::make_shared<envelope>(*sent->source);
  source->stream = "nobody";
  sent->source = source;
  sent->text = std::shared_ptr<const std::string>(source, &source->bytes);
  g.submit("to_worker", sent);
  settle();
  EXPECT_TRUE(w.taken.empty());
  ASSERT_EQ(owner->receipts.size(), 1u);
  EXPECT_EQ(owner->receipts[0]->parts[0].outcome, ec::unknown_stream);
  EXPECT_EQ(owner->receipts[0]->parts[0].detail,
            "the stream nobody is not configured on w");
}

TEST_F(cluster_test,
       when_the_links_are_restarted_everything_is_sent_again_over_new_links) {
  auto [g, w, link] = linked();
  g.submit("to_worker", batch(1));
  settle();
  EXPECT_EQ(w.taken.size(), 1u);
  w.start_links(); // a second one plays the role: as after a crash
  settle();
  EXPECT_FALSE(net.links[link].up);
  net.connect(g, w);
  settle();
  EXPECT_EQ(w.taken.size(), 2u) << "the same batch again; its key makes that harmless";
  w.answer_all();
  settle();
  EXPECT_EQ(owner->receipts.size(), 1u);
}

TEST_F(cluster_test, stopped_for_the_crash_of_a_sibling_they_wait_for_nothing) {
  auto [g, w, link] = linked();
  g.submit("to_worker", batch(1));
  settle();
  const auto ended = [this](const caf::strong_actor_ptr& actor) {
    caf::anon_send(caf::actor_cast<caf::actor>(actor), drain_atom_v);
    settle();
    return actor->get()->getf(caf::abstract_actor::is_terminated_flag);
  };
  EXPECT_TRUE(ended(g.running["to_worker"]));
  EXPECT_TRUE(ended(w.running["links"]));
}

TEST_F(cluster_test, when_the_node_ends_they_wait_for_what_is_on_its_way) {
  auto [g, w, link] = linked();
  g.submit("to_worker", batch(1));
  settle();
  for (auto* node : {&g, &w})
    node->health.set(condition::draining, true);
  const std::vector<caf::strong_actor_ptr> actors{g.running["to_worker"],
                                                  w.running["links"]};
  for (const auto& actor : actors)
    caf::anon_send(caf::actor_cast<caf::actor>(actor), drain_atom_v);
  settle();
  for (const auto& actor : actors)
    EXPECT_FALSE(actor->get()->getf(caf::abstract_actor::is_terminated_flag));
  w.answer_all();
  settle();
  for (const auto& actor : actors)
    EXPECT_TRUE(actor->get()->getf(caf::abstract_actor::is_terminated_flag));
  EXPECT_EQ(owner->receipts.size(), 1u);
}

TEST_F(cluster_test, members_are_passed_on_and_the_unknown_dialed) {
  auto& a = add_gateway("a");
  auto& b = add_worker("b");
  auto& c = add_persister("c");
  settle();
  net.connect(b, c);
  settle();
  net.connect(a, b);
  settle();
  EXPECT_EQ(a.learned, std::vector<std::string>{"c:1"});
  pass(2s);
  EXPECT_EQ(a.learned.size(), 1u) << "told once";
  EXPECT_EQ(b.board.snapshot().members.size(), 3u);
}

TEST_F(cluster_test, a_batch_nobody_takes_is_answered_at_its_deadline) {
  auto& g = add_gateway("g");
  settle();
  g.submit("to_worker", batch(1));
  pass(29s);
  EXPECT_TRUE(owner->receipts.empty());
  pass(2s);
  ASSERT_EQ(owner->receipts.size(), 1u);
  EXPECT_EQ(owner->receipts[0]->parts[0].outcome, ec::deadline_exceeded);
}

TEST_F(cluster_test, under_random_cuts_and_delays_every_batch_has_its_receipt_once) {
  const char* given = std::getenv("WEIR_SEED");
  const auto seed = given ? std::strtoull(given, nullptr, 10) : 20241125;
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  random_source random{seed};
  auto& g = add_gateway("g");
  std::vector<cluster_node*> workers{&add_worker("w1"), &add_worker("w2")};
  settle();
  uint64_t sent = 0;
  for (int step = 0; step < 2000; ++step) {
    const auto pick = random.next() % 10;
    auto& worker = *workers[random.next() % 2];
    if (pick < 4 && sent < 300) {
      g.submit("to_worker", batch(++sent));
    } else if (pick < 7) {
      worker.answer_all();
    } else if (pick == 7) {
      const auto up = std::find_if(net.links.begin(), net.links.end(), [&](auto& entry) {
        return entry.second.up && entry.second.ends[1] == &worker;
      });
      if (up == net.links.end())
        net.connect(g, worker);
      else if (random.next() % 2 == 0)
        net.cut(up->first, "cut");
    } else if (!net.mail.empty()) { // one frame, not the oldest
      const auto at = random.next() % net.mail.size();
      auto letter = net.mail[at];
      net.mail.erase(net.mail.begin() + static_cast<std::ptrdiff_t>(at));
      letter.arrive();
    }
    sched.run();
  }
  for (auto& [id, link] : net.links)
    net.cut(id, "end");
  for (auto* worker : workers)
    net.connect(g, *worker);
  for (int i = 0; i < 40; ++i) {
    settle();
    for (auto* worker : workers)
      worker->answer_all();
  }
  settle();
  std::map<uint64_t, int> count;
  for (const auto& receipt : owner->receipts)
    ++count[receipt->batch->source->id];
  EXPECT_EQ(count.size(), sent);
  for (const auto& [id, receipts] : count)
    EXPECT_EQ(receipts, 1) << id;
}
