// What a client sees of the ingest listener, over real sockets.
#include "tests/http/ingest/ingest_fixture.hpp"

using namespace weir;
using namespace std::chrono_literals;

TEST_F(ingest_test, a_stored_request_is_answered_200_with_its_counts) {
  start();
  raw_client client{server->port()};
  const auto answer = client.ask(post("/ingest/web", "{\"a\":1}\n{\"a\":2}\n",
                                      "Content-Type: application/x-ndjson\r\n"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.has("Content-Type: application/json\r\n"));
  EXPECT_TRUE(answer.has("Date: "));
  EXPECT_TRUE(answer.says(R"("accepted":2,"rejected":0,"errors":[])")) << answer.body;
  EXPECT_EQ(pipeline.texts(), (std::vector<std::string>{"{\"a\":1}", "{\"a\":2}"}));
  EXPECT_EQ(counts.received.load(), 2u);
  EXPECT_EQ(counts.accepted.load(), 2u);
  EXPECT_EQ(counts.in_flight.load(), 0);
  EXPECT_EQ(http_counts.responses[200].load(), 1u);
  EXPECT_TRUE(comes_to_rest());
  expect_balance();
}

TEST_F(ingest_test, ingest_without_a_name_is_the_default_stream) {
  start();
  pipeline.hold(true);
  raw_client client{server->port()};
  client.send(post("/ingest", "hello", "Content-Type: text/plain\r\n"));
  pipeline.wait_for(1);
  EXPECT_EQ(pipeline.waiting()[0]->source->stream, "default");
  EXPECT_EQ(pipeline.waiting()[0]->source->parts[0].client, "127.0.0.1");
  pipeline.hold(false);
  EXPECT_EQ(client.read().status, 200);
}

TEST_F(ingest_test, put_is_post_and_a_type_that_curl_made_up_is_none) {
  start();
  raw_client client{server->port()};
  const std::string form = "Content-Type: application/x-www-form-urlencoded\r\n";
  auto put = post("/ingest/web", "{\"a\":1}", form);
  put.replace(0, 4, "PUT");
  EXPECT_EQ(client.ask(put).status, 200);
  EXPECT_EQ(pipeline.texts(), (std::vector<std::string>{"{\"a\":1}"}));
  EXPECT_EQ(client.ask(post("/ingest/web", "a line of text", form)).status, 200);
  const auto refused = client.ask(post("/ingest/web", "a=1&b=2", form));
  EXPECT_EQ(refused.status, 415);
  EXPECT_TRUE(refused.says("application/x-ndjson")) << refused.body;
  EXPECT_EQ(client.ask(post("/ingest/web", "a=1&b=2")).status, 200) << "nobody said so";
  EXPECT_TRUE(comes_to_rest());
  expect_balance();
}

TEST_F(ingest_test, says_what_it_is_and_what_may_be_done_to_whoever_asks) {
  start();
  raw_client client{server->port()};
  const auto get = [](std::string_view method, std::string_view target) {
    return std::string{method}.append(" ").append(target)
           + " HTTP/1.1\r\nHost: x\r\n\r\n";
  };
  const auto root = client.ask(get("GET", "/"));
  EXPECT_EQ(root.status, 200);
  EXPECT_TRUE(root.has("Content-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_TRUE(root.says("This is weir") && root.says("/ingest")) << root.body;
  EXPECT_TRUE(client.ask(get("GET", "/healthz")).says("live"));
  EXPECT_TRUE(
    client.ask(get("OPTIONS", "*")).has("Allow: GET, HEAD, OPTIONS, POST, PUT\r\n"));
  const auto ingest = client.ask(get("OPTIONS", "/ingest/web"));
  EXPECT_EQ(ingest.status, 200);
  EXPECT_TRUE(ingest.has("Allow: OPTIONS, POST, PUT\r\n"));
  EXPECT_EQ(client.ask(get("OPTIONS", "/nothing")).status, 404);
  EXPECT_EQ(client.ask(get("DELETE", "/ingest/web")).status, 405);
  EXPECT_TRUE(client.ask(get("GET", "http://proxy.example:8080/livez")).says("live"));
}

TEST_F(ingest_test, two_of_a_field_that_comes_once_are_refused_and_store_nothing) {
  start();
  raw_client client{server->port()};
  for (const std::string field :
       {"Weir-Ack: durable", "Weir-Priority: low", "Authorization: Bearer x",
        "Idempotency-Key: k", "Content-Type: text/plain", "Content-Encoding: identity",
        "Expect: 100-continue"}) {
    const auto answer = raw_client{server->port()}.ask(
      post("/ingest/web", "x", field + "\r\n" + field + "\r\n"));
    EXPECT_EQ(answer.status, 400) << field;
    EXPECT_TRUE(answer.says(field.substr(0, field.find(':')))) << answer.body;
  }
  EXPECT_EQ(
    client.ask(post("/ingest/web", "x", "Prefer: foo=\"x, respond-async, y\"\r\n"))
      .status,
    200)
    << "a quoted string is one value";
  EXPECT_EQ(
    client.ask(post("/ingest/web", "x", "Prefer: a=\",\", respond-async\r\n")).status,
    202);
  EXPECT_TRUE(comes_to_rest());
}

TEST_F(ingest_test, keep_alive_and_pipelined_requests_are_answered_in_order) {
  start();
  raw_client client{server->port()};
  std::string all;
  for (int i = 0; i < 50; ++i)
    all += post("/ingest/web",
                std::string(static_cast<size_t>(i + 1), '\n') + "x" + std::to_string(i),
                "Content-Type: text/plain\r\n");
  all += "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(all);
  for (int i = 0; i < 50; ++i)
    ASSERT_EQ(client.read().status, 200) << i;
  EXPECT_TRUE(client.read().says("live"));
  const auto texts = pipeline.texts();
  ASSERT_EQ(texts.size(), 50u);
  for (size_t i = 0; i < 50; ++i)
    EXPECT_EQ(texts[i], "x" + std::to_string(i));
}

TEST_F(ingest_test, who_pipelines_thousands_and_reads_late_is_answered_all_the_same) {
  start();
  raw_client client{server->port()};
  std::string all;
  constexpr int count = 20'000; // more answers than the socket's buffers hold
  for (int i = 0; i < count; ++i)
    all += "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
  all += post("/ingest/web", "x", "Content-Type: text/plain\r\n");
  client.send(all);
  for (int i = 0; i < count; ++i)
    ASSERT_TRUE(client.read().says("live")) << i;
  EXPECT_EQ(client.read().status, 200);
}

TEST_F(ingest_test, a_chunked_body_is_read_and_what_follows_it_is_the_next_request) {
  start();
  raw_client client{server->port()};
  client.send("POST /ingest/web HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
              "Content-Type: text/plain\r\n\r\n3\r\nabc\r\n3\r\nde\n\r\n0\r\n\r\n"
              "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(pipeline.texts(), (std::vector<std::string>{"abcde"}));
}

TEST_F(ingest_test, a_bad_chunk_size_is_400_and_closes) {
  start();
  for (const auto* size : {"-1", "0x3", " 3", "g", "11111111111111111", ""}) {
    raw_client client{server->port()};
    const auto answer = client.ask(
      "POST /ingest/web HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      + std::string{size} + "\r\nabc\r\n0\r\n\r\n");
    EXPECT_EQ(answer.status, 400) << size;
    EXPECT_TRUE(answer.has("Connection: close")) << size;
    EXPECT_TRUE(client.is_closed()) << size;
  }
  EXPECT_EQ(pipeline.submitted(), 0u);
}

TEST_F(ingest_test, heads_that_could_smuggle_are_400_and_close) {
  start();
  const std::string bad[] = {
    "POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
    "chunked\r\n\r\nabc",
    "POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: "
    "3\r\n\r\nabc",
    "POST /ingest HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /ingest HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\nContent-Length: 3\r\n\r\nabc",
    "POST /ingest HTTP/1.1\nHost: x\n\n",
    "POST /ingest HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
    "POST http://u@x/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    std::string{"POST /ingest HTTP/1.1\r\nHost: x\0y\r\n\r\n", 36},
    "\x16\x03\x01\x02\r\n\r\n"};
  for (const auto& text : bad) {
    raw_client client{server->port()};
    const auto answer = client.ask(text);
    EXPECT_EQ(answer.status, 400) << text;
    EXPECT_TRUE(answer.has("application/problem+json"));
    EXPECT_TRUE(answer.has("Connection: close")) << text;
    EXPECT_TRUE(client.is_closed()) << text;
  }
  EXPECT_EQ(pipeline.submitted(), 0u);
}

TEST_F(ingest_test, a_head_that_is_too_large_is_431) {
  start();
  raw_client client{server->port()};
  const auto answer =
    client.ask("GET /livez HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'a'));
  EXPECT_EQ(answer.status, 431);
  EXPECT_TRUE(client.is_closed());
}

TEST_F(ingest_test, refusals_before_the_body_keep_the_connection_when_the_body_is_short) {
  start();
  raw_client client{server->port()};
  const struct {
    std::string request;
    int status;
    std::string_view code;
  } cases[] = {
    {post("/ingest/nope", "x"), 404, "unknown_stream"},
    {post("/elsewhere", "x"), 404, "unknown_stream"},
    {post("/ingest/web/", "x"), 404, "unknown_stream"},
    {post("/livez", "x"), 405, "method_not_allowed"},
    {"GET /ingest/web HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"},
    {"POST /ingest/web HTTP/1.1\r\nHost: x\r\n\r\n", 411, "length_required"},
    {post("/ingest/web", "x", "Content-Type: image/png\r\n"), 415,
     "unsupported_media_type"},
    {post("/ingest/web", "x", "Content-Encoding: br\r\n"), 415, "unsupported_media_type"},
    {post("/ingest/web", "x", "Weir-Ack: maybe\r\n"), 400, "malformed_request"},
    {post("/ingest/web", "x", "Weir-Priority: top\r\n"), 400, "malformed_request"},
    {post("/ingest/web", "x", "Idempotency-Key: " + std::string(129, 'k') + "\r\n"), 400,
     "malformed_request"},
    {post("/ingest/web", ""), 400, "no records"},
    {post("/ingest/web", "[{]", "Content-Type: application/json\r\n"), 400,
     "malformed_body"},
  };
  for (const auto& c : cases) {
    const auto answer = client.ask(c.request);
    EXPECT_EQ(answer.status, c.status) << c.request;
    EXPECT_TRUE(answer.says(c.code)) << answer.body;
    EXPECT_TRUE(answer.has("application/problem+json"));
  }
  EXPECT_EQ(client.ask(post("/ingest/web", "x")).status, 200)
    << "the connection still works";
  EXPECT_EQ(pipeline.submitted(), 1u);
  EXPECT_EQ(counts.received.load(), 1u);
}

TEST_F(ingest_test, of_a_refused_body_nothing_more_is_dropped_than_was_announced) {
  start();
  raw_client client{server->port()};
  const std::string body(200'000, 'x');
  for (int again = 0; again < 3; ++again) {
    client.send(post("/ingest/nope", body) + post("/ingest/web", "behind it"));
    EXPECT_EQ(client.read().status, 404);
    EXPECT_EQ(client.read().status, 200) << "the request behind the dropped body";
  }
  EXPECT_EQ(pipeline.texts(), std::vector<std::string>(3, "behind it"));
  const auto sent =
    3 * (post("/ingest/nope", body) + post("/ingest/web", "behind it")).size();
  EXPECT_EQ(http_counts.received_bytes.load(), sent);
}

TEST_F(ingest_test, a_405_names_the_methods) {
  start();
  raw_client client{server->port()};
  EXPECT_TRUE(client.ask("PATCH /ingest HTTP/1.1\r\nHost: x\r\n\r\n")
                .has("Allow: OPTIONS, POST, PUT\r\n"));
  EXPECT_TRUE(client.ask("POST /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
                .has("Allow: GET, HEAD, OPTIONS\r\n"));
}

TEST_F(ingest_test, an_unknown_stream_is_404_before_the_body_is_sent) {
  start();
  raw_client client{server->port()};
  const auto answer = client.ask(
    "POST /ingest/nope HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_EQ(answer.status, 404);
  EXPECT_TRUE(answer.has("Connection: close"));
  EXPECT_TRUE(client.send(std::string(1'000'000, 'x'))) << "read and dropped, not reset";
}

TEST_F(ingest_test, a_body_over_the_limit_is_413_before_it_is_read) {
  config.body_bytes_max = 1000;
  start();
  raw_client client{server->port()};
  EXPECT_EQ(
    client.ask("POST /ingest/web HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n")
      .status,
    413);
}

TEST_F(ingest_test, expect_100_is_answered_before_the_body_or_refused_instead_of_it) {
  start();
  raw_client client{server->port()};
  client.send("POST /ingest/web HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
              "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read().status, 100);
  EXPECT_EQ(client.ask("abc").status, 200);
  const auto refused =
    client.ask("POST /ingest/nope HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
               "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(refused.status, 404);
  EXPECT_TRUE(refused.has("Connection: close"));
  raw_client other{server->port()};
  EXPECT_EQ(other.ask(post("/ingest/web", "x", "Expect: miracles\r\n")).status, 417);
}

TEST_F(ingest_test, probes_answer_get_and_head) {
  start();
  raw_client client{server->port()};
  EXPECT_EQ(client.ask("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
  client.send("HEAD /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read(true).status, 200);
  health.set(condition::journal_full, true);
  const auto answer = client.ask("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.says("the journal is full")) << answer.body;
  EXPECT_EQ(client.ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
}

TEST_F(ingest_test, http_1_0_is_closed_unless_it_asks_otherwise) {
  start();
  raw_client client{server->port()};
  EXPECT_TRUE(client.ask("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                .has("Connection: keep-alive"));
  EXPECT_TRUE(client.ask("GET /livez HTTP/1.0\r\n\r\n").has("Connection: close"));
  EXPECT_TRUE(client.is_closed());
}

TEST_F(ingest_test, closed_health_refuses_before_the_body_with_retry_after) {
  start();
  health.set(condition::stage_away, true);
  raw_client client{server->port()};
  const auto answer = client.ask(post("/ingest/web", "x"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.has("Retry-After: "));
  EXPECT_TRUE(answer.says("stage_away"));
  health.set(condition::stage_away, false);
  EXPECT_EQ(client.ask(post("/ingest/web", "x")).status, 200);
}

TEST_F(ingest_test, a_stage_that_is_away_at_submission_is_503_and_nothing_was_received) {
  start();
  pipeline.go_away(true);
  raw_client client{server->port()};
  const auto answer = client.ask(post("/ingest/web", "x"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.says("stage_away"));
  EXPECT_EQ(counts.received.load(), 0u);
  pipeline.go_away(false);
  EXPECT_EQ(client.ask(post("/ingest/web", "x")).status, 200);
}

TEST_F(ingest_test, rejected_records_are_listed_and_a_request_of_only_those_is_422) {
  start();
  pipeline.change_receipts([](batch_receipt& r) {
    auto batch = std::make_shared<record_batch>(*r.batch);
    batch->rejections.push_back(
      {0, 1, 1, reject::malformed_json, "", "what is this", ""});
    r.batch = batch;
    --r.parts[0].accepted;
    ++r.parts[0].rejected;
  });
  raw_client client{server->port()};
  const auto some =
    client.ask(post("/ingest/web", "a\nb\nc", "Content-Type: text/plain\r\n"));
  EXPECT_EQ(some.status, 200);
  EXPECT_TRUE(some.says(R"("accepted":2,"rejected":1,"errors":[{"record":2,"line":2,)"))
    << some.body;
  const auto none = client.ask(post("/ingest/web", "a", "Content-Type: text/plain\r\n"));
  EXPECT_EQ(none.status, 422);
  EXPECT_TRUE(none.says("all_records_rejected"));
  EXPECT_TRUE(none.says("what is this"));
  EXPECT_EQ(counts.rejected[static_cast<size_t>(reject::malformed_json)]->load(), 2u);
  EXPECT_TRUE(comes_to_rest());
  expect_balance();
}

TEST_F(ingest_test, the_idempotency_key_names_the_batch) {
  start();
  raw_client client{server->port()};
  const auto first = client.ask(post("/ingest/web", "x", "Idempotency-Key: k1\r\n"));
  const auto again = client.ask(post("/ingest/web", "x", "Idempotency-Key: k1\r\n"));
  EXPECT_EQ(first.body, again.body);
  EXPECT_TRUE(first.says(to_hex(make_batch_key("web", "", "k1"))));
  EXPECT_NE(client.ask(post("/ingest/web", "x")).body,
            client.ask(post("/ingest/web", "x")).body);
  pipeline.change_receipts([](batch_receipt& r) {
    r.parts[0].outcome = ec::key_reused;
    r.parts[0].detail = "the key was used for another body";
  });
  EXPECT_EQ(client.ask(post("/ingest/web", "y", "Idempotency-Key: k1\r\n")).status, 422);
  EXPECT_TRUE(comes_to_rest());
  expect_balance();
}

TEST_F(ingest_test, a_key_without_a_byte_is_none) {
  start();
  raw_client client{server->port()};
  EXPECT_EQ(client.ask(post("/ingest/web", "x", "Idempotency-Key:\r\n")).status, 400);
  EXPECT_EQ(client.ask(post("/ingest/web", "x", "Idempotency-Key: \r\n")).status, 400);
  EXPECT_EQ(client.ask(post("/ingest/web", "x", "Idempotency-Key: k\r\n")).status, 200);
}

TEST_F(ingest_test, a_request_has_the_priority_it_asks_for_and_else_its_stream_s) {
  streams["web"].settings.level = priority::high;
  config.coalesce_window = 8;
  start();
  pipeline.hold(true);
  const std::pair<const char*, priority> asked[] = {
    {"", priority::high},
    {"Weir-Priority: low\r\n", priority::low},
    {"Weir-Priority: Normal\r\n", priority::normal},
    {"Weir-Priority: HIGH\r\n", priority::high}};
  size_t came = 0;
  for (const auto& [field, level] : asked) {
    raw_client client{server->port()};
    const auto more = std::string{"Weir-Ack: accepted\r\n"} + field;
    EXPECT_EQ(client.ask(post("/ingest/web", "x", more)).status, 202);
    pipeline.wait_for(++came);
    EXPECT_EQ(pipeline.waiting().back()->source->level, level) << field;
  }
  raw_client client{server->port()};
  EXPECT_EQ(client.ask(post("/ingest/web", "x", "Weir-Priority: urgent\r\n")).status,
            400);
}

TEST_F(ingest_test, accepted_is_answered_202_before_the_receipt) {
  start();
  pipeline.hold(true);
  raw_client client{server->port()};
  EXPECT_EQ(client.ask(post("/ingest/web", "x", "Weir-Ack: accepted\r\n")).status, 202);
  EXPECT_EQ(
    client.ask(post("/ingest/web", "x", "Prefer: wait=5, respond-async\r\n")).status,
    202);
  EXPECT_EQ(counts.in_flight.load(), 2);
  pipeline.hold(false);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(counts.accepted.load(), 2u);
  expect_balance();
}

TEST_F(ingest_test, stored_is_answered_only_after_the_sink) {
  start();
  raw_client client{server->port()};
  client.send(post("/ingest/web", "x", "Weir-Ack: stored\r\n"));
  EXPECT_TRUE(eventually([&] { return counts.accepted.load() == 1; }));
  EXPECT_FALSE(client.has_answer());
  EXPECT_EQ(http_counts.responses[200].load(), 0u);
  pipeline.each_owner([](receipt_port& port) { port.stored(1); });
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.ask(post("/ingest/web", "x", "Weir-Ack: stored\r\n")).status, 200)
    << "that sequence is in the sink already";
}

TEST_F(ingest_test, a_second_receipt_for_a_resubmitted_batch_is_ignored) {
  start();
  pipeline.hold(true);
  raw_client client{server->port()};
  client.send(post("/ingest/web", "x"));
  pipeline.wait_for(1);
  pipeline.each_owner([](receipt_port& port) { port.resubmit(); });
  pipeline.wait_for(2);
  pipeline.hold(false);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.ask(post("/ingest/web", "y")).status, 200);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(counts.accepted.load(), 2u);
  expect_balance();
}

TEST_F(ingest_test,
       past_the_deadline_the_outcome_is_unknown_and_the_late_receipt_still_counts) {
  config.request_timeout = 50ms;
  start();
  pipeline.hold(true);
  raw_client client{server->port()};
  const auto answer = client.ask(post("/ingest/web", "x"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.says("deadline_exceeded"));
  EXPECT_EQ(counts.in_flight.load(), 1);
  pipeline.hold(false);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(counts.accepted.load(), 1u);
  expect_balance();
}

TEST_F(ingest_test, small_requests_share_batches_while_earlier_ones_are_on_their_way) {
  start();
  pipeline.hold(true);
  std::deque<raw_client> clients;
  for (int i = 0; i < 20; ++i)
    clients.emplace_back(server->port())
      .send(post("/ingest/web", "c" + std::to_string(i)));
  EXPECT_TRUE(eventually([&] { return server->in_flight() == 22; }))
    << server->in_flight();
  EXPECT_EQ(pipeline.submitted(), 2u);
  pipeline.hold(false);
  for (auto& client : clients)
    EXPECT_EQ(client.read().status, 200);
  EXPECT_LT(pipeline.submitted(), 20u);
  EXPECT_EQ(counts.accepted.load(), 20u);
}

TEST_F(ingest_test,
       larger_requests_share_batches_beyond_their_window_and_keep_their_credit) {
  config.batch_bytes = 10'000;
  config.coalesce_bytes = 100;
  config.coalesce_large_window = 2;
  config.batches_max = 6;
  streams["web"].settings.admission = admission_policy::reject;
  start();
  pipeline.hold(true);
  const auto larger =
    post("/ingest/web", std::string(2'000, 'x'), "Content-Type: text/plain\r\n");
  std::deque<raw_client> clients;
  for (int i = 0; i < 6; ++i)
    clients.emplace_back(server->port()).send(larger);
  raw_client small{server->port()};
  small.send(post("/ingest/web", "y", "Content-Type: text/plain\r\n"));
  EXPECT_TRUE(eventually([&] { return server->in_flight() == 7 + 3; }))
    << server->in_flight();
  raw_client seventh{server->port()};
  EXPECT_EQ(seventh.ask(larger).status, 503)
    << "six hold the credit, in flight or gathered";
  EXPECT_EQ(pipeline.submitted(), 3u)
    << "two larger ones, and the small one, which has a window of its own";
  pipeline.hold(false);
  for (auto& client : clients)
    EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(small.read().status, 200);
  EXPECT_EQ(pipeline.submitted(), 4u) << "the other four went together";
  EXPECT_TRUE(comes_to_rest());
  expect_balance();
}

TEST_F(ingest_test, the_port_can_not_be_taken_twice) {
  start();
  auto taken = config;
  taken.port = server->port();
  const auto second = ingest_server::start(taken, std::make_shared<ingest_limits>(),
                                           {pipeline, *catalogs, metrics, health, clock});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ec::io_failed);
}
