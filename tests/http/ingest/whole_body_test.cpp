// A body that comes whole with its head is cut where it lies, any other by a reader. Chunked
// ones always are: what becomes of the same body must not differ.
#include "tests/http/ingest/ingest_fixture.hpp"

using namespace weir;

namespace {

std::string chunked(std::string_view body, std::string_view fields) {
  char size[17];
  std::snprintf(size, sizeof size, "%zx", body.size());
  return "POST /ingest/web HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
         + std::string{fields} + "\r\n" + size + "\r\n" + std::string{body}
         + "\r\n0\r\n\r\n";
}

struct whole_body_test : ingest_test {
  struct outcome {
    http_answer answer;
    std::vector<batch_ptr> batches;
  };
  std::vector<batch_ptr> seen;

  whole_body_test() {
    config.batch_records = 4;
    streams["web"].settings.record_bytes_max = 64;
    pipeline.change_receipts([this](batch_receipt& r) { seen.push_back(r.batch); });
  }

  outcome ask(const std::string& request) {
    seen.clear();
    raw_client client{server->port()};
    outcome out;
    out.answer = client.ask(request);
    EXPECT_TRUE(comes_to_rest());
    out.batches = seen;
    return out;
  }
  static void expect_same(const batch_ptr& a, const batch_ptr& b) {
    EXPECT_EQ(a->source->bytes, b->source->bytes);
    EXPECT_GE(a->source->bytes.capacity(), a->source->bytes.size() + text_padding);
    const auto& one = a->source->parts[0];
    const auto& other = b->source->parts[0];
    EXPECT_EQ(one.key, other.key);
    EXPECT_EQ(one.fingerprint, other.fingerprint);
    EXPECT_EQ(one.format, other.format);
    EXPECT_EQ(one.record_base, other.record_base);
    EXPECT_EQ(one.line_base, other.line_base);
    EXPECT_EQ(one.records, other.records);
    ASSERT_EQ(one.header == nullptr, other.header == nullptr);
    if (one.header) {
      EXPECT_EQ(*one.header, *other.header);
    }
    ASSERT_EQ(a->records.size(), b->records.size());
    for (size_t i = 0; i < a->records.size(); ++i) {
      EXPECT_EQ(a->text_of(a->records[i]), b->text_of(b->records[i]));
      EXPECT_EQ(a->records[i].record, b->records[i].record);
      EXPECT_EQ(a->records[i].line, b->records[i].line);
    }
  }
  void expect_same_fate(std::string_view type, const std::string& body) {
    SCOPED_TRACE(std::string{type} + ": " + body);
    const auto fields =
      "Idempotency-Key: k\r\nContent-Type: " + std::string{type} + "\r\n";
    const auto whole = ask(post("/ingest/web", body, fields));
    const auto read = ask(chunked(body, fields));
    EXPECT_GT(whole.answer.status, 0);
    EXPECT_EQ(whole.answer.status, read.answer.status);
    EXPECT_EQ(whole.answer.body, read.answer.body);
    ASSERT_EQ(whole.batches.size(), read.batches.size());
    for (size_t i = 0; i < whole.batches.size(); ++i)
      expect_same(whole.batches[i], read.batches[i]);
  }
};

} // namespace

TEST_F(whole_body_test, has_the_records_and_the_answer_of_one_that_is_read_in_pieces) {
  start();
  const std::string long_record(65, 'x');
  for (const std::string body :
       {"{\"a\":1}\n\n \r\n{\"a\":2}\r\n\n\n", "{\"a\":1}", "\xEF\xBB\xBF{\"a\":1}\nx",
        "\n \n", "1\n2\n3\n4", "1\n2\n3\n4\n5\n6\n7\n8\n9"})
    expect_same_fate("application/x-ndjson", body);
  expect_same_fate("application/x-ndjson", "1\n" + long_record + "\n2");
  for (const std::string body : {" [1, {\"a\":[2]} ,\n\"b\"] \n", "{\"a\":\n1}", "[]",
                                 "[1,2", "[1,2,3,4,5,6]", "{} {}", "[[[[1]]]]"})
    expect_same_fate("application/json", body);
  for (const std::string body :
       {"a,b\n1,2\n\"x\ny\",3\r\n", "a,b\n", "a,\"b", "a\n1\n2\n3\n4\n5"})
    expect_same_fate("text/csv", body);
  for (const std::string body : {"one\n\ntwo", "\r\n", "a\nb\nc\nd\ne"})
    expect_same_fate("text/plain", body);
  for (const std::string body : {"a,b\n1,2", "[1]", "{\"a\":1}\n{\"a\":2}", "text"})
    expect_same_fate("", body);
}

TEST_F(whole_body_test, is_only_as_long_as_its_head_says) {
  start();
  raw_client client{server->port()};
  client.send(post("/ingest/web", "one", "Content-Type: text/plain\r\n")
              + post("/ingest/web", "two", "Content-Type: text/plain\r\n"));
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(pipeline.texts(), (std::vector<std::string>{"one", "two"}));
}

TEST_F(whole_body_test, is_charged_to_the_rate_and_the_budget_and_gives_it_back) {
  limits.client_records_per_second = 0.001;
  limits.client_burst_records = 3;
  start();
  pipeline.hold(true);
  raw_client client{server->port()};
  const auto request = post("/ingest/web", "a\nb\nc\nd", "Content-Type: text/plain\r\n");
  client.send(request);
  pipeline.wait_for(1);
  EXPECT_EQ(budget_used(), static_cast<int64_t>(budget_charge(config, 7)));
  pipeline.hold(false);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.ask(request).status, 429);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(budget_used(), 0);
  expect_balance();
}
