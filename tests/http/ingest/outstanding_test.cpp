#include "http/ingest/outstanding.hpp"

#include "base/clock.hpp"
#include "proto/health.hpp"
#include "proto/ports.hpp"
#include "proto/telemetry.hpp"
#include "records/catalog.hpp"

#include <gtest/gtest.h>

using namespace weir;
using namespace std::chrono_literals;

namespace {

struct manual_clock final : clock_source {
  std::chrono::steady_clock::time_point at{1h};
  std::chrono::steady_clock::time_point now() const noexcept override { return at; }
  int64_t unix_us() const noexcept override { return 1'700'000'000'000'000; }
};

struct kept_batches final : pipeline_port {
  std::vector<batch_ptr> batches;
  bool away = false;
  bool submit(batch_ptr batch) noexcept override {
    if (!away)
      batches.push_back(std::move(batch));
    return !away;
  }
  void attach(std::weak_ptr<receipt_port>) override {}
};

struct counting_owner final : request_owner {
  int calls = 0;
  void progressed() override { ++calls; }
};

struct outstanding_test : ::testing::Test {
  manual_clock clock;
  kept_batches pipeline;
  telemetry metrics;
  record_metrics counts{metrics};
  node_health health;
  catalog_holder streams{
    std::make_shared<catalog>(std::map<std::string, stream_spec, std::less<>>{})};
  admission gate{{.bytes_max = 1000, .batches_max = 10, .waiters_max = 1}};
  outstanding sent{
    {pipeline, streams, metrics, health, clock}, gate, {30s, 300s, {}, nullptr}};
  counting_owner owner;

  std::shared_ptr<ingest_request> send(uint32_t records,
                                       ack_level ack = ack_level::durable) {
    auto request = std::make_shared<ingest_request>(&owner, ack);
    send_chunk(request, 0, records);
    return request;
  }
  void send_chunk(const std::shared_ptr<ingest_request>& request, uint32_t chunk,
                  uint32_t records) {
    submission s;
    s.arrived = std::make_shared<envelope>();
    s.arrived->parts.emplace_back().records = records;
    s.records.resize(records);
    s.owners.push_back({request, chunk});
    s.charged = {100, 1};
    EXPECT_EQ(
      gate.enter(s.charged, priority::normal, admission_policy::reject, [] {}).what,
      admission::verdict::granted);
    request->add_chunk(records, {});
    sent.submit(std::move(s));
  }
  batch_receipt receipt(size_t index, part_receipt part) {
    batch_receipt r;
    r.batch = pipeline.batches[index];
    r.parts.push_back(part);
    return r;
  }
  uint64_t sum() const {
    return counts.accepted + counts.duplicate + counts.all_rejected() + counts.dropped
           + counts.failed + static_cast<uint64_t>(counts.in_flight.load());
  }
};

} // namespace

TEST_F(outstanding_test, the_time_in_an_open_batch_counts_in_what_delay_max_lets_in) {
  admission slow{
    {.bytes_max = 1000, .batches_max = 64, .waiters_max = 0, .delay_max = 1s}};
  outstanding its{
    {pipeline, streams, metrics, health, clock}, slow, {30s, 300s, {}, nullptr}};
  submission s;
  s.arrived = std::make_shared<envelope>();
  s.charged = {100, 10};
  s.by = gathered::large;
  s.begun = clock.at;
  (void)slow.enter(s.charged, priority::normal, admission_policy::reject, [] {});
  clock.at += 2s;
  its.submit(std::move(s));
  EXPECT_EQ(its.receive(receipt(0, {})), outstanding::fate::settled);
  EXPECT_EQ(slow.credit(), 8u) << "5 a second, and the least: not all 64";
}

/// Else one record that hangs its worker holds up everybody's small requests.
TEST_F(outstanding_test, a_slow_batch_of_small_requests_makes_room_and_takes_credit) {
  outstanding its{
    {pipeline, streams, metrics, health, clock}, gate, {30s, 300s, {}, nullptr, 100ms}};
  submission s;
  s.arrived = std::make_shared<envelope>();
  s.arrived->parts.emplace_back();
  s.owners.push_back({std::make_shared<ingest_request>(&owner, ack_level::durable), 0});
  s.by = gathered::small;
  its.submit(std::move(s));
  clock.at += 99ms;
  EXPECT_TRUE(its.expire(clock.at).empty());
  clock.at += 1ms;
  EXPECT_EQ(its.expire(clock.at), std::vector{gathered::small});
  EXPECT_EQ(gate.used().batches, 1u);
  EXPECT_TRUE(its.expire(clock.at).empty()) << "once";
  EXPECT_EQ(its.ends(receipt(0, {})), gathered::no);
  EXPECT_EQ(its.receive(receipt(0, {})), outstanding::fate::settled);
  EXPECT_EQ(gate.used().batches, 0u);
}

TEST_F(outstanding_test, a_slow_batch_holds_up_others_while_there_is_no_credit) {
  admission full{{.bytes_max = 1000, .batches_max = 1, .waiters_max = 0}};
  outstanding its{
    {pipeline, streams, metrics, health, clock}, full, {30s, 300s, {}, nullptr, 100ms}};
  submission s;
  s.arrived = std::make_shared<envelope>();
  s.by = gathered::small;
  its.submit(std::move(s));
  const claim last{0, 1};
  (void)full.enter(last, priority::normal, admission_policy::reject, [] {});
  clock.at += 1s;
  EXPECT_TRUE(its.expire(clock.at).empty());
  full.release(last, clock.at);
  EXPECT_EQ(its.expire(clock.at), std::vector{gathered::small});
}

TEST_F(outstanding_test, every_record_is_counted_once_whatever_becomes_of_it) {
  for (uint32_t i = 0; i < 4; ++i)
    send(10);
  EXPECT_EQ(counts.in_flight.load(), 40);
  part_receipt mixed;
  mixed.accepted = 6;
  mixed.rejected = 1;
  mixed.quarantined = 1;
  mixed.dropped = 2;
  auto first = receipt(0, mixed);
  auto judged = std::make_shared<record_batch>(*first.batch);
  judged->rejections.push_back({0, 3, 3, reject::ragged_row, "", "", ""});
  judged->rejections.push_back({0, 4, 4, reject::quarantined, "", "", ""});
  first.batch = judged;
  sent.receive(first);
  part_receipt again;
  again.duplicate = true;
  again.accepted = 10;
  sent.receive(receipt(1, again));
  part_receipt failed;
  failed.outcome = ec::storage_failed;
  sent.receive(receipt(2, failed));
  EXPECT_EQ(counts.accepted, 6u);
  EXPECT_EQ(counts.dropped, 2u);
  EXPECT_EQ(counts.duplicate, 10u);
  EXPECT_EQ(counts.failed, 10u);
  EXPECT_EQ(*counts.rejected[static_cast<size_t>(reject::quarantined)], 1u);
  EXPECT_EQ(counts.in_flight.load(), 10);
  EXPECT_EQ(counts.received, sum());
  EXPECT_EQ(gate.used().bytes, 100u);
}

TEST_F(outstanding_test, a_receipt_that_does_not_add_up_still_leaves_the_books_balanced) {
  send(10);
  part_receipt wrong;
  wrong.accepted = 3;
  wrong.dropped = 50;
  sent.receive(receipt(0, wrong));
  EXPECT_EQ(counts.received, sum());
  EXPECT_EQ(counts.in_flight.load(), 0);
}

TEST_F(outstanding_test, a_batch_is_waited_for_as_long_as_a_request_may_take) {
  send(1);
  EXPECT_EQ(pipeline.batches[0]->source->deadline, clock.at + 30s);
}

TEST_F(outstanding_test, a_body_of_which_another_is_stored_is_not_in_flight_any_more) {
  const auto request = send(2);
  part_receipt other;
  other.outcome = ec::key_reused;
  other.known.records = 1;
  other.known.accepted = 1;
  other.known.fingerprint = 0x0123456789abcdef;
  sent.receive(receipt(0, other));
  ASSERT_TRUE(request->failure());
  EXPECT_EQ(request->failure()->code, ec::key_reused);
  EXPECT_EQ(counts.in_flight.load(), 0);
  EXPECT_EQ(counts.failed, 2u);
  EXPECT_EQ(counts.received, sum());
}

TEST_F(outstanding_test, a_receipt_without_a_part_fails_that_request) {
  const auto request = send(2);
  batch_receipt empty;
  empty.batch = pipeline.batches[0];
  sent.receive(empty);
  ASSERT_TRUE(request->failure().has_value());
  EXPECT_EQ(request->failure()->code, ec::crashed);
  EXPECT_EQ(counts.failed, 2u);
}

TEST_F(outstanding_test, the_second_receipt_of_a_batch_changes_nothing) {
  send(1);
  part_receipt stored;
  stored.accepted = 1;
  EXPECT_EQ(sent.receive(receipt(0, stored)), outstanding::fate::settled);
  const int calls = owner.calls;
  EXPECT_EQ(sent.receive(receipt(0, stored)), outstanding::fate::unknown);
  EXPECT_EQ(counts.accepted, 1u);
  EXPECT_EQ(owner.calls, calls);
}

TEST_F(outstanding_test,
       a_batch_that_is_refused_gives_its_claim_back_and_was_never_received) {
  pipeline.away = true;
  const auto request = send(5);
  EXPECT_EQ(request->failure()->code, ec::stage_away);
  EXPECT_EQ(counts.received, 0u);
  EXPECT_EQ(gate.used().bytes, 0u);
  EXPECT_EQ(sent.size(), 0u);
}

TEST_F(outstanding_test,
       a_stage_that_comes_back_gets_every_batch_without_a_receipt_again) {
  send(1);
  send(1);
  sent.receive(receipt(0, {}));
  sent.resubmit();
  ASSERT_EQ(pipeline.batches.size(), 3u);
  EXPECT_EQ(pipeline.batches[2], pipeline.batches[1]);
  EXPECT_EQ(counts.received, 2u);
}

TEST_F(outstanding_test, when_one_of_two_copies_is_refused_the_other_may_be_stored) {
  const auto request = send(2);
  sent.resubmit();
  for (const auto code : {ec::saturated, ec::storage_failed, ec::journal_full}) {
    part_receipt refused;
    refused.outcome = code;
    EXPECT_EQ(sent.receive(receipt(0, refused)), outstanding::fate::unknown);
    EXPECT_FALSE(request->failure());
    const auto copies = pipeline.batches.size();
    sent.expire(clock.now());
    sent.expire(clock.now());
    EXPECT_EQ(pipeline.batches.size(), copies + 1) << "once a refusal";
  }
  part_receipt stored;
  stored.accepted = 2;
  EXPECT_EQ(sent.receive(receipt(1, stored)), outstanding::fate::settled);
  EXPECT_FALSE(request->failure());
  EXPECT_EQ(counts.received, sum());
}

TEST_F(outstanding_test, what_a_lost_link_took_along_is_not_refused_by_the_own_journal) {
  const auto request = send(2);
  pipeline.batches[0]->source->copied.set();
  part_receipt refused;
  refused.outcome = ec::journal_full;
  EXPECT_EQ(sent.receive(receipt(0, refused)), outstanding::fate::unknown);
  EXPECT_FALSE(request->failure());
}

TEST_F(outstanding_test, when_the_node_drains_the_fate_of_a_copied_batch_is_not_known) {
  part_receipt draining;
  draining.outcome = ec::draining;
  const auto once = send(1);
  sent.receive(receipt(0, draining));
  EXPECT_EQ(once->failure()->code, ec::draining);
  const auto twice = send(1);
  sent.resubmit();
  sent.receive(receipt(1, draining));
  EXPECT_EQ(twice->failure()->code, ec::deadline_exceeded);
}

TEST_F(outstanding_test,
       a_batch_that_is_never_answered_is_given_up_and_its_claim_comes_back) {
  const auto request = send(3);
  clock.at += 299s;
  sent.expire(clock.now());
  EXPECT_EQ(sent.size(), 1u);
  clock.at += 1s;
  sent.expire(clock.now());
  EXPECT_EQ(sent.size(), 0u);
  EXPECT_EQ(request->failure()->code, ec::deadline_exceeded);
  EXPECT_EQ(gate.used().bytes, 0u);
  EXPECT_EQ(counts.received, sum());
}

TEST_F(outstanding_test, what_the_sink_has_of_a_streamed_body_says_nothing_of_its_rest) {
  const auto request = send(1, ack_level::stored);
  part_receipt stored;
  stored.accepted = 1;
  stored.last_sequence = 7;
  sent.receive(receipt(0, stored));
  sent.stored(7);
  EXPECT_TRUE(request->in_sink());
  send_chunk(request, 1, 1);
  stored.last_sequence = 8;
  sent.receive(receipt(1, stored));
  EXPECT_FALSE(request->in_sink());
  sent.stored(8);
  EXPECT_TRUE(request->in_sink());
}

TEST_F(outstanding_test,
       a_request_that_waits_for_the_sink_hears_when_its_last_record_is_in) {
  const auto request = send(1, ack_level::stored);
  part_receipt stored;
  stored.accepted = 1;
  stored.last_sequence = 7;
  sent.receive(receipt(0, stored));
  sent.stored(6);
  EXPECT_FALSE(request->in_sink());
  sent.stored(7);
  EXPECT_TRUE(request->in_sink());
}

TEST_F(outstanding_test,
       who_waits_for_the_sink_leaves_the_list_when_its_client_has_gone) {
  part_receipt repeated;
  repeated.accepted = 1;
  repeated.duplicate = true;
  repeated.last_sequence = 7; // the sink is away and never gets there
  for (size_t i = 0; i < 1'000; ++i) {
    const auto request = send(1, ack_level::stored);
    sent.receive(receipt(i, repeated));
    EXPECT_EQ(sent.awaiting_sink(), 1u);
    request->abandon(); // it was answered, or its client closed
    ASSERT_EQ(sent.awaiting_sink(), 0u);
  }
}

TEST_F(outstanding_test, who_has_gone_before_the_receipt_never_waits_for_the_sink) {
  const auto request = send(1, ack_level::stored);
  request->abandon();
  part_receipt stored;
  stored.accepted = 1;
  stored.last_sequence = 7;
  sent.receive(receipt(0, stored));
  EXPECT_EQ(sent.awaiting_sink(), 0u);
}

TEST_F(outstanding_test, a_request_of_many_batches_waits_for_the_sink_once) {
  const auto request = send(1, ack_level::stored);
  part_receipt stored;
  stored.accepted = 1;
  for (uint32_t chunk = 1; chunk < 10; ++chunk) {
    stored.last_sequence = chunk;
    sent.receive(receipt(chunk - 1, stored));
    EXPECT_EQ(sent.awaiting_sink(), 1u);
    send_chunk(request, chunk, 1);
  }
  stored.last_sequence = 10;
  sent.receive(receipt(9, stored));
  sent.stored(9);
  EXPECT_EQ(sent.awaiting_sink(), 1u);
  EXPECT_FALSE(request->in_sink());
  sent.stored(10);
  EXPECT_EQ(sent.awaiting_sink(), 0u);
  EXPECT_TRUE(request->in_sink());
}

TEST_F(outstanding_test, a_request_may_outlive_those_it_waited_with) {
  auto request = std::make_shared<ingest_request>(&owner, ack_level::stored);
  {
    sink_waiters list;
    request->await_sink(list.wait(7, request));
    EXPECT_EQ(list.next(6), nullptr);
    EXPECT_EQ(list.size(), 1u);
  }
  request.reset();
}
