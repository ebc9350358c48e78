// The client side against a real HTTP server in this process.
#include "app/send/send.hpp"
#include "http/client.hpp"

#include <atomic>
#include <mutex>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

using namespace weir;

namespace {

class server {
 public:
  explicit server(httplib::Server::Handler handler) {
    http_.Post(R"(/.*)", std::move(handler));
    port_ = http_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread{[this] { http_.listen_after_bind(); }};
    while (!http_.is_running())
      std::this_thread::yield();
  }
  ~server() {
    http_.stop();
    thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  httplib::Server http_;
  int port_ = 0;
  std::thread thread_;
};

} // namespace

TEST(http_client, posts_body_type_and_fields_and_returns_status_field_and_body) {
  httplib::Request seen;
  server node{[&](const httplib::Request& request, httplib::Response& response) {
    seen = request;
    response.status = 503;
    response.set_header("Retry-After", "3");
    response.set_content("{\"title\":\"Full\"}", "application/problem+json");
  }};
  http_client client{*parse_url(node.url() + "/base/"), {}};
  const auto answer =
    client.post("/ingest/web", "text/csv", {{"Idempotency-Key", "k"}}, "a\n1\n");
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->retry_after, "3");
  EXPECT_EQ(answer->body, "{\"title\":\"Full\"}");
  EXPECT_EQ(seen.path, "/base/ingest/web");
  EXPECT_EQ(seen.body, "a\n1\n");
  EXPECT_EQ(seen.get_header_value("Content-Type"), "text/csv");
  EXPECT_EQ(seen.get_header_value("Idempotency-Key"), "k");
}

TEST(http_client, a_server_that_is_not_there_is_a_failure_and_not_an_answer) {
  http_client client{*parse_url("http://127.0.0.1:1"), {}};
  const auto answer = client.post("/ingest", "", {}, "x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ec::io_failed);
  EXPECT_THAT(answer.error().text, testing::StartsWith("127.0.0.1:1: "));
}

TEST(http_client, an_answer_over_the_limit_is_a_failure) {
  server node{[](const httplib::Request&, httplib::Response& response) {
    response.set_content(std::string(100'000, 'x'), "text/plain");
  }};
  client_options options;
  options.answer_bytes_max = 1000;
  http_client client{*parse_url(node.url()), options};
  EXPECT_FALSE(client.post("/ingest", "", {}, "x"));
}

TEST(http_client, a_field_with_control_bytes_is_never_sent) {
  http_client client{*parse_url("http://127.0.0.1:1"), {}};
  const auto answer = client.post("/", "", {{"Authorization", "Bearer a\r\nX: y"}}, "");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ec::malformed_request);
}

TEST(http_client, urls_have_a_scheme_a_host_and_at_most_a_port_and_a_path) {
  EXPECT_EQ(parse_url("http://127.0.0.1:8080")->port, 8080);
  EXPECT_EQ(parse_url("https://example.com")->port, 443);
  EXPECT_EQ(parse_url("http://[::1]:80/a/")->host, "::1");
  EXPECT_EQ(parse_url("http://[::1]:80/a/")->path, "/a");
  for (const auto* wrong :
       {"127.0.0.1:8080", "ftp://x", "http://", "http://x:0", "http://x:99999",
        "http://u@x", "http://x/?q", "http://[::1", "http://x:8080x", "http:// x"})
    EXPECT_FALSE(parse_url(wrong)) << wrong;
}

TEST(send_server, a_file_goes_through_a_node_that_refuses_now_and_then) {
  std::mutex lock;
  std::vector<std::string> stored;
  std::atomic<int> calls{0};
  server node{[&](const httplib::Request& request, httplib::Response& response) {
    if (++calls % 3 == 0) {
      response.status = 503;
      response.set_header("Retry-After", "1");
      return;
    }
    const std::lock_guard guard{lock};
    stored.push_back(request.body);
    const auto lines = std::count(request.body.begin(), request.body.end(), '\n');
    response.set_content("{\"accepted\":" + std::to_string(lines) + ",\"rejected\":0}",
                         "application/json");
  }};
  std::string text;
  for (int i = 0; i < 1000; ++i)
    text += "line " + std::to_string(i) + "\n";
  http_client client{*parse_url(node.url()), {}};
  std::vector<std::chrono::milliseconds> waits;
  patient_post post{[&](auto path, auto type, const auto& fields, auto body) {
                      return client.post(path, type, fields, body);
                    },
                    [&](std::chrono::milliseconds wait) { waits.push_back(wait); },
                    retry_policy{5, 1}, ""};
  request_cutter cutter{
    [&text, at = size_t{0}](char* to, size_t size) mutable -> result<size_t> {
      const auto got = text.copy(to, size, at);
      at += got;
      return got;
    },
    std::nullopt,
    {512, 1000, 1 << 20}};
  progress_line progress{false};
  std::ostringstream out;
  sender sending{{}, post, progress, out};
  const auto totals = sending.run(cutter, text.size());
  EXPECT_TRUE(totals.all_stored()) << summary(totals);
  EXPECT_EQ(totals.accepted, 1000u);
  EXPECT_GT(waits.size(), 5u);
  for (const auto wait : waits)
    EXPECT_GE(wait, std::chrono::seconds{1});
  std::string together;
  for (const auto& body : stored)
    together += body;
  EXPECT_EQ(together, text);
}
