// What a connection keeps between its requests: little, whatever it was used for.
#include "tests/http/ingest/ingest_fixture.hpp"

#include <malloc.h>

using namespace weir;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool measurable = false; // mallinfo2() knows nothing of a sanitizer's heap
#else
constexpr bool measurable = true;
#endif

/// Beside the socket: the session, 4 KiB of input, 1 KiB of a known head and of an answer.
constexpr size_t idle_bytes_max = size_t{10} << 10;
constexpr size_t connections = 300;

size_t allocated() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

std::string lines(size_t count) {
  std::string body;
  for (size_t i = 0; i < count; ++i)
    body += "1\n";
  return body;
}

struct idle_memory_test : ingest_test {
  std::vector<std::unique_ptr<raw_client>> clients;

  void SetUp() override {
    if (!measurable)
      GTEST_SKIP() << "not under a sanitizer";
    config.connections_max = 2 * connections;
    start();
    // The pipeline's own list of texts grows no more after this.
    EXPECT_EQ(raw_client{server->port()}.ask(post("/ingest/web", lines(140'000))).status,
              200);
  }
  /// Bytes of the heap for each connection that has sent `request` and heard its answer.
  size_t bytes_after(const std::string& request, int status) {
    EXPECT_EQ(raw_client{server->port()}.ask(request).status, status);
    EXPECT_TRUE(comes_to_rest());
    const auto before = allocated();
    for (size_t i = 0; i < connections; ++i) {
      clients.push_back(std::make_unique<raw_client>(server->port()));
      EXPECT_EQ(clients.back()->ask(request).status, status);
      clients.back()->forget();
    }
    EXPECT_TRUE(comes_to_rest());
    const auto each = [&] {
      const auto after = allocated();
      return (after - std::min(before, after)) / connections;
    };
    (void)eventually([&] { return each() <= idle_bytes_max; }); // the last mail is freed
    return each();
  }
  /// All records of what comes from now on are rejected, with all that may be said of it.
  void reject_all() {
    pipeline.change_receipts([](batch_receipt& receipt) {
      auto& part = receipt.parts.front();
      const auto records = part.accepted;
      part.accepted = 0;
      part.rejected = records;
      auto batch = std::make_shared<record_batch>(*receipt.batch);
      for (uint32_t i = 0; i < records; ++i)
        batch->rejections.push_back({0, i, i, reject::schema_violation,
                                     std::string(500, 'p'), std::string(250, 'd'), ""});
      receipt.batch = std::move(batch);
    });
  }
};

} // namespace

TEST_F(idle_memory_test, after_a_small_request_is_small) {
  EXPECT_LE(bytes_after(post("/ingest/web", "{}"), 200), idle_bytes_max);
}

TEST_F(idle_memory_test, after_a_rejected_request_of_many_records_is_no_more) {
  reject_all();
  EXPECT_LE(bytes_after(post("/ingest/web", lines(4096)), 422), idle_bytes_max);
}

TEST_F(idle_memory_test, after_a_request_that_was_only_admitted_is_no_more) {
  reject_all();
  EXPECT_LE(bytes_after(post("/ingest/web", lines(4096), "Weir-Ack: accepted\r\n"), 202),
            idle_bytes_max);
}

TEST_F(idle_memory_test, after_a_long_body_in_chunks_is_no_more) {
  const auto body = lines(20'000);
  std::string request = "POST /ingest/web HTTP/1.1\r\nHost: x\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n";
  for (size_t at = 0; at < body.size(); at += 2'000)
    request += "7d0\r\n" + body.substr(at, 2'000) + "\r\n";
  EXPECT_LE(bytes_after(request + "0\r\n\r\n", 200), idle_bytes_max);
}

TEST_F(idle_memory_test, after_a_long_head_and_a_long_refusal_is_no_more) {
  const std::string field = "X-Long: " + std::string(15'000, 'x') + "\r\n";
  EXPECT_LE(bytes_after(post("/ingest/web", "{}", field), 200), idle_bytes_max);
}
