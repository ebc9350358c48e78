#include "records/formats/framer.hpp"

#include "tests/records/formats/framing_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <utility>

using namespace weir;
using namespace weir::test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

constexpr framing_limits small{.record_bytes_max = 10, .csv_columns_max = 3};

} // namespace

// -- encodings

TEST(framer, refuses_utf_16_and_utf_32_of_any_format_and_says_so) {
  using namespace std::string_view_literals;
  const std::pair<std::string_view, const char*> bodies[] = {
    {"\xFF\xFEt\0w\0\n\0"sv, "UTF-16, as its byte order mark"},
    {"\xFE\xFF\0t\0w\0\n"sv, "UTF-16, as its byte order mark"},
    {"\xFF\xFE\0\0t\0\0\0"sv, "UTF-32, as its byte order mark"},
    {"\0\0\xFE\xFF\0\0\0t"sv, "UTF-32, as its byte order mark"},
    {"{\0\"\0a\0\"\0:\0001\0}\0"sv, "UTF-16: every other byte"},
    {"\0t\0w\0o"sv, "UTF-16: every other byte"},
    {"t\0\0\0w\0\0\0"sv, "UTF-32: three of four"},
    {"\0\0\0t\0\0\0w"sv, "UTF-32: three of four"},
    {"G\0r\0\xFC\0\xDF\0e\0,\0 \0z\0"sv, "UTF-16: every other byte"}};
  for (const auto format :
       {body_format::json, body_format::ndjson, body_format::csv, body_format::text})
    for (const auto& [body, why] : bodies) {
      expect_failure(frame_whole(format, body), ec::malformed_body, why);
      dice random{7};
      expect_failure(frame_pieces(format, body, random, 2), ec::malformed_body, why);
    }
}

TEST(framer, takes_text_with_a_nul_or_two_and_short_text) {
  using namespace std::string_view_literals;
  for (const auto text : {"a\0b"sv, "a\0"sv, "x\0\0\0y"sv, "ab\0\0cd"sv, "\0\0\0\0"sv,
                          "plain text\0"sv, "\xFF"sv, "\xEF\xBB"sv})
    EXPECT_THAT(frame(body_format::text, text), ElementsAre(std::string{text}));
}

// -- ndjson and text

TEST(ndjson_framer, finds_one_record_a_line_and_strips_the_cr_before_the_lf) {
  EXPECT_THAT(frame(body_format::ndjson, "{\"a\":1}\n{\"b\":2}\r\n[3]\n"),
              ElementsAre("{\"a\":1}", "{\"b\":2}", "[3]"));
}

TEST(ndjson_framer, takes_a_last_line_without_a_line_end) {
  EXPECT_THAT(frame(body_format::ndjson, "1\n2"), ElementsAre("1", "2"));
}

TEST(ndjson_framer, skips_blank_lines_but_counts_them) {
  const auto all = frame_whole(body_format::ndjson, "\n \t\r\n{}\n\r\n[]\n\n");
  EXPECT_THAT(texts(all), ElementsAre("{}", "[]"));
  EXPECT_THAT(lines(all), ElementsAre(2, 4));
}

TEST(ndjson_framer, makes_no_record_of_an_empty_body) {
  EXPECT_THAT(frame(body_format::ndjson, ""), IsEmpty());
  EXPECT_THAT(frame(body_format::ndjson, "\n \n"), IsEmpty());
}

TEST(ndjson_framer, skips_a_byte_order_mark) {
  EXPECT_THAT(frame(body_format::ndjson, "\xEF\xBB\xBF{}\n"), ElementsAre("{}"));
  EXPECT_THAT(frame(body_format::text, "\xEF\xBB"), ElementsAre("\xEF\xBB"));
}

TEST(ndjson_framer, takes_a_record_of_exactly_the_limit_and_refuses_one_byte_more) {
  EXPECT_THAT(texts(frame_whole(body_format::ndjson, "0123456789\r\n0123456789", small)),
              ElementsAre("0123456789", "0123456789"));
  const auto over = frame_whole(body_format::ndjson, "1\n\n01234567890\n", small);
  expect_failure(over, ec::body_too_large, "line 3");
  expect_failure(over, ec::body_too_large, "10 bytes");
  EXPECT_EQ(over.records.size(), 1U);
}

TEST(ndjson_framer, refuses_a_record_over_the_limit_before_its_end_has_come) {
  framer frames{body_format::ndjson, small};
  std::vector<record_ref> refs;
  EXPECT_TRUE(frames.scan("0123456789", false, 9, refs));
  EXPECT_TRUE(frames.scan("0123456789\r", false, 9, refs)) << "the CR may end the line";
  const auto over = frames.scan("0123456789\rx", false, 9, refs);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ec::body_too_large);
}

TEST(ndjson_framer, stays_failed_once_it_failed) {
  framer frames{body_format::ndjson, small};
  std::vector<record_ref> refs;
  EXPECT_FALSE(frames.scan("012345678901", false, 9, refs));
  EXPECT_FALSE(frames.scan("1\n", true, 9, refs));
  EXPECT_FALSE(frames.finished());
  EXPECT_THAT(refs, IsEmpty());
}

TEST(ndjson_framer, refuses_endless_blank_lines) {
  const std::string blank((size_t{64} << 10) + 1, '\n');
  expect_failure(frame_whole(body_format::ndjson, "{}\n" + blank + "{}\n"), ec::none, "");
  expect_failure(frame_whole(body_format::ndjson, "{}\n" + blank + "{}\n", small),
                 ec::body_too_large, "line 2");
}

TEST(framer, stops_after_records_max_and_goes_on_from_there) {
  framer frames{body_format::text, {}};
  const std::string_view body = "a\nb\nc\nd\n";
  std::vector<record_ref> refs;
  ASSERT_TRUE(frames.scan(body, true, 2, refs));
  EXPECT_EQ(refs.size(), 2U);
  EXPECT_EQ(frames.consumed(), 4U);
  EXPECT_FALSE(frames.finished());
  ASSERT_TRUE(frames.scan(body, true, 2, refs));
  EXPECT_EQ(refs.size(), 4U);
  EXPECT_TRUE(frames.finished());
}

TEST(framer, counts_records_and_lines_from_the_last_rebase) {
  framer frames{body_format::text, {}};
  std::string body = "a\n\nb\nc\n";
  std::vector<record_ref> refs;
  ASSERT_TRUE(frames.scan(body, true, 2, refs));
  body.erase(0, frames.consumed());
  frames.rebase();
  EXPECT_EQ(frames.consumed(), 0U);
  EXPECT_EQ(frames.record_base(), 2U);
  EXPECT_EQ(frames.line_base(), 3U);
  refs.clear();
  ASSERT_TRUE(frames.scan(body, true, 9, refs));
  ASSERT_EQ(refs.size(), 1U);
  EXPECT_EQ(refs[0].offset, 0U);
  EXPECT_EQ(refs[0].record, 0U);
  EXPECT_EQ(refs[0].line, 0U);
}

TEST(framer, throws_when_offsets_would_overflow) {
  framer frames{body_format::text, {}};
  std::vector<record_ref> refs;
  // Never looked at: the size alone is refused.
  const std::string_view huge{"", size_t{1} << 32};
  EXPECT_THROW((void)frames.scan(huge, false, 1, refs), std::length_error);
}

TEST(text_framer, keeps_lines_of_blanks_and_skips_empty_ones) {
  const auto all = frame_whole(body_format::text, "a b\r\n\r\n  \n\nlast\r");
  EXPECT_THAT(texts(all), ElementsAre("a b", "  ", "last"));
  EXPECT_THAT(lines(all), ElementsAre(0, 2, 4));
}

// -- json

TEST(json_framer, takes_an_object_as_one_record) {
  EXPECT_THAT(frame(body_format::json, " {\"a\":[1,{\"b\":2}]}\n "),
              ElementsAre("{\"a\":[1,{\"b\":2}]}"));
}

TEST(json_framer, takes_the_elements_of_an_array_whatever_they_are) {
  EXPECT_THAT(
    frame(body_format::json, "[{\"a\":1} , [2,3],\"x,]\\\"\",4,-1.5e3,null ,true]"),
    ElementsAre("{\"a\":1}", "[2,3]", "\"x,]\\\"\"", "4", "-1.5e3", "null", "true"));
  EXPECT_THAT(frame(body_format::json, "[ ]"), IsEmpty());
}

TEST(json_framer, does_not_look_for_brackets_in_strings) {
  const std::string record = R"({"a}":"]}\\\"}","b\\":"{[","c":"\\"})";
  EXPECT_THAT(frame(body_format::json, "[" + record + "," + record + "]"),
              ElementsAre(record, record));
}

TEST(json_framer, says_the_physical_line_of_pretty_printed_records) {
  const auto all = frame_whole(body_format::json,
                               "[\n  {\n    \"a\": 1\n  },\n  {\n \"b\": [\n2]\n},\n3]");
  EXPECT_EQ(all.records.size(), 3U);
  EXPECT_THAT(lines(all), ElementsAre(1, 4, 8));
}

TEST(json_framer, refuses_what_is_not_one_array_or_object) {
  const auto refused = [](std::string_view body, std::string_view why) {
    expect_failure(frame_whole(body_format::json, body), ec::malformed_body, why);
  };
  refused("", "line 1: the body is empty");
  refused(" \n\n", "line 3: the body is empty");
  refused("17", "expected an object or an array, got '1'");
  refused("\"text\"", "expected an object or an array");
  refused("{}\n{}", "line 2: expected nothing behind the JSON value");
  refused("[] x", "expected nothing behind");
  refused("[{},]", "expected a value, got ']'");
  refused("[,{}]", "expected a value, got ','");
  refused("[{}\n{}]", "line 2: expected a comma or ], got '{'");
  refused("[}", "expected a value");
  refused("[\n{}", "line 2: the array does not end");
  refused("\n[{},\n{\"a\":\"", "line 3: the value that begins here does not end");
  refused("[\"abc]", "line 1: the value that begins here does not end");
  refused("[12", "line 1: the value that begins here does not end");
  refused("]", "expected an object or an array");
}

TEST(json_framer, finds_the_end_of_a_record_however_deep_it_is) {
  EXPECT_THAT(frame(body_format::json, "[1,\n[[[[[[[[[[]]]]]]]]]],\n{}]"),
              ElementsAre("1", "[[[[[[[[[[]]]]]]]]]]", "{}"));
  const std::string deep = std::string(500'000, '[') + std::string(500'000, ']');
  const auto found = frame(body_format::json, "[" + deep + ",2]");
  EXPECT_TRUE(found == (strings{deep, "2"})) << found.size();
  expect_failure(frame_whole(body_format::json, std::string(1'000'000, '[')),
                 ec::malformed_body, "line 1: the value that begins here does not end");
  expect_failure(frame_whole(body_format::json, std::string(2'000'000, '[')),
                 ec::body_too_large, "the record");
}

TEST(json_framer, refuses_records_and_gaps_over_their_limit) {
  for (const std::string value :
       {"{\"a\": 1234}", "\"012345678\"", "01234567890", "[\"\\\"\\\"\\\"x\"]"})
    expect_failure(frame_whole(body_format::json, "[\n" + value + "]", small),
                   ec::body_too_large, "line 2: the record");
  EXPECT_THAT(texts(frame_whole(body_format::json, "[{\"a\":1234}]", small)),
              ElementsAre("{\"a\":1234}"));
  const std::string gap((size_t{64} << 10) + 1, ' ');
  expect_failure(frame_whole(body_format::json, "[1," + gap + "2]", small),
                 ec::body_too_large, "65536 bytes without a record");
}

// -- csv

TEST(csv_framer, takes_rows_and_keeps_the_header_apart) {
  const auto all = frame_whole(body_format::csv, "a,\"b \"\"c\"\"\"\r\n1,2\r\n3,4");
  EXPECT_THAT(texts(all), ElementsAre("1,2", "3,4"));
  EXPECT_THAT(all.header.names, ElementsAre("a", "b \"c\""));
  EXPECT_THAT(lines(all), ElementsAre(1, 2));
}

TEST(csv_framer, keeps_line_ends_commas_and_quotes_inside_quotes) {
  const auto all =
    frame_whole(body_format::csv, "a,b\n\"x\ny\",\"\"\"\n\"\"\"\n1,2\n\"\r\n\",3\n4,5\n");
  EXPECT_THAT(texts(all),
              ElementsAre("\"x\ny\",\"\"\"\n\"\"\"", "1,2", "\"\r\n\",3", "4,5"));
  EXPECT_THAT(lines(all), ElementsAre(1, 4, 5, 7));
}

TEST(csv_framer, does_not_let_a_stray_quote_swallow_the_next_rows) {
  EXPECT_THAT(frame(body_format::csv, "a,b\nx\"y,2\n\"q\"r\"\n3,4\n\"5\"6,\"7\n8\"\n"),
              ElementsAre("x\"y,2", "\"q\"r\"", "3,4", "\"5\"6,\"7\n8\""));
}

TEST(csv_framer, skips_a_byte_order_mark_and_empty_lines) {
  const auto all = frame_whole(body_format::csv, "\xEF\xBB\xBF\r\n\na,b\n\n1,2\n\r\n");
  EXPECT_THAT(all.header.names, ElementsAre("a", "b"));
  EXPECT_THAT(texts(all), ElementsAre("1,2"));
  EXPECT_THAT(lines(all), ElementsAre(4));
  EXPECT_THAT(frame_whole(body_format::csv, "\xEF\xBB\xBF\"a\",b\n").header.names,
              ElementsAre("a", "b"));
}

TEST(csv_framer, makes_no_record_of_an_empty_body_or_a_header_alone) {
  EXPECT_THAT(frame(body_format::csv, ""), IsEmpty());
  EXPECT_THAT(frame(body_format::csv, "a,b"), IsEmpty());
  EXPECT_THAT(frame(body_format::csv, "a,b\r\n"), IsEmpty());
}

TEST(csv_framer, gives_an_unterminated_quote_at_the_end_as_a_record) {
  EXPECT_THAT(frame(body_format::csv, "a\n\"b\nc"), ElementsAre("\"b\nc"));
  expect_failure(frame_whole(body_format::csv, "a\n\"b\nc34567890", small),
                 ec::body_too_large, "line 2");
}

TEST(csv_framer, refuses_bad_headers_and_names_the_column) {
  const auto refused = [](std::string_view body, std::string_view why) {
    expect_failure(
      frame_whole(body_format::csv, body, {.record_bytes_max = 99, .csv_columns_max = 3}),
      ec::malformed_body, why);
  };
  refused("a,b,a\n", "line 1: csv header, column 3: the name \"a\" is there twice");
  refused("\n\na,,b\n", "line 3: csv header, column 2: it has no name");
  refused("a,\n", "column 2: it has no name");
  refused("\"\"\n", "column 1: it has no name");
  refused("a,b,c,d\n", "column 4: more than 3 columns");
  refused("a,\xff\n", "column 2: the name is not UTF-8");
  refused("\xff,a\n", "column 1: the name is not UTF-8");
  refused("a,b,\"\xc3\"\"\",d\n", "column 3: the name is not UTF-8");
  refused("a,b\"\n", "column 2: a quote in an unquoted name");
  refused("\"a\"b\n", "column 1: text behind the closing quote");
  refused("\"a", "column 1: the quoted name does not end");
  refused("a\rb\rc", "column 1: a carriage return");
}

TEST(csv_framer, consumes_nothing_before_the_first_record) {
  framer frames{body_format::csv, {}};
  std::vector<record_ref> refs;
  ASSERT_TRUE(frames.scan("a,b\n1,", false, 9, refs));
  EXPECT_NE(frames.header(), nullptr);
  EXPECT_EQ(frames.consumed(), 0U);
  ASSERT_TRUE(frames.scan("a,b\n1,2\n", false, 9, refs));
  EXPECT_EQ(frames.consumed(), 8U);
  ASSERT_EQ(refs.size(), 1U);
  EXPECT_EQ(refs[0].offset, 4U);
}

// -- csv dialects

namespace {

framing in_dialect(std::string_view body, char delimiter, csv_names names) {
  framing_limits limits;
  limits.csv = {delimiter, names};
  const auto whole = frame_whole(body_format::csv, body, limits);
  dice random{body.size()};
  const auto pieces = frame_pieces(body_format::csv, body, random, 3, limits);
  EXPECT_EQ(whole.records, pieces.records);
  EXPECT_EQ(whole.header, pieces.header);
  EXPECT_EQ(whole.failure.text, pieces.failure.text);
  return whole;
}

} // namespace

TEST(csv_framer, divides_by_the_delimiter_that_is_named) {
  for (const char d : {';', '\t', '|', ':', ' ', '\x01', '\\', '{'}) {
    std::string body = "a,b;\"x;y\n\"\n1,2;\"3\n4\"\n";
    std::replace(body.begin(), body.end(), ';', d);
    const auto all = in_dialect(body, d, csv_names::required);
    ASSERT_EQ(all.header.names.size(), 2u) << d;
    EXPECT_EQ(all.header.names[0], "a,b");
    EXPECT_EQ(all.header.delimiter, d);
    EXPECT_EQ(all.records.size(), 1u) << "a quote opens behind the delimiter only: " << d;
  }
}

TEST(csv_framer, refuses_a_header_of_one_name_with_another_delimiter_in_it) {
  for (const auto& [body, name] :
       std::initializer_list<std::pair<const char*, const char*>>{
         {"a;b;c\n1;2;3\n", "semicolon"},
         {"id;name\n1;x\n", "semicolon"},
         {"a\tb\n1\t2\n", "tab"},
         {"a|b\n1|2\n", "pipe"}})
    for (const auto names : {csv_names::required, csv_names::mended, csv_names::absent}) {
      expect_failure(in_dialect(body, ',', names), ec::malformed_body,
                     std::string{"delimiter="} + name);
      expect_failure(in_dialect(body, ',', names), ec::malformed_body, "csv_delimiter");
    }
  expect_failure(in_dialect("a,b,c\n1,2,3\n", ';', csv_names::required),
                 ec::malformed_body, "delimiter=comma");
  EXPECT_EQ(in_dialect("\"a;b\"\n1\n", ',', csv_names::required).header.names,
            strings{"a;b"});
  EXPECT_THAT(texts(in_dialect("a;b,c\n1,2\n", ',', csv_names::required)),
              ElementsAre("1,2"));
}

TEST(csv_framer, makes_names_when_it_is_asked_to) {
  const auto mended =
    in_dialect("id,,name,name,column_2,\n1,2,3,4,5,6\n", ',', csv_names::mended);
  EXPECT_EQ(mended.header.names,
            (strings{"id", "column_2", "name", "column_4", "column_5", "column_6"}));
  EXPECT_THAT(texts(mended), ElementsAre("1,2,3,4,5,6"));
  const auto absent = in_dialect("\n1,\"2,\n3\",x\n4,5,6\n", ',', csv_names::absent);
  EXPECT_EQ(absent.header.names, (strings{"column_1", "column_2", "column_3"}));
  EXPECT_THAT(texts(absent), ElementsAre("1,\"2,\n3\",x", "4,5,6"));
  EXPECT_THAT(lines(absent), ElementsAre(1, 3));
  expect_failure(in_dialect("a,,b\n1,2,3\n", ',', csv_names::required),
                 ec::malformed_body, "column 2: it has no name (csv_header: mended");
}
