// A head that comes again on its connection is not parsed again, and nobody can tell.
#include "http/wire/known_head.hpp"
#include "tests/http/ingest/ingest_fixture.hpp"

using namespace weir;

namespace {

std::string head_with(std::string_view length, std::string_view field = "A: b") {
  return "POST /ingest/web HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::string{length}
         + "\r\n" + std::string{field} + "\r\n\r\n";
}

known_head knows(const std::string& text) {
  known_head known;
  request_head head;
  EXPECT_TRUE(parse_head(text, head).has_value());
  known.remember(text, head);
  return known;
}

} // namespace

TEST(known_head, knows_the_same_bytes_with_whatever_length_and_rest) {
  const auto known = knows(head_with("12"));
  for (const auto* length : {"12", "7", "0", "1234567"}) {
    const auto text = head_with(length);
    const auto again = known.match(text + "and more");
    ASSERT_TRUE(again.has_value()) << length;
    EXPECT_EQ(again->bytes, text.size());
    EXPECT_EQ(again->content_length, std::strtoull(length, nullptr, 10));
  }
}

TEST(known_head, knows_no_head_that_differs_in_one_byte_or_is_not_all_there) {
  const auto text = head_with("12");
  const auto known = knows(text);
  for (size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(known.match(std::string_view{text}.substr(0, i)));
    auto other = text;
    other[i] = static_cast<char>(other[i] ^ 1);
    const bool is_digit = i - text.find("12") < 2;
    EXPECT_EQ(known.match(other).has_value(), is_digit) << i;
  }
}

TEST(known_head, leaves_odd_lengths_to_the_parser) {
  const auto known = knows(head_with("12"));
  for (const auto* length :
       {"", "+1", "-1", " 1", "1 ", "0x1", "1,1", "12345678", "1\r\nA"})
    EXPECT_FALSE(known.match(head_with(length))) << length;
}

TEST(known_head, keeps_neither_a_long_head_nor_one_without_a_length) {
  const auto long_one = head_with("1", "A: " + std::string(known_head::bytes_max, 'a'));
  EXPECT_FALSE(knows(long_one).match(long_one));
  const std::string probe = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
  EXPECT_FALSE(knows(probe).match(probe));
}

TEST_F(ingest_test, a_head_that_comes_again_is_read_with_its_own_length) {
  start();
  raw_client client{server->port()};
  for (const std::string body : {"a", "bcd\nefg", "", "hij"})
    EXPECT_EQ(
      client.ask(post("/ingest/web", body, "Content-Type: text/plain\r\n")).status,
      body.empty() ? 400 : 200);
  EXPECT_EQ(pipeline.texts(), (std::vector<std::string>{"a", "bcd", "efg", "hij"}));
}

TEST_F(ingest_test, a_head_that_comes_again_is_asked_for_its_key_and_stream_anew) {
  start();
  raw_client client{server->port()};
  const auto request = post("/ingest/web", "x", "Content-Type: text/plain\r\n");
  EXPECT_EQ(client.ask(request).status, 200);
  auto with_keys = limits;
  with_keys.keys.resize(1);
  server->swap_limits(std::make_shared<ingest_limits>(with_keys));
  EXPECT_EQ(client.ask(request).status, 401);
  server->swap_limits(std::make_shared<ingest_limits>(limits));
  EXPECT_EQ(client.ask(request).status, 200);
  streams.erase("web");
  catalogs->set(std::make_shared<catalog>(streams));
  EXPECT_EQ(client.ask(request).status, 404);
}

TEST_F(ingest_test, a_head_that_comes_again_has_its_rate_and_admission_checked_anew) {
  limits.client_records_per_second = 0.001;
  limits.client_burst_records = 1;
  start();
  raw_client client{server->port()};
  const auto request = post("/ingest/web", "x\ny", "Content-Type: text/plain\r\n");
  EXPECT_EQ(client.ask(request).status, 200);
  EXPECT_EQ(client.ask(request).status, 429);
  server->swap_limits(std::make_shared<ingest_limits>());
  health.set(condition::journal_full, true);
  EXPECT_EQ(client.ask(request).status, 503);
  health.set(condition::journal_full, false);
  EXPECT_EQ(client.ask(request).status, 200);
}

TEST_F(ingest_test, a_head_that_could_smuggle_is_400_behind_one_that_is_known) {
  start();
  raw_client client{server->port()};
  const auto request = post("/ingest/web", "x", "Content-Type: text/plain\r\n");
  EXPECT_EQ(client.ask(request).status, 200);
  const auto twice =
    post("/ingest/web", "x", "Content-Length: 1\r\nContent-Type: text/plain\r\n");
  EXPECT_EQ(client.ask(twice).status, 400);
  EXPECT_TRUE(client.is_closed());
}
