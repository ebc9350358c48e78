#include "app/send/send.hpp"

#include <algorithm>
#include <deque>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace weir;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

byte_source source_of(std::string text, size_t piece) {
  return [text = std::move(text), piece,
          at = size_t{0}](char* to, size_t size) mutable -> result<size_t> {
    const auto got = text.copy(to, std::min(size, piece), at);
    at += got;
    return got;
  };
}

std::vector<cut_request> cut_all(const std::string& text,
                                 std::optional<body_format> format, size_t bytes,
                                 size_t piece = 7) {
  request_cutter cutter{source_of(text, piece), format, {bytes, 1000, 1 << 20}};
  std::vector<cut_request> requests;
  for (;;) {
    auto next = cutter.next();
    EXPECT_TRUE(next) << (next ? "" : next.error().text);
    if (!next || !*next)
      return requests;
    requests.push_back(std::move(**next));
  }
}

struct sent {
  std::string path, key, authorization, type, body, ack = {};
};

/// A node that answers as it is told to and writes down what it was sent.
struct scripted_node {
  std::deque<result<http_answer>> answers;
  std::vector<sent> requests;
  std::vector<std::chrono::milliseconds> waits;
  std::ostringstream out;
  progress_line progress{false};
  std::function<void(send_terms&)> change = [](send_terms&) {};

  send_totals send(const std::string& text, body_format format, size_t bytes,
                   uint32_t retries = 5, uint32_t shown = 20) {
    patient_post post{[this](auto path, auto type, const auto& fields, auto body) {
                        return take(path, type, fields, body);
                      },
                      [this](std::chrono::milliseconds wait) { waits.push_back(wait); },
                      retry_policy{retries, 1}, "secret"};
    request_cutter cutter{source_of(text, 1 << 16), format, {bytes, 1000, 1 << 20}};
    send_terms terms;
    terms.stream = "web";
    terms.key = "run";
    terms.rejected_shown_max = shown;
    change(terms);
    sender sending{terms, post, progress, out};
    return sending.run(cutter, std::nullopt);
  }

  result<http_answer> take(std::string_view path, std::string_view type,
                           const header_fields& fields, std::string_view body) {
    sent s{std::string{path}, "", "", std::string{type}, std::string{body}};
    for (const auto& [name, value] : fields)
      (name == "Idempotency-Key" ? s.key
       : name == "Weir-Ack"      ? s.ack
                                 : s.authorization) = value;
    requests.push_back(std::move(s));
    if (answers.empty())
      return http_answer{200, "", R"({"accepted":1,"rejected":0,"errors":[]})"};
    auto answer = answers.front();
    answers.pop_front();
    return answer;
  }
};

http_answer ok(int accepted, int rejected = 0, const std::string& errors = "") {
  return {200, "",
          "{\"batch\":\"0\",\"accepted\":" + std::to_string(accepted) + ",\"rejected\":"
            + std::to_string(rejected) + ",\"errors\":[" + errors + "]}"};
}

} // namespace

TEST(send_cut, lines_are_cut_between_records_and_nothing_is_lost) {
  const std::string text = "one\n\ntwo\r\nthree\nfour";
  const auto requests = cut_all(text, body_format::text, 8);
  std::string together;
  uint64_t records = 0;
  for (const auto& r : requests) {
    EXPECT_EQ(r.record_base, records);
    records += r.records;
    together += r.body;
  }
  EXPECT_EQ(records, 4u);
  EXPECT_EQ(requests.back().file_bytes, text.size());
  together.erase(std::remove(together.begin(), together.end(), '\r'), together.end());
  EXPECT_THAT(together, HasSubstr("two\nthree\nfour"));
}

TEST(send_cut, the_line_base_leads_back_to_the_files_lines) {
  // Lines of the file: 1 a, 2 blank, 3 b, 4 c
  const auto requests = cut_all("aaaa\n\nbbbb\ncccc\n", body_format::text, 6);
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[1].line_base + 1, 3); // line 1 of its request
  EXPECT_EQ(requests[2].line_base + 1, 4);
}

TEST(send_cut, every_csv_request_begins_with_the_header_and_lines_still_lead_back) {
  const auto requests =
    cut_all("\xef\xbb\xbfid,v\n1,\"x\ny\"\n2,z\n3,q\n", body_format::csv, 16);
  ASSERT_GE(requests.size(), 2u);
  for (const auto& r : requests)
    EXPECT_TRUE(r.body.starts_with("\xef\xbb\xbfid,v\n")) << r.body;
  EXPECT_EQ(requests[0].line_base, 0);
  const auto& last = requests.back();
  EXPECT_EQ(last.body, "\xef\xbb\xbfid,v\n2,z\n3,q\n");
  EXPECT_EQ(last.record_base + 1, 2u); // record 1 of the request is record 2 of the file
  EXPECT_EQ(last.line_base + 2,
            4); // its line 2 is the file's line 4: the quoted field had two
}

TEST(send_cut, an_array_becomes_smaller_arrays_of_the_same_elements) {
  const std::string text = "[\n {\"a\": 1},\n {\"a\":\n 2},\n {\"a\": [3, \"]\"]}\n]\n";
  const auto requests = cut_all(text, std::nullopt, 20);
  auto all = nlohmann::json::array();
  for (const auto& r : requests) {
    const auto part = nlohmann::json::parse(r.body);
    EXPECT_EQ(part.size(), r.records);
    all.insert(all.end(), part.begin(), part.end());
  }
  EXPECT_GT(requests.size(), 1u);
  EXPECT_EQ(all, nlohmann::json::parse(text));
  EXPECT_EQ(requests[0].line_base + 1, 2); // its first line is the file's second
}

TEST(send_cut, where_the_cuts_are_does_not_depend_on_how_the_file_is_read) {
  std::string text;
  for (int i = 0; i < 300; ++i)
    text += "{\"n\":" + std::to_string(i) + "}\n";
  const auto bodies = [&](size_t piece) {
    std::vector<std::string> all;
    for (auto& r : cut_all(text, std::nullopt, 256, piece))
      all.push_back(r.body);
    return all;
  };
  EXPECT_EQ(bodies(1), bodies(1000));
  EXPECT_GT(bodies(1).size(), 5u);
}

TEST(send_cut, a_record_longer_than_a_request_is_sent_alone) {
  const std::string large(5000, 'x');
  const auto requests = cut_all("a\n" + large + "\nb\n", body_format::text, 64);
  uint64_t records = 0;
  for (const auto& r : requests)
    records += r.records;
  EXPECT_EQ(records, 3u);
}

TEST(send_cut, what_comes_before_broken_json_is_sent_before_the_error_is_told) {
  request_cutter cutter{source_of("[{\"a\":1},\n{\"a\":2},\n}", 3),
                        body_format::json,
                        {1 << 10, 100, 1 << 10}};
  const auto first = cutter.next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->records, 2u);
  const auto second = cutter.next();
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text, HasSubstr("line 3"));
}

TEST(send, every_request_has_its_own_key_and_says_who_sends_it) {
  scripted_node node;
  node.answers = {ok(1), ok(1)};
  const auto totals = node.send("aaaa\nbbbb\n", body_format::text, 5);
  ASSERT_EQ(node.requests.size(), 2u);
  EXPECT_EQ(node.requests[0].key, "run-0");
  EXPECT_EQ(node.requests[1].key, "run-1");
  EXPECT_EQ(node.requests[0].path, "/ingest/web");
  EXPECT_EQ(node.requests[0].type, "text/plain");
  EXPECT_EQ(node.requests[0].authorization, "Bearer secret");
  EXPECT_TRUE(totals.all_stored());
  EXPECT_EQ(summary(totals), "sent 2 records in 2 requests: 2 accepted, 0 rejected");
}

TEST(send, a_refused_request_is_repeated_with_the_same_key_after_what_retry_after_says) {
  scripted_node node;
  node.answers = {http_answer{503, "7", "{}"}, http_answer{429, "2", "{}"},
                  fail(ec::io_failed, "gone"), ok(1)};
  const auto totals = node.send("a\n", body_format::text, 64);
  ASSERT_EQ(node.requests.size(), 4u);
  for (const auto& request : node.requests)
    EXPECT_EQ(request.key, "run-0");
  ASSERT_EQ(node.waits.size(), 3u);
  EXPECT_GE(node.waits[0], 7s);
  EXPECT_LE(node.waits[0], 7s + 950ms);
  EXPECT_GE(node.waits[1], 2s);
  EXPECT_LE(node.waits[1], 2s + 450ms);
  EXPECT_LE(node.waits[2], 2s); // a lost connection: 500 ms doubled twice at most
  EXPECT_TRUE(totals.all_stored());
  EXPECT_EQ(totals.retries, 3u);
}

TEST(send, a_request_that_never_goes_through_ends_the_run_and_is_counted) {
  scripted_node node;
  for (int i = 0; i < 3; ++i)
    node.answers.push_back(
      http_answer{503, "1", R"({"title":"Full","detail":"try later"})"});
  const auto totals = node.send("a\nb\n", body_format::text, 2, 2);
  EXPECT_EQ(node.requests.size(), 3u);
  EXPECT_EQ(totals.failed, 1u);
  EXPECT_EQ(totals.stopped, "HTTP 503: Full: try later");
  EXPECT_FALSE(totals.all_stored());
}

TEST(send, rejected_records_are_printed_with_their_place_in_the_file) {
  scripted_node node;
  node.answers = {
    ok(1),
    ok(
      1, 1,
      R"({"record":1,"line":1,"code":"schema_violation","pointer":"/a","detail":"no\n"})")};
  const auto totals = node.send("aaaa\n\nbb\ncc\n", body_format::text, 7);
  EXPECT_EQ(node.out.str(), "rejected record 2 line 3 schema_violation /a no\\x0a\n");
  EXPECT_EQ(totals.rejected, 1u);
  EXPECT_FALSE(totals.all_stored());
}

TEST(send, only_so_many_rejected_records_are_printed_and_the_rest_is_counted) {
  scripted_node node;
  const std::string error =
    R"({"record":1,"line":1,"code":"c","pointer":"","detail":"d"})";
  node.answers = {ok(0, 5, error + "," + error + "," + error)};
  node.send("a\n", body_format::text, 64, 5, 2);
  EXPECT_EQ(node.out.str(), "rejected record 1 line 1 c d\nrejected record 1 line 1 c d\n"
                            "… and 3 more rejected records\n");
}

TEST(send, a_request_of_which_all_was_rejected_does_not_stop_the_others) {
  scripted_node node;
  node.answers = {
    http_answer{422, "", R"({"title":"t","accepted":0,"rejected":1,"errors":[]})"},
    http_answer{413, "", R"({"title":"too large","detail":"d"})"}, ok(1)};
  const auto totals = node.send("aaaa\nbbbb\ncccc\n", body_format::text, 5);
  EXPECT_EQ(totals.accepted, 1u);
  EXPECT_EQ(totals.rejected, 1u);
  EXPECT_EQ(totals.failed, 1u);
  EXPECT_THAT(node.out.str(),
              HasSubstr("not stored: record 2, line 2: HTTP 413: too large: d"));
}

TEST(send, an_answer_that_would_come_again_stops_the_run) {
  for (const int status : {401, 403, 404, 301}) {
    scripted_node node;
    node.answers = {http_answer{status, "", ""}};
    const auto totals = node.send("a\nb\n", body_format::text, 2);
    EXPECT_EQ(node.requests.size(), 1u);
    EXPECT_FALSE(totals.stopped.empty());
  }
}

TEST(send, an_answer_that_is_not_weirs_is_not_taken_for_stored) {
  for (const auto* body : {"", "[]", "<html>", "{\"accepted\":", "{}"}) {
    scripted_node node;
    node.answers = {http_answer{200, "", body}};
    EXPECT_EQ(node.send("a\n", body_format::text, 64).failed, 1u) << body;
  }
}

TEST(retry, no_repetition_begins_after_the_timeout_and_a_last_one_just_before_it) {
  auto now = retry_policy::clock::time_point{};
  retry_policy retry{1000, 7, 10s, [&] { return now; }};
  retry.begin();
  auto waited = 0ms;
  for (uint32_t attempt = 0; const auto wait = retry.delay(attempt, ""); ++attempt) {
    waited += *wait;
    now += *wait;
  }
  EXPECT_EQ(waited, 10s);
  now = {};
  retry.begin();
  EXPECT_TRUE(retry.delay(0, "8"));
  EXPECT_FALSE(retry.delay(0, "11")); // what a node asks for is never cut short
  now += 9s;
  EXPECT_FALSE(retry.delay(0, "2"));
  retry.begin(); // another request has its own time
  EXPECT_TRUE(retry.delay(0, "2"));
}

TEST(retry, the_wait_grows_but_not_without_bound_and_ends) {
  retry_policy retry{30, 7};
  for (uint32_t attempt = 0; attempt < 30; ++attempt) {
    const auto wait = retry.delay(attempt, "");
    ASSERT_TRUE(wait);
    EXPECT_LE(*wait, retry_policy::longest_delay);
    EXPECT_GE(*wait, 50ms);
  }
  EXPECT_FALSE(retry.delay(30, "1"));
  EXPECT_LE(*retry.delay(0, "99999999"), 661s);
  EXPECT_LE(*retry.delay(0, "Wed, 21 Oct 2015 07:28:00 GMT"), 500ms);
}

TEST(progress, the_bar_fills_and_stays_within_the_terminal) {
  progress_state s{3 << 20, 6 << 20, 1'234'567, 1'234'000, 567, 2, ""};
  EXPECT_EQ(
    render_progress(s, 200),
    "[############------------]  50%  3.0/6.0 MiB  617,283 rec/s  accepted 1,234,000  "
    "rejected 567");
  EXPECT_LE(render_progress(s, 40).size(), 40u);
  s.bytes_total.reset();
  EXPECT_THAT(render_progress(s, 200), testing::StartsWith("3.0 MiB  "));
  s.bytes = 9 << 20;
  s.bytes_total = 6 << 20;
  EXPECT_THAT(render_progress(s, 200), HasSubstr("100%"));
}

TEST(send, leaves_it_to_the_stream_what_a_2xx_waits_for) {
  scripted_node node;
  node.answers = {ok(1), ok(1)};
  node.send("aaaa\nbbbb\n", body_format::text, 5);
  EXPECT_EQ(node.requests[0].ack, "");
  EXPECT_EQ(node.requests[1].ack, "");
}

TEST(send, takes_no_202_for_stored_but_asks_again_for_the_verdict) {
  scripted_node node;
  node.answers = {
    http_answer{202, "", R"({"batch":"0"})"},
    http_answer{200, "", R"({"accepted":1,"rejected":0,"duplicate":true,"errors":[]})"}};
  const auto totals = node.send("aaaa\nbbbb\n", body_format::text, 5);
  ASSERT_EQ(node.requests.size(), 3u);
  EXPECT_EQ(node.requests[1].ack, "durable");
  EXPECT_EQ(node.requests[1].key, node.requests[0].key);
  EXPECT_EQ(node.requests[2].ack, "durable"); // the second request asks at once
  EXPECT_EQ(node.requests[2].key, "run-1");
  EXPECT_EQ(totals.accepted, 2u);
  EXPECT_EQ(totals.repeated, 0u); // the run itself had sent it before
  EXPECT_TRUE(node.waits.empty());
}

TEST(send, a_202_where_a_verdict_was_asked_for_is_not_taken_for_stored) {
  scripted_node node;
  node.answers = {http_answer{202, "", R"({"batch":"0"})"},
                  http_answer{202, "", R"({"batch":"0"})"}};
  const auto totals = node.send("one\ntwo\n", body_format::text, 100);
  EXPECT_EQ(totals.accepted, 0u);
  EXPECT_EQ(totals.failed, 2u);
  EXPECT_THAT(node.out.str(), HasSubstr("HTTP 202"));
}

TEST(send, what_may_be_stored_is_not_called_not_stored) {
  const http_answer late{503, "1", R"({"code":"deadline_exceeded","title":"t"})"};
  const http_answer full{503, "1", R"({"code":"saturated","title":"t"})"};
  const auto cut_off = [] { return fail(ec::deadline_exceeded, "the connection ended"); };
  const std::vector<std::vector<result<http_answer>>> doubtful = {
    {late, late},
    {late, full},
    {cut_off(), full},
    {cut_off(), fail(ec::io_failed, "x")},
    {http_answer{504, "", ""}, full}};
  for (const auto& answers : doubtful) {
    scripted_node node;
    node.answers.assign(answers.begin(), answers.end());
    const auto totals = node.send("a\nb\n", body_format::text, 64, 1);
    EXPECT_EQ(totals.unknown, 2u);
    EXPECT_EQ(totals.failed, 0u);
    EXPECT_THAT(node.out.str(),
                HasSubstr("not known to be stored: records 1 … 2, lines 1 … 2: "));
    EXPECT_FALSE(totals.all_stored());
  }
  scripted_node node;
  node.answers = {full, fail(ec::io_failed, "refused")};
  EXPECT_EQ(node.send("a\nb\n", body_format::text, 64, 1).failed, 2u);
}

TEST(send, how_far_the_file_is_done_ends_at_the_first_record_that_is_not) {
  scripted_node node;
  node.answers = {ok(1), http_answer{401, "", ""}};
  const auto totals = node.send("aaaa\n\nbb\ncc\n", body_format::text, 6);
  EXPECT_EQ(totals.settled, 1u);
  EXPECT_EQ(totals.settled_line, 1);
}

TEST(send, says_each_wait_also_where_no_terminal_is) {
  scripted_node node;
  node.answers = {http_answer{503, "2", R"({"title":"full"})"}, ok(1)};
  testing::internal::CaptureStderr();
  EXPECT_EQ(node.send("a\n", body_format::text, 64).accepted, 1u);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::MatchesRegex("waiting 2\\.[0-9] s: HTTP 503: full\n"));
}

TEST(send, a_derived_key_is_of_the_body_too) {
  const auto keys_of = [](const std::string& text) {
    scripted_node node;
    node.change = [](send_terms& terms) { terms.key_has_digest = true; };
    node.send(text, body_format::text, 5);
    std::vector<std::string> keys;
    for (const auto& request : node.requests)
      keys.push_back(request.key);
    return keys;
  };
  const auto keys = keys_of("aaaa\nbbbb\n");
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_THAT(keys[0], testing::MatchesRegex("run-0-[0-9a-f]{16}"));
  EXPECT_THAT(keys[1], testing::MatchesRegex("run-1-[0-9a-f]{16}"));
  EXPECT_EQ(keys_of("aaaa\nbbbb\n"), keys);
  const auto other = keys_of("aaaa\nbbbc\n");
  EXPECT_EQ(other[0], keys[0]);
  EXPECT_NE(other[1], keys[1]);
}

TEST(send, quarantined_records_count_as_rejected) {
  scripted_node node;
  node.answers = {http_answer{
    200, "", R"({"accepted":1,"rejected":2,"quarantined":3,"dropped":4,"errors":[]})"}};
  const auto totals = node.send("a\n", body_format::text, 64);
  EXPECT_EQ(totals.accepted, 1u);
  EXPECT_EQ(totals.rejected, 5u);
  EXPECT_EQ(totals.dropped, 4u);
  EXPECT_FALSE(totals.all_stored());
}

TEST(send, what_is_durable_before_a_refused_line_is_not_sent_again) {
  scripted_node node;
  node.answers = {http_answer{
    413, "", R"({"title":"t","code":"body_too_large","durable_records":4,"line":2})"}};
  node.send("1\n2\n3\n4\n5\n6\n7\n8\n", body_format::text, 64);
  ASSERT_GT(node.requests.size(), 1u);
  std::string again;
  for (size_t i = 1; i < node.requests.size(); ++i)
    again += node.requests[i].body;
  EXPECT_EQ(again, "5\n6\n7\n8\n");
}

TEST(send, a_refusal_behind_the_last_record_costs_none) {
  scripted_node node;
  node.answers = {
    http_answer{413, "", R"({"title":"t","code":"body_too_large","durable_records":3})"}};
  const auto totals = node.send("1\n2\n3\n", body_format::text, 64);
  EXPECT_EQ(node.requests.size(), 1u);
  EXPECT_EQ(totals.failed, 0u);
  EXPECT_EQ(totals.settled, 3u);
  EXPECT_EQ(totals.stopped, "");
}

TEST(send, what_a_pipe_gave_is_sent_though_somebody_asks_to_stop) {
  for (const bool is_pipe : {true, false}) {
    scripted_node node;
    node.change = [&](send_terms& terms) {
      terms.stopped = [] { return true; };
      terms.finish_what_was_read = is_pipe;
    };
    const auto totals = node.send("aaaa\nbbbb\n", body_format::text, 5);
    EXPECT_EQ(node.requests.size(), is_pipe ? 2u : 0u);
    EXPECT_TRUE(totals.interrupted);
  }
}
