// What a request holds is charged before it is there, and given back when it is gone.
#include "tests/http/ingest/ingest_fixture.hpp"

#include <nlohmann/json.hpp>

using namespace weir;
using namespace std::chrono_literals;

namespace {

constexpr int64_t mib = int64_t{1} << 20;

/// The beginning of a zstd frame with a window of 2^log bytes and one raw block of `text`.
std::string zstd_begin(unsigned window_log, std::string_view text) {
  std::string out{"\x28\xB5\x2F\xFD", 4};
  out += '\0';
  out += static_cast<char>((window_log - 10) << 3);
  const auto size = static_cast<uint32_t>(text.size()) << 3; // raw, and not the last
  for (int i = 0; i < 3; ++i)
    out += static_cast<char>(size >> (8 * i));
  return out.append(text);
}

std::string chunk(std::string_view data) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return std::string{size}.append(data) + "\r\n";
}

std::string chunked(std::string_view fields) {
  return "POST /ingest/web HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
         + std::string{fields} + "\r\n";
}

std::string lines(size_t count) {
  std::string body;
  for (size_t i = 0; i < count; ++i)
    body += "1\n";
  return body;
}

} // namespace

TEST_F(ingest_test, a_zstd_window_is_charged_for_as_long_as_its_upload_lasts) {
  config.budget_bytes = 64 * mib;
  start();
  const auto request = chunked("Content-Encoding: zstd\r\n");
  {
    raw_client small{server->port()}, large{server->port()};
    small.send(request + chunk(zstd_begin(10, "one line\n")));
    ASSERT_TRUE(eventually([&] { return budget_used() > 0; }));
    EXPECT_LT(budget_used(), 4 * mib);
    large.send(request + chunk(zstd_begin(23, "one line\n")));
    ASSERT_TRUE(eventually([&] { return budget_used() >= 14 * mib; }));
  }
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}

TEST_F(ingest_test, what_a_request_may_be_split_into_is_charged_and_shares_no_batch) {
  const auto steps =
    nlohmann::json::parse(R"([{"split":{"field":"a","bytes_max":2000000}}])");
  streams["web"].steps = plan::compile(steps, "web", {}).value();
  config.budget_bytes = 64 * mib;
  start();
  pipeline.hold(true);
  const std::string body = R"({"a":[{},{}]})";
  std::vector<std::unique_ptr<raw_client>> clients;
  for (size_t i = 1; i <= 3; ++i) {
    clients.push_back(std::make_unique<raw_client>(server->port()));
    clients.back()->send(post("/ingest/web", body));
    pipeline.wait_for(i);
  }
  const auto room = 2'000'000 + 4 * body.size();
  EXPECT_EQ(budget_used(),
            static_cast<int64_t>(3 * (unread_charge(config, body.size()) + room)));
  pipeline.hold(false);
  for (auto& client : clients)
    EXPECT_EQ(client->read().status, 200);
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
  raw_client chunks{server->port()};
  pipeline.hold(true);
  chunks.send(chunked("") + chunk(R"({"a":[)"));
  const auto whole = batch_charge(config) + streams["web"].parts_room(config.batch_bytes);
  EXPECT_TRUE(eventually([&] { return budget_used() >= static_cast<int64_t>(whole); }))
    << "a body of unknown length may be a whole batch";
  chunks.close();
  pipeline.hold(false);
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}

TEST_F(ingest_test, who_finds_no_room_for_its_window_waits_and_is_refused_in_the_end) {
  config.budget_bytes = 14 * mib;
  config.request_timeout = 50ms;
  start();
  const auto request = chunked("Content-Encoding: zstd\r\n");
  raw_client first{server->port()};
  first.send(request + chunk(zstd_begin(23, "one line\n")));
  ASSERT_TRUE(eventually([&] { return budget_used() >= 11 * mib; }));
  raw_client second{server->port()};
  second.send(request + chunk(zstd_begin(23, "one line\n")));
  EXPECT_EQ(second.read().status, 503);
  EXPECT_LE(budget_used(), 14 * mib);
  first.close();
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}

TEST_F(ingest_test, a_zstd_window_over_the_limit_is_refused_by_name) {
  config.zstd_window_max = mib;
  start();
  raw_client client{server->port()};
  const auto answer = client.ask(chunked("Content-Encoding: zstd\r\n")
                                 + chunk(zstd_begin(21, "one line\n")) + "0\r\n\r\n");
  EXPECT_EQ(answer.status, 400);
  EXPECT_TRUE(answer.says("ingest.zstd_window_max")) << answer.body;
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}

TEST_F(ingest_test, a_compressed_body_of_large_windows_is_stored_whole) {
  start();
  raw_client client{server->port()};
  std::string frames;
  for (const unsigned log : {10u, 22u, 12u, 23u, 20u}) {
    frames += zstd_begin(log, "{\"n\":" + std::to_string(log) + "}\n");
    frames += std::string{"\x01\0\0", 3}; // the last block, empty
  }
  for (const size_t piece : {size_t{1}, size_t{7}, frames.size()}) {
    std::string request = chunked("Content-Encoding: zstd\r\n");
    for (size_t at = 0; at < frames.size(); at += piece)
      request += chunk(std::string_view{frames}.substr(at, piece));
    const auto answer = client.ask(request + "0\r\n\r\n");
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_TRUE(answer.says("\"accepted\":5")) << answer.body;
  }
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}

TEST_F(ingest_test, many_small_records_are_charged_by_their_number) {
  start();
  pipeline.hold(true);
  for (const auto& request : {post("/ingest/web", lines(4096)),
                              chunked("") + chunk(lines(4096)) + "0\r\n\r\n"}) {
    const auto before = budget_used();
    raw_client client{server->port()};
    client.send(request);
    EXPECT_TRUE(eventually([&] { return server->in_flight() > 1; }));
    EXPECT_TRUE(eventually([&] {
      return budget_used() - before >= static_cast<int64_t>(4096 * record_charge_bytes);
    }));
    client.close();
  }
  pipeline.hold(false);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}

TEST_F(ingest_test, many_small_records_that_find_no_room_are_refused_before_they_go) {
  config.budget_bytes = 7 * mib;
  start();
  pipeline.hold(true);
  std::deque<raw_client> clients;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back(server->port()).send(post("/ingest/web", lines(4096)));
  ASSERT_TRUE(eventually([&] {
    return std::count_if(clients.begin(), clients.end(),
                         [](const auto& c) { return c.readable(); })
           == 4;
  }))
    << "four have room";
  EXPECT_LE(budget_used(), 7 * mib);
  pipeline.hold(false);
  std::map<int, int> answers;
  for (auto& client : clients)
    ++answers[client.read().status];
  EXPECT_EQ(answers, (std::map<int, int>{{200, 4}, {503, 4}}));
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(budget_used(), 0);
}

TEST_F(ingest_test, stalled_uploads_have_a_claim_between_their_batches_too) {
  config.batch_bytes = 4096;
  config.coalesce_bytes = 1024;
  config.batch_records = 10;
  config.streams_window = 1;
  start();
  pipeline.hold(true);
  raw_client client{server->port()};
  client.send(chunked("Content-Type: text/plain\r\n") + chunk(lines(100)));
  pipeline.wait_for(1);
  // One batch is on its way and the next has no claim yet; the reader has one.
  EXPECT_TRUE(
    eventually([&] { return budget_used() >= static_cast<int64_t>(reader_bytes); }));
  client.close();
  pipeline.hold(false);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}

TEST_F(ingest_test, whatever_becomes_of_a_body_its_claims_come_back) {
  config.body_stall_timeout = 100ms;
  config.request_timeout = 300ms;
  start();
  for (const std::string_view fields :
       {"", "Content-Encoding: gzip\r\n", "Content-Encoding: zstd\r\n"}) {
    raw_client stalls{server->port()}, goes{server->port()}, lies{server->port()};
    stalls.send(chunked(fields));
    goes.send(chunked(fields));
    goes.close();
    lies.send(chunked(fields) + chunk(std::string(100, '\0')) + "0\r\n\r\n");
    EXPECT_EQ(stalls.read().status, 408);
    EXPECT_EQ(lies.read().status, fields.empty() ? 200 : 400);
  }
  raw_client direct{server->port()};
  direct.send("POST /ingest/web HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n");
  direct.send(lines(1'000'000));
  EXPECT_EQ(direct.read().status, 408);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_TRUE(eventually([&] { return budget_used() == 0; }));
}

TEST_F(ingest_test, a_long_body_is_read_no_faster_than_its_rate_and_others_come_through) {
  streams["web"].settings.records_per_second = 1000;
  start();
  raw_client greedy{server->port()};
  greedy.send(chunked("") + chunk(lines(3500)) + "0\r\n\r\n");
  pipeline.wait_for(1);
  raw_client other{server->port()};
  const auto answer = other.ask(post("/ingest/web", "{}"));
  if (answer.status == 429) {
    EXPECT_TRUE(answer.has("Retry-After: 1\r\n") || answer.has("Retry-After: 2\r\n"))
      << answer.head;
  } else {
    EXPECT_EQ(answer.status, 200);
  }
  EXPECT_LT(pipeline.texts().size(), 3400u) << "it was all read at once";
  EXPECT_TRUE(greedy.read().says("\"accepted\":3500"));
  for (const auto& batch : pipeline.waiting())
    EXPECT_LE(batch->records.size(), 1000u);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(budget_used(), 0);
}

TEST_F(ingest_test, a_tenant_has_its_own_rate_in_place_of_the_clients) {
  api_key key;
  key.name = "acme";
  key.digest = *parse_digest(
    "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"); // secret
  key.records_per_second = 1;
  limits.keys = {key};
  limits.client_records_per_second = 1e6;
  start();
  raw_client client{server->port()};
  const auto request = post("/ingest/web", "{}", "Authorization: Bearer secret\r\n");
  EXPECT_EQ(client.ask(request).status, 200);
  (void)client.ask(request); // the bucket may hold a little again
  EXPECT_EQ(client.ask(request).status, 429);
}
