#include "http/wire/answer.hpp"
#include "http/wire/problem.hpp"

#include <gtest/gtest.h>

using namespace weir;

namespace {

rejection at(uint32_t record, uint32_t line) {
  return {0, record, line, reject::schema_violation, "/amount", "must be a \"number\"",
          ""};
}

} // namespace

TEST(answer, is_what_the_design_shows) {
  batch_part part;
  part_receipt receipt;
  receipt.accepted = 498;
  receipt.rejected = 2;
  verdicts v;
  const std::vector<rejection> list{at(16, 17)};
  v.add(part, receipt, list);
  std::string out;
  append_answer(out, {1, 2}, v);
  EXPECT_EQ(out,
            R"({"batch":"00000000000000010000000000000002","accepted":498,"rejected":2,)"
            R"("errors":[{"record":17,"line":18,"code":"schema_violation",)"
            R"("pointer":"/amount","detail":"must be a \"number\""}]})");
}

TEST(answer, counts_records_and_lines_over_the_whole_request_and_orders_them) {
  batch_part late;
  late.record_base = 1000;
  late.line_base = 2000;
  verdicts v;
  const std::vector<rejection> second{at(5, 6), at(1, 2)};
  const std::vector<rejection> first{at(3, 3)};
  v.add(late, {}, second);
  v.add({}, {}, first);
  ASSERT_EQ(v.errors().size(), 3u);
  EXPECT_EQ(v.errors()[0].record, 4u);
  EXPECT_EQ(v.errors()[1].record, 1002u);
  EXPECT_EQ(v.errors()[1].line, 2003u);
  EXPECT_EQ(v.errors()[2].record, 1006u);
}

TEST(answer, keeps_the_first_hundred_errors_whatever_order_they_come_in) {
  verdicts v;
  for (uint32_t i = 300; i-- > 0;) {
    const std::vector<rejection> one{at(i, i)};
    v.add({}, {}, one);
  }
  EXPECT_EQ(v.errors().size(), 100u);
  EXPECT_EQ(v.errors().back().record, 100u);
  EXPECT_TRUE(v.errors_truncated());
}

TEST(answer, a_batch_that_is_rejected_as_a_whole_leaves_no_more_than_a_hundred_errors) {
  std::vector<rejection> all;
  for (uint32_t i = 0; i < 4096; ++i)
    all.push_back(at(i, i));
  verdicts v;
  v.add({}, {}, all);
  EXPECT_EQ(v.errors().size(), 100u);
  EXPECT_EQ(v.errors().front().record, 1u);
  EXPECT_EQ(v.errors().back().record, 100u) << "the first, not the latest";
  EXPECT_LE(v.errors().capacity(), 2 * verdicts::errors_max);
  EXPECT_LE(v.bytes(), 2 * verdicts::errors_max * (sizeof(record_error) + 64));
  std::vector<rejection> backwards{all.rbegin(), all.rend()};
  verdicts w;
  w.add({}, {}, backwards);
  ASSERT_EQ(w.errors().size(), 100u);
  EXPECT_EQ(w.errors().front().record, 1u);
  EXPECT_EQ(w.errors().back().record, 100u);
  EXPECT_LE(w.errors().capacity(), 2 * verdicts::errors_max);
}

TEST(answer, errors_that_are_forgotten_are_told_as_truncated) {
  verdicts v;
  v.add({}, {}, std::vector<rejection>{at(3, 3)});
  v.forget_errors();
  EXPECT_TRUE(v.errors().empty());
  EXPECT_EQ(v.errors().capacity(), 0u);
  EXPECT_TRUE(v.errors_truncated());
}

TEST(answer, passes_over_the_rejections_of_other_parts) {
  verdicts v;
  auto other = at(1, 1);
  other.part = 7;
  const std::vector<rejection> list{other};
  v.add({}, {}, list);
  EXPECT_TRUE(v.errors().empty());
}

TEST(answer, is_a_duplicate_only_when_every_part_is) {
  verdicts v;
  part_receipt again;
  again.duplicate = true;
  v.add({}, again, {});
  EXPECT_TRUE(v.duplicate());
  v.add({}, {}, {});
  EXPECT_FALSE(v.duplicate());
}

TEST(json_string, escapes_control_bytes_and_replaces_what_is_no_utf8) {
  std::string out;
  append_json_string(out, "a\"\\\n\x01\x7f\xff\xc3\xa4\xed\xa0\x80z");
  EXPECT_EQ(out, "\"a\\\"\\\\\\u000a\\u0001\\u007f\xef\xbf\xbd\xc3\xa4"
                 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
}

TEST(json_string, passes_through_every_character_and_nothing_else) {
  const auto written = [](std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out.substr(1, out.size() - 2);
  };
  for (const std::string_view good :
       {"\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_EQ(written(good), good);
  // overlong, surrogates, beyond U+10FFFF, cut off, a continuation alone
  for (const std::string_view bad :
       {"\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xE0\x9F\xBF", "\xF0\x80\x80\xAF",
        "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xFE", "\xE2\x82", "\xF0\x9F\x98", "\x80"}) {
    std::string replaced;
    for (size_t i = 0; i < bad.size(); ++i)
      replaced += "\xEF\xBF\xBD";
    EXPECT_EQ(written(bad), replaced) << bad.size();
  }
}

/// A text may be a part of a longer one, whose next byte would make a character of it.
TEST(json_string, looks_at_no_byte_behind_its_text) {
  for (const std::string_view whole : {"\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
    std::string out;
    append_json_string(out, whole.substr(0, whole.size() - 1));
    EXPECT_EQ(out.find(whole), std::string::npos);
    EXPECT_EQ(out.substr(0, 4), "\"\xEF\xBF\xBD");
  }
}

TEST(http_date, is_as_rfc_9110_writes_it) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(1709164800), "Thu, 29 Feb 2024 00:00:00 GMT");
}

TEST(problem, names_code_status_and_what_is_durable) {
  problem p{ec::saturated, "full", 7, 4096, nullptr, {}};
  std::string out;
  append_problem(out, p);
  EXPECT_EQ(
    out, R"({"type":"urn:weir:problem:saturated","title":"The node is at its capacity",)"
         R"("status":503,"detail":"full","code":"saturated","retry_after":7,)"
         R"("durable_records":4096})");
  EXPECT_EQ(problem_fields(p), "Retry-After: 7\r\n");
}
