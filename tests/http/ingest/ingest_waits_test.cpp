// What a session holds while it waits, and for how long: for its turn, for a node that takes work
// again, for its receipts, for the sink, for a client that reads.
#include "tests/http/ingest/ingest_fixture.hpp"

using namespace weir;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view in_chunks =
  "POST /ingest/web HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
  "Content-Type: text/plain\r\n\r\n";

std::string chunk(std::string_view data) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return std::string{size}.append(data) + "\r\n";
}

std::string text(size_t bytes) {
  std::string body;
  while (body.size() < bytes)
    body.append(99, 'x').append("\n");
  return body;
}

struct waits_test : ingest_test {
  /// The one I/O thread has seen all that was sent to it before.
  void look_around() {
    raw_client other{server->port()};
    for (int i = 0; i < 50; ++i)
      EXPECT_EQ(other.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
  }
  /// Rejects every second record, with much to say of it.
  void reject_half() {
    pipeline.change_receipts([](batch_receipt& receipt) {
      auto& part = receipt.parts.front();
      auto batch = std::make_shared<record_batch>(*receipt.batch);
      for (uint32_t i = 0; i < part.accepted; i += 2)
        batch->rejections.push_back({0, i, i, reject::schema_violation,
                                     std::string(500, 'p'), std::string(250, 'd'), ""});
      part.rejected = static_cast<uint32_t>(batch->rejections.size());
      part.accepted -= part.rejected;
      receipt.batch = std::move(batch);
    });
  }
};

} // namespace

TEST_F(waits_test, a_long_body_waits_while_the_node_takes_no_work_and_goes_on_then) {
  for (const auto closed : {condition::stage_away, condition::journal_full}) {
    config.batch_bytes = 10'000;
    config.coalesce_bytes = 1'000;
    start();
    const auto before = pipeline.submitted();
    raw_client client{server->port()};
    client.send(std::string{in_chunks} + chunk(text(15'000)));
    pipeline.wait_for(before + 1);
    health.set(closed, true);
    for (int i = 0; i < 5; ++i)
      client.send(chunk(text(10'000)));
    look_around();
    EXPECT_LE(pipeline.submitted(), before + 2) << "one claim more was there already";
    EXPECT_FALSE(client.readable()) << "it has failed";
    health.set(closed, false);
    client.send(chunk("the end") + "0\r\n\r\n");
    const auto answer = client.read();
    EXPECT_TRUE(answer.says("\"accepted\":651,")) << answer.body;
    server.reset();
  }
}

TEST_F(waits_test, a_body_in_chunks_holds_no_more_than_it_needs_once_it_is_read) {
  start();
  pipeline.hold(true);
  raw_client client{server->port()};
  client.send(std::string{in_chunks} + chunk("one line\n") + "0\r\n\r\n");
  pipeline.wait_for(1);
  EXPECT_TRUE(eventually([&] { return budget_used() < 32 << 10; })) << budget_used();
  EXPECT_GT(budget_used(), 0);
  pipeline.hold(false);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}

TEST_F(waits_test, what_is_to_be_said_is_charged_while_the_sink_is_waited_for) {
  start();
  reject_half();
  raw_client client{server->port()};
  client.send(post("/ingest/web", text(40'000),
                   "Weir-Ack: stored\r\nContent-Type: text/plain\r\n"));
  ASSERT_TRUE(eventually([&] { return counts.accepted.load() == 200; }));
  EXPECT_TRUE(eventually([&] {
    const auto used = budget_used();
    return used > 50'000 && used < 200'000;
  }))
    << budget_used();
  pipeline.each_owner([](receipt_port& port) { port.stored(1); });
  EXPECT_TRUE(client.read().says("\"rejected\":200,"));
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}

TEST_F(waits_test, an_answer_that_its_client_does_not_read_is_charged) {
  start();
  reject_half();
  std::string lines, many;
  for (int i = 0; i < 200; ++i)
    lines += "x\n";
  for (int i = 0; i < 400; ++i) // 30 MB of answers, more than a socket takes
    many += post("/ingest/web", lines, "Content-Type: text/plain\r\n");
  {
    raw_client client{server->port()};
    ASSERT_TRUE(client.send(many));
    EXPECT_TRUE(eventually([&] { // until it goes no further
      const auto before = counts.received.load();
      look_around();
      return before > 0 && counts.received.load() == before
             && counts.in_flight.load() == 0;
    }));
    EXPECT_GT(budget_used(), 50'000);
    EXPECT_LT(counts.received.load(), 400u * 200);
  }
  EXPECT_TRUE(comes_to_rest());
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}

TEST_F(waits_test, who_goes_while_it_waits_leaves_its_place_to_others) {
  streams["web"].settings.admission_wait = 60s;
  config.batch_bytes = 10'000;
  config.coalesce_bytes = 1'000;
  config.budget_bytes = 70'000;
  config.batch_records = 200;
  config.batches_max = 1;
  config.waiters_max = 1;
  start();
  pipeline.hold(true);
  const auto large = post("/ingest/web", text(9'000), "Content-Type: text/plain\r\n");
  raw_client first{server->port()};
  first.send(large);
  pipeline.wait_for(1);
  {
    raw_client gone{server->port()};
    gone.send("POST /ingest/web HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\nabc");
    ASSERT_TRUE(eventually([&] { return server->in_flight() == 3; }));
  }
  ASSERT_TRUE(eventually([&] { return server->in_flight() == 2; }));
  raw_client second{server->port()};
  second.send(large);
  look_around();
  EXPECT_FALSE(second.readable()) << "there is one place to wait, and it is free";
  pipeline.hold(false);
  EXPECT_EQ(first.read().status, 200);
  EXPECT_EQ(second.read().status, 200);
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}
