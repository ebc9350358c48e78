// Limits, refusals, slow and vanishing clients, shutdown: what breaks and what survives.
#include "tests/http/ingest/ingest_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>

using namespace weir;
using namespace std::chrono_literals;

namespace {

size_t open_descriptors() {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"})
    count += !entry.path().empty();
  return count;
}

std::string big_lines(size_t bytes) {
  std::string body;
  body.reserve(bytes + 300);
  while (body.size() < bytes)
    body.append(261, 'x').append("\n");
  return body;
}

} // namespace

TEST_F(ingest_test, a_full_budget_refuses_with_retry_after_and_reopens) {
  streams["web"].settings.admission = admission_policy::reject;
  config.batch_bytes = 10'000;
  config.coalesce_bytes = 1'000;
  config.budget_bytes = 70'000;
  config.batch_records = 200;
  start();
  pipeline.hold(true);
  raw_client first{server->port()};
  raw_client second{server->port()};
  first.send(post("/ingest/web", big_lines(9'000), "Content-Type: text/plain\r\n"));
  second.send(post("/ingest/web", big_lines(9'000), "Content-Type: text/plain\r\n"));
  pipeline.wait_for(2);
  raw_client third{server->port()};
  const auto refused = third.ask(post("/ingest/web", big_lines(9'000)));
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.has("Retry-After: ")) << refused.head;
  EXPECT_TRUE(refused.says("saturated"));
  pipeline.hold(false);
  EXPECT_EQ(first.read().status, 200);
  EXPECT_EQ(second.read().status, 200);
  EXPECT_EQ(third.ask(post("/ingest/web", "x")).status, 200);
}

TEST_F(ingest_test,
       a_waiting_request_goes_on_when_there_is_room_and_is_503_when_there_is_none) {
  streams["web"].settings.admission_wait = 10s;
  streams["default"].settings.admission_wait = 20ms;
  config.batch_bytes = 10'000;
  config.coalesce_bytes = 1'000;
  config.budget_bytes = 70'000;
  config.batch_records = 200;
  config.batches_max = 1;
  start();
  pipeline.hold(true);
  raw_client first{server->port()};
  first.send(post("/ingest/web", big_lines(9'000), "Content-Type: text/plain\r\n"));
  pipeline.wait_for(1);
  raw_client patient{server->port()};
  patient.send(post("/ingest/web", big_lines(9'000), "Content-Type: text/plain\r\n"));
  raw_client hasty{server->port()};
  EXPECT_EQ(hasty.ask(post("/ingest", big_lines(9'000))).status, 503);
  EXPECT_EQ(pipeline.submitted(), 1u);
  pipeline.hold(false);
  EXPECT_EQ(first.read().status, 200);
  EXPECT_EQ(patient.read().status, 200);
  EXPECT_TRUE(comes_to_rest());
  expect_balance();
}

TEST_F(ingest_test, a_client_that_goes_while_it_waits_for_admission_cancels_its_ticket) {
  streams["web"].settings.admission_wait = 60s;
  config.batch_bytes = 10'000;
  config.coalesce_bytes = 1'000;
  config.budget_bytes = 70'000;
  config.batch_records = 200;
  config.batches_max = 1;
  start();
  pipeline.hold(true);
  raw_client first{server->port()};
  first.send(post("/ingest/web", big_lines(9'000), "Content-Type: text/plain\r\n"));
  pipeline.wait_for(1);
  {
    raw_client gone{server->port()};
    gone.send("POST /ingest/web HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\nabc");
    ASSERT_TRUE(eventually([&] { return server->in_flight() == 3; }));
  }
  EXPECT_TRUE(eventually([&] { return server->in_flight() == 2; }));
  pipeline.hold(false);
  EXPECT_EQ(first.read().status, 200);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(pipeline.submitted(), 1u);
}

TEST_F(ingest_test, abandoned_requests_are_finished_and_leave_nothing_behind) {
  start();
  pipeline.hold(true);
  const auto before = open_descriptors();
  constexpr int rounds = 5;
  constexpr int each = 100;
  for (int round = 0; round < rounds; ++round) {
    std::deque<raw_client> clients;
    for (int i = 0; i < each; ++i)
      clients.emplace_back(server->port()).send(post("/ingest/web", "x"));
    ASSERT_TRUE(eventually([&] {
      return http_counts.connections_accepted.load()
               == static_cast<uint64_t>((round + 1) * each)
             && server->in_flight() >= each;
    }));
    clients.clear();
    pipeline.hold(false);
    ASSERT_TRUE(comes_to_rest());
    pipeline.hold(true);
    ASSERT_TRUE(eventually([&] { return http_counts.connections_open.load() == 0; }))
      << http_counts.connections_open.load();
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(counts.in_flight.load(), 0);
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
  expect_balance();
}

TEST_F(ingest_test, a_body_that_stalls_is_408_and_stores_nothing) {
  config.body_stall_timeout = 50ms;
  start();
  raw_client client{server->port()};
  const auto answer = client.ask(
    "POST /ingest/web HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc\n");
  EXPECT_EQ(answer.status, 408);
  EXPECT_TRUE(answer.has("Connection: close"));
  EXPECT_TRUE(client.is_closed());
  EXPECT_EQ(pipeline.submitted(), 0u);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}

TEST_F(ingest_test, a_body_below_the_minimum_rate_is_408) {
  config.body_rate_window = 50ms;
  config.body_rate_min = 1'000'000;
  start();
  raw_client client{server->port()};
  EXPECT_EQ(
    client.ask("POST /ingest/web HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc\n")
      .status,
    408);
}

TEST_F(ingest_test,
       a_head_that_does_not_end_is_408_and_an_idle_connection_is_just_closed) {
  config.head_timeout = 50ms;
  config.idle_timeout = 50ms;
  start();
  raw_client slow{server->port()};
  EXPECT_EQ(slow.ask("POST /ingest/web HTTP/1.1\r\n").status, 408);
  EXPECT_TRUE(slow.is_closed());
  raw_client idle{server->port()};
  EXPECT_TRUE(idle.is_closed());
}

TEST_F(ingest_test, one_connection_too_many_gets_503) {
  config.connections_max = 2;
  start();
  raw_client a{server->port()};
  raw_client b{server->port()};
  ASSERT_EQ(a.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
  ASSERT_EQ(b.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
  raw_client c{server->port()};
  EXPECT_EQ(c.read().status, 503);
  EXPECT_TRUE(c.is_closed());
  EXPECT_EQ(a.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
}

TEST_F(ingest_test, a_rate_is_enforced_by_429_and_comes_back_with_new_limits) {
  limits.client_records_per_second = 1;
  limits.client_burst_records = 2;
  start();
  raw_client client{server->port()};
  EXPECT_EQ(client.ask(post("/ingest/web", "a\nb\nc\nd")).status, 200)
    << "it may overdraw once";
  const auto refused = client.ask(post("/ingest/web", "a"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_TRUE(refused.has("Retry-After: 3\r\n")) << refused.head;
  server->swap_limits(std::make_shared<ingest_limits>());
  EXPECT_EQ(client.ask(post("/ingest/web", "a")).status, 200);
}

TEST_F(ingest_test, keys_are_asked_for_and_bound_to_their_streams) {
  api_key key;
  key.name = "acme";
  key.digest =
    *parse_digest("2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b");
  key.streams = {"web"};
  limits.keys = {key};
  start();
  raw_client client{server->port()};
  const auto without = client.ask(post("/ingest/web", "x"));
  EXPECT_EQ(without.status, 401);
  EXPECT_TRUE(without.has("WWW-Authenticate: Bearer"));
  EXPECT_EQ(client.ask(post("/ingest", "x", "Authorization: Bearer secret\r\n")).status,
            403);
  EXPECT_EQ(
    client.ask(post("/ingest/web", "x", "Authorization: Bearer secret\r\n")).status, 200);
  EXPECT_EQ(client.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
}

TEST_F(ingest_test, a_long_body_streams_through_in_bounded_memory) {
  config.budget_bytes = size_t{16} << 20;
  start();
  raw_client client{server->port()};
  const auto body = big_lines(size_t{50} << 20);
  const auto records = static_cast<uint64_t>(std::count(body.begin(), body.end(), '\n'));
  std::atomic<bool> done{false};
  size_t most = 0;
  std::thread watch{[&] {
    while (!done) {
      most = std::max<size_t>(most, static_cast<size_t>(budget_used()));
      std::this_thread::yield();
    }
  }};
  const auto answer =
    client.ask(post("/ingest/web", body, "Content-Type: text/plain\r\n"));
  done = true;
  watch.join();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.says("\"accepted\":" + std::to_string(records) + ","))
    << answer.body;
  EXPECT_GE(pipeline.submitted(), 50u);
  EXPECT_LE(most, config.budget_bytes);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(counts.received.load(), records);
  expect_balance();
}

TEST_F(ingest_test, a_streamed_body_has_at_most_its_window_in_flight) {
  config.batch_bytes = 10'000;
  config.coalesce_bytes = 1'000;
  start();
  pipeline.hold(true);
  raw_client client{server->port()};
  client.send(post("/ingest/web", big_lines(100'000), "Content-Type: text/plain\r\n"));
  pipeline.wait_for(4);
  // The probe of another connection runs after everything the first one could have sent
  // on.
  raw_client other{server->port()};
  EXPECT_EQ(other.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
  EXPECT_EQ(pipeline.submitted(), 4u);
  pipeline.hold(false);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_GT(pipeline.submitted(), 8u);
}

/// Streams by the batch of 10,000 bytes.
struct uploads_test : ingest_test {
  uploads_test() {
    config.batch_bytes = 10'000;
    config.coalesce_bytes = 1'000;
    config.streams_window = 16;
  }
  static std::string upload() {
    return post("/ingest/web", big_lines(400'000), "Content-Type: text/plain\r\n");
  }
  /// What was submitted once everything that may go on has; a probe runs behind it.
  size_t submitted_in_the_end(size_t expected) {
    EXPECT_TRUE(eventually([&] { return pipeline.submitted() >= expected; }));
    raw_client other{server->port()};
    EXPECT_EQ(other.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
    return pipeline.submitted();
  }
};

TEST_F(uploads_test, bodies_that_stream_at_a_time_share_the_window) {
  start();
  pipeline.hold(true);
  raw_client first{server->port()}, second{server->port()}, third{server->port()};
  first.send(upload());
  EXPECT_EQ(submitted_in_the_end(16), 16u);
  second.send(upload());
  EXPECT_EQ(submitted_in_the_end(16 + 8), 16u + 8u);
  third.send(upload());
  EXPECT_EQ(submitted_in_the_end(16 + 8 + 5), 16u + 8u + 5u);
  pipeline.hold(false);
  for (auto* client : {&first, &second, &third})
    EXPECT_EQ(client->read().status, 200);
  EXPECT_TRUE(comes_to_rest());
  pipeline.hold(true);
  const auto before = pipeline.submitted();
  first.send(upload());
  EXPECT_EQ(submitted_in_the_end(before + 16), before + 16) << "it is alone again";
  pipeline.hold(false);
  EXPECT_EQ(first.read().status, 200);
}

TEST_F(uploads_test, a_client_that_goes_away_leaves_its_share_to_others) {
  start();
  pipeline.hold(true);
  raw_client first{server->port()}, second{server->port()};
  first.send(upload().substr(0, 60'000));
  EXPECT_EQ(submitted_in_the_end(5), 5u);
  first.close();
  EXPECT_TRUE(eventually([&] { return http_counts.connections_open.load() <= 1; }));
  second.send(upload());
  EXPECT_EQ(submitted_in_the_end(5 + 16), 5u + 16u);
  pipeline.hold(false);
  EXPECT_EQ(second.read().status, 200);
}

TEST_F(uploads_test, a_streamed_body_takes_at_most_a_quarter_of_the_credit) {
  config.batches_max = 24;
  start();
  pipeline.hold(true);
  raw_client client{server->port()};
  client.send(upload());
  EXPECT_EQ(submitted_in_the_end(6), 6u);
  pipeline.hold(false);
  EXPECT_EQ(client.read().status, 200);
}

TEST_F(ingest_test,
       a_streamed_body_that_turns_out_malformed_says_how_much_of_it_is_durable) {
  config.batch_bytes = 1'000;
  config.coalesce_bytes = 1'000;
  start();
  raw_client client{server->port()};
  std::string body = "[";
  for (int i = 0; i < 1000; ++i)
    body += "{\"number\":" + std::to_string(i) + "},";
  body += "{]";
  const auto answer =
    client.ask(post("/ingest/web", body, "Content-Type: application/json\r\n"));
  EXPECT_EQ(answer.status, 400);
  const auto at = answer.body.find("\"durable_records\":");
  ASSERT_NE(at, std::string::npos) << answer.body;
  EXPECT_EQ(std::strtoull(answer.body.c_str() + at + 18, nullptr, 10),
            counts.accepted.load());
  EXPECT_GT(counts.accepted.load(), 900u);
  EXPECT_TRUE(comes_to_rest());
  expect_balance();
}

TEST_F(ingest_test,
       a_streamed_body_counts_durable_records_up_to_the_first_batch_that_failed) {
  config.batch_bytes = 10'000;
  config.coalesce_bytes = 1'000;
  start();
  pipeline.change_receipts([n = 0](batch_receipt& r) mutable {
    if (++n == 3)
      r.parts[0].outcome = ec::storage_failed;
  });
  raw_client client{server->port()};
  const auto answer =
    client.ask(post("/ingest/web", big_lines(100'000), "Content-Type: text/plain\r\n"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.has("Retry-After: "));
  EXPECT_TRUE(answer.says("\"durable_records\":76")) << answer.body; // two batches of 38
  EXPECT_TRUE(comes_to_rest());
  expect_balance();
}

TEST_F(ingest_test, while_draining_what_is_under_way_is_answered_and_the_rest_refused) {
  start();
  pipeline.hold(true);
  raw_client busy{server->port()};
  raw_client idle{server->port()};
  ASSERT_EQ(idle.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
  busy.send(post("/ingest/web", "x") + post("/ingest/web", "y"));
  pipeline.wait_for(1);
  server->stop_accepting();
  const auto late = idle.ask(post("/ingest/web", "z"));
  EXPECT_EQ(late.status, 503);
  EXPECT_TRUE(late.has("Connection: close"));
  EXPECT_GE(server->in_flight(), 2u);
  pipeline.hold(false);
  const auto answer = busy.read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.has("Connection: close"));
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(pipeline.submitted(), 1u);
}

TEST_F(ingest_test,
       who_connected_before_the_drain_is_answered_though_nobody_had_accepted) {
  config.io_threads = 1;
  start();
  raw_client first{server->port()};
  ASSERT_EQ(first.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
  std::deque<raw_client> clients;
  for (int i = 0; i < 200; ++i)
    clients.emplace_back(server->port()).send(post("/ingest/web", "x"));
  server->stop_accepting();
  for (auto& client : clients) {
    const auto status = client.read().status;
    EXPECT_TRUE(status == 200 || status == 503) << status;
  }
}

TEST_F(ingest_test, stopping_with_requests_under_way_neither_hangs_nor_crashes) {
  config.io_threads = 2;
  start();
  pipeline.hold(true);
  std::deque<raw_client> clients;
  for (int i = 0; i < 30; ++i)
    clients.emplace_back(server->port()).send(post("/ingest/web", "x"));
  pipeline.wait_for(2);
  server->stop();
  EXPECT_EQ(http_counts.connections_open.load(), 0);
  pipeline.hold(false);
}

TEST_F(ingest_test, a_small_csv_of_long_names_is_many_batches_and_claims_what_it_weighs) {
  config.batch_bytes = 10'000;
  config.coalesce_bytes = 5'000;
  config.streams_window = 1;
  start();
  pipeline.hold(true);
  std::string body = std::string(994, 'h') + '\n';
  for (int i = 0; i < 100; ++i)
    body += "1\n";
  raw_client client{server->port()};
  client.send(post("/ingest", body, "Content-Type: text/csv\r\n"));
  pipeline.wait_for(1);
  EXPECT_LE(pipeline.waiting().at(0)->records.size(), 20u);
  EXPECT_GE(budget_used(), 3 * 9'000);
  pipeline.hold(false);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_GE(pipeline.submitted(), 5u);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(budget_used(), 0);
  expect_balance();
}

TEST_F(ingest_test, a_csv_that_weighs_more_than_there_is_room_for_is_refused_whole) {
  config.batch_bytes = 100'000;
  config.coalesce_bytes = 1'000;
  config.budget_bytes = 650'000;
  start();
  pipeline.hold(true);
  raw_client first{server->port()}, other{server->port()};
  first.send(post("/ingest", big_lines(80'000), "Content-Type: text/plain\r\n"));
  other.send(post("/ingest", big_lines(80'000), "Content-Type: text/plain\r\n"));
  pipeline.wait_for(2);
  std::string body = std::string(1'994, 'h') + '\n';
  for (int i = 0; i < 95; ++i)
    body += "1\n";
  raw_client second{server->port()};
  const auto refused = second.ask(post("/ingest", body, "Content-Type: text/csv\r\n"));
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_TRUE(refused.says("saturated"));
  EXPECT_EQ(pipeline.submitted(), 2u);
  pipeline.hold(false);
  EXPECT_EQ(first.read().status, 200);
  EXPECT_EQ(other.read().status, 200);
  EXPECT_EQ(second.ask(post("/ingest", body, "Content-Type: text/csv\r\n")).status, 200);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(budget_used(), 0);
}

// A read straight into the body is under way when the request is given up: what it brings is of
// the rest that is dropped, not of the next request.
TEST_F(ingest_test,
       a_stalled_upload_that_was_answered_does_not_take_from_the_next_request) {
  config.batch_bytes = 4096;
  config.coalesce_bytes = 1024;
  config.body_stall_timeout = 100ms;
  config.request_timeout = 300ms;
  start();
  pipeline.hold(true);
  const auto request = post("/ingest", big_lines(10'000), "Content-Type: text/plain\r\n");
  const size_t missing = 200;
  raw_client client{server->port()};
  client.send(std::string_view{request}.substr(0, request.size() - missing));
  EXPECT_EQ(client.read().status, 503);
  client.send(std::string_view{request}.substr(request.size() - missing));
  std::string next = "GET /livez HTTP/1.1\r\nHost: x\r\nX-Filler: ";
  next += std::string(missing - next.size(), 'f'); // in it another request would begin
  next += "GET /readyz HTTP/1.0\r\nX-More: x\r\n\r\n";
  EXPECT_EQ(client.ask(next).body, R"({"status":"live"})");
}

TEST_F(ingest_test, who_has_sent_all_and_waits_for_admission_may_have_closed_its_side) {
  config.batch_bytes = 10'000;
  config.coalesce_bytes = 1'000;
  config.budget_bytes = 70'000;
  config.batch_records = 200;
  config.batches_max = 1;
  streams["web"].settings.admission_wait = 10s;
  start();
  pipeline.hold(true);
  const auto request =
    post("/ingest/web", big_lines(9'000), "Content-Type: text/plain\r\n");
  raw_client first{server->port()};
  first.send(request);
  pipeline.wait_for(1);
  raw_client second{server->port()};
  second.send(request);
  second.close_sending();
  ASSERT_TRUE(eventually([&] { return server->in_flight() == 3; }));
  raw_client third{
    server->port()}; // when it has its answer, the end was heard long before
  EXPECT_EQ(third.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
  pipeline.hold(false);
  EXPECT_EQ(first.read().status, 200);
  EXPECT_EQ(second.read().status, 200);
  EXPECT_TRUE(comes_to_rest());
}
