#include "records/formats/media_type.hpp"
#include "records/formats/sniff.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;
using testing::HasSubstr;

namespace {

body_format named(std::string_view content_type) {
  const auto type = media_type_of(content_type);
  EXPECT_TRUE(type) << type.error().text;
  return type.value_or(media_type{body_format::text, {}, {}}).format;
}

std::string refused(std::string_view content_type) {
  const auto format = media_type_of(content_type);
  if (format)
    return "accepted";
  EXPECT_EQ(format.error().code, ec::unsupported_media_type);
  return format.error().text;
}

} // namespace

TEST(sniff, takes_one_object_as_json) {
  EXPECT_EQ(sniff("{\"a\":1}"), body_format::json);
  EXPECT_EQ(sniff(" {\"a\":\"}\"} "), body_format::json);
  EXPECT_EQ(sniff("\xEF\xBB\xBF{}"), body_format::json);
}

TEST(sniff, takes_an_object_that_spans_lines_as_json) {
  EXPECT_EQ(sniff("{\n  \"a\": 1\n}\n"), body_format::json);
  EXPECT_EQ(sniff("{\n  \"a\": {"), body_format::json);
}

TEST(sniff, takes_objects_on_lines_of_their_own_as_ndjson) {
  EXPECT_EQ(sniff("{\"a\":1}\n{\"a\":2}\n"), body_format::ndjson);
  EXPECT_EQ(sniff("{\"a\":\"\\\"}\"}\r\n{"), body_format::ndjson);
  EXPECT_EQ(sniff("\n{\"a\":1}\n"), body_format::ndjson) << "more lines may follow";
  EXPECT_EQ(sniff("{\"a\":\"a very long first"), body_format::ndjson);
}

TEST(sniff, takes_an_array_as_json_but_not_a_log_line_in_brackets) {
  for (const std::string_view json :
       {"[", "[{}]", "[\n  {", "[]", "[1,2]", "[-1.5e3]", "[\"a\"", "[null"})
    EXPECT_EQ(sniff(json), body_format::json) << json;
  for (const std::string_view log : {"[Fri Sep 09 10:42:29] [core:error] x",
                                     "[2024-01-02 03:04] x", "[error] x", "[12:30:01] x"})
    EXPECT_EQ(sniff(log), body_format::text) << log;
}

TEST(sniff, takes_a_header_with_rows_as_csv_and_all_else_as_text) {
  EXPECT_EQ(sniff("a,b\n1,2\n"), body_format::csv);
  EXPECT_EQ(sniff("\xEF\xBB\xBFname,age\nx,1"), body_format::csv);
  EXPECT_EQ(sniff("one line\nand, another"), body_format::text);
  EXPECT_EQ(sniff("127.0.0.1 - - [x] \"GET / HTTP/1.1\" 200"), body_format::text);
}

TEST(sniff, takes_a_log_line_with_a_comma_in_its_quotes_as_text) {
  EXPECT_EQ(sniff("::1 - - [x] \"GET /\" 200 \"Mozilla/5.0 (KHTML, like Gecko)\"\n"),
            body_format::text);
  EXPECT_EQ(sniff("\"a\",\"b \"\"c\"\"\"\r\n1,2\n"), body_format::csv);
  EXPECT_EQ(sniff("a,\"b\nc\",d\n1,2,3"), body_format::csv);
  EXPECT_EQ(sniff("\"a\"b,c\n"), body_format::text);
}

TEST(sniff, takes_log_lines_with_commas_as_text) {
  for (const std::string_view log :
       {"2026-11-27 08:24:55,950 INFO starting\n2026-11-27 08:24:56,001 INFO ready\n",
        "2026-11-27 08:24:55,950 INFO starting", "1,2\n3,4\n", "10.0.0.1,GET\n",
        "Nov 27 08:24:55 host app[1]: failed, retrying\n", "level=info, msg=x\n",
        "a,\n1,2\n", "a,a\n1,2\n", "<34>a, b\n", "[error] a, b\n[error] c, d\n",
        "starting, please wait\nready\n", "one, two\nthree, four, five"})
    EXPECT_EQ(sniff(log), body_format::text) << log;
}

TEST(sniff, takes_rows_of_as_many_fields_as_the_header_as_csv) {
  for (const std::string_view csv :
       {"a,b\r\n1,2\r\n", "a,b\n\n1,2", "\na,b\n1,2\n",
        "Full Name,E-Mail,Year 2024\nx,y,1\n", "a,\"b\nc\"\n\"1\n2\",3\n",
        "h\xC3\xB6he,x1\n2,\"a, b\"\n", "a;b,c\n1,2\n"})
    EXPECT_EQ(sniff(csv), body_format::csv) << csv;
  EXPECT_EQ(sniff("a,b,c\n1,2"), body_format::text);
  EXPECT_EQ(sniff("a,b,c\n" + std::string(5000, 'x')), body_format::csv)
    << "the second row is cut";
  EXPECT_EQ(sniff("a,b," + std::string(5000, '1')), body_format::csv)
    << "the header is cut";
}

TEST(sniff, takes_a_bracket_that_goes_on_as_an_array_does_as_json) {
  for (const std::string_view json :
       {"[1]", "[ ] \n", "[1,\n", "[{\"a\":\"]\"},{", "[tr", "[\"a\\\"]\", 2]", "[0]",
        "[[1],[2]]", "[1.", "[{\"a\":1}]\n", "[null,5]"})
    EXPECT_EQ(sniff(json), body_format::json) << json;
  for (const std::string_view log :
       {"[    0.000000] Linux version 6.1\n[    0.000000] Command line: x\n",
        "[12] started\n", "[] nothing", "[null] x", "[0123]", "[5, oo", "[\"a\n\"]",
        "[[core] x", "[true x]", "[1] [2]"})
    EXPECT_EQ(sniff(log), body_format::text) << log;
}

TEST(sniff, never_guesses_what_would_lose_lines_that_are_stored_as_text) {
  for (const std::string_view text :
       {"Hello, world\n",
        "Hello,world\n",
        "a,b",
        "a,b\n",
        "a,b\r\n\r\n",
        "Dear Sir, hello\nI am, yours\n",
        "one,two\nthree,four\nfive\n",
        "a,b\n1,2\n3,\"4\n",
        "a,b\n1,2\n\"3\"x,4\n",
        "Done.,Next.\nx,y\n",
        "it was a dark and stormy night,b\n1,2\n",
        "{pid 12} started\n{pid 13} stopped\n",
        "{\n  listen 80;\n}\n",
        "{{name}}, hello",
        "{1} x\n",
        "{\"a\":1} took 5 ms\n",
        "{\"a\":1}\nplain\n",
        "{\"a\":1}\n\n  at main.c:5\n  at x.c:1\n{\"b\":2}\n",
        "{\n\"a\":1\n}\nTraceback:\n",
        "[1, 2] then more\n",
        "[12, 345, x] y",
        "[1,2,3\nnext line",
        " ",
        "\t\n"})
    EXPECT_EQ(sniff(text), body_format::text) << text;
}

TEST(sniff, takes_what_was_meant_to_be_json_as_json_so_that_it_hears_what_is_wrong) {
  for (const std::string_view json :
       {"{\"a\":NaN}", "{\"a\":1,}", "{'a':1}", "{a:1}", "{ // x\n}",
        "{\"a\":1}{\"b\":2}", "{\"a\":1}}", "{\"a\":1},\n{\"b\":2}\n", "{\"a\":\n", "{",
        "{\"a\":\"x\n{\"b\":1}\n", "[1,]"})
    EXPECT_NE(sniff(json), body_format::text) << json;
  EXPECT_EQ(sniff("{\"a\":\"x\n{\"b\":1}\n"), body_format::ndjson)
    << "one line is cut off, the others are not";
  EXPECT_EQ(sniff("{\"a\":1}\nnonsense\n{\"b\":2}\n"), body_format::ndjson)
    << "a stray line hears that it is none";
}

TEST(sniff, knows_csv_by_the_stream_s_delimiter) {
  EXPECT_EQ(sniff("a;b\n1;2\n", ';'), body_format::csv);
  EXPECT_EQ(sniff("a;b\n1;2\n"), body_format::text);
}

TEST(sniff, looks_at_the_first_4_kib_only) {
  const std::string lines = "{\"a\":1}\n" + std::string(sniff_bytes_min, ' ');
  EXPECT_EQ(sniff(lines.substr(0, sniff_bytes_min)), body_format::ndjson);
  std::string rows = "a,b\n";
  while (rows.size() < sniff_bytes_min)
    rows += "1,2\n";
  EXPECT_EQ(sniff(rows.substr(0, sniff_bytes_min)), body_format::csv);
}

TEST(sniff, takes_nothing_as_text) {
  EXPECT_EQ(sniff(""), body_format::text);
  EXPECT_EQ(sniff("\n\r\n"), body_format::text);
}

TEST(looks_like_form, tells_forms_from_what_curl_says_is_one) {
  EXPECT_TRUE(is_form_type("Application/X-WWW-Form-URLencoded; charset=UTF-8"));
  EXPECT_FALSE(is_form_type("text/plain"));
  for (const std::string_view form :
       {"a=1", "a=1&b=2", "a=&b=2\n", "a=1%20b&c[]=x+y", "user=ada@example.org&n=1\r\n"})
    EXPECT_TRUE(looks_like_form(form)) << form;
  for (const std::string_view other :
       {"", "a", "a=1 b=2", "a=1\nb=2\n", "=1", "a=1&", "a=1&b", "{\"a\":1}", "a=1,b=2",
        "level=info msg=\"x\"", "a==1", "hello world"})
    EXPECT_FALSE(looks_like_form(other)) << other;
}

TEST(media_type_of, knows_the_four_formats_by_their_names) {
  EXPECT_EQ(named("application/json"), body_format::json);
  EXPECT_EQ(named("application/x-ndjson"), body_format::ndjson);
  EXPECT_EQ(named("text/csv"), body_format::csv);
  EXPECT_EQ(named("text/plain"), body_format::text);
}

TEST(media_type_of, knows_json_by_all_its_names) {
  for (const std::string_view json :
       {"application/json", "text/json", "application/x-json",
        "application/cloudevents+json", "application/vnd.api+json; charset=utf-8",
        "application/problem+JSON"})
    EXPECT_EQ(named(json), body_format::json) << json;
  for (const std::string_view lines :
       {"application/jsonl", "application/x-jsonl", "application/jsonlines",
        "application/x-jsonlines", "application/json-lines", "application/x-json-lines",
        "application/ndjson", "application/x-ndjson", "text/x-ndjson", "text/ndjson",
        "application/stream+json", "application/x-ldjson"})
    EXPECT_EQ(named(lines), body_format::ndjson) << lines;
}

TEST(media_type_of, does_not_care_for_case_or_blanks) {
  EXPECT_EQ(named(" Application/JSON \t;  CHARSET=UTF-8 "), body_format::json);
  EXPECT_EQ(named("text/csv;header=present;charset=\"utf-8\";"), body_format::csv);
}

TEST(media_type_of, ignores_parameters_it_does_not_know) {
  EXPECT_EQ(named("text/plain; format=flowed; x=\"a;charset=latin1\""),
            body_format::text);
}

TEST(media_type_of, refuses_other_charsets_and_says_which_one_works) {
  EXPECT_THAT(refused("text/plain; charset=iso-8859-1"), HasSubstr("charset=utf-8"));
  EXPECT_THAT(refused("text/plain; charset=\"utf-16\""), HasSubstr("charset=utf-8"));
}

TEST(media_type_of, reads_what_is_said_of_csv) {
  const auto delimiter = [](std::string_view type) {
    const auto read = media_type_of(type);
    EXPECT_TRUE(read) << type << ": " << (read ? "" : read.error().text);
    return read ? read->csv_delimiter.value_or('?') : '!';
  };
  for (const std::string_view semicolon :
       {"text/csv; delimiter=\";\"", "text/csv;delimiter=semicolon",
        "text/csv; Delimiter=%3b; header=present", "application/csv; delimiter=\"\\;\""})
    EXPECT_EQ(delimiter(semicolon), ';') << semicolon;
  for (const std::string_view tab :
       {"text/tab-separated-values", "text/tab-separated-values; charset=utf-8",
        "text/csv; delimiter=tab", "text/csv; delimiter=\"\t\"",
        "text/csv; delimiter=\"\\t\"", "text/csv; delimiter=\"\\\\t\"",
        "text/csv; delimiter=%09"})
    EXPECT_EQ(delimiter(tab), '\t') << tab;
  EXPECT_EQ(delimiter("text/csv; delimiter=|"), '|');
  EXPECT_EQ(delimiter("text/csv; delimiter=\"\x01\""), '\x01');
  EXPECT_EQ(delimiter("text/csv"), '?');
  EXPECT_EQ(delimiter("text/plain; delimiter=xyz"), '?') << "nobody's parameter";
  EXPECT_EQ(media_type_of("text/csv; header=absent")->csv_header, false);
  EXPECT_EQ(media_type_of("text/csv; header=Present")->csv_header, true);
  EXPECT_EQ(media_type_of("text/csv")->csv_header, std::nullopt);
}

TEST(media_type_of, refuses_delimiters_that_can_be_none) {
  for (const std::string_view bad :
       {"text/csv; delimiter=;", "text/csv; delimiter=\"\"", "text/csv; delimiter=x",
        "text/csv; delimiter=7", "text/csv; delimiter=\"\"\"\"",
        "text/csv; delimiter=%22", "text/csv; delimiter=%0A", "text/csv; delimiter=%0d",
        "text/csv; delimiter=\";;\"", "text/csv; delimiter=\xC3\xA9",
        "text/csv; delimiter=%00", "text/csv; delimiter=-"})
    EXPECT_NE(refused(bad), "accepted") << bad;
  EXPECT_THAT(refused("text/csv; delimiter=x"), HasSubstr("delimiter=\";\""));
  EXPECT_THAT(refused("text/csv; header=maybe"), HasSubstr("present or absent"));
}

TEST(media_type_of, reads_again_what_our_own_clients_write_for_every_delimiter) {
  for (int c = 1; c < 127; ++c) {
    if (!is_csv_delimiter(static_cast<char>(c)))
      continue;
    for (const auto names : {csv_names::required, csv_names::absent}) {
      const csv_dialect dialect{static_cast<char>(c), names};
      const auto type = content_type_of(body_format::csv, dialect);
      const auto read = media_type_of(type);
      ASSERT_TRUE(read) << type;
      auto again = read->dialect({'!', csv_names::absent});
      EXPECT_NE(again.said, 0);
      again.said = 0;
      EXPECT_EQ(again, dialect) << type;
      EXPECT_EQ(csv_delimiter_of(csv_delimiter_name(dialect.delimiter)),
                dialect.delimiter);
    }
  }
}

TEST(media_type, says_of_a_dialect_what_it_says_and_the_stream_the_rest) {
  const csv_dialect stream{';', csv_names::mended};
  EXPECT_EQ(media_type_of("text/csv")->dialect(stream), stream);
  const auto present = media_type_of("text/csv; header=present")->dialect(stream);
  EXPECT_EQ(present, (csv_dialect{';', csv_names::mended, 1}));
  const auto absent =
    media_type_of("text/csv; header=absent; delimiter=tab")->dialect(stream);
  EXPECT_EQ(absent, (csv_dialect{'\t', csv_names::absent, '\t' << 2 | 2}));
  EXPECT_EQ(media_type_of("text/csv; header=present")->dialect({'|', csv_names::absent}),
            (csv_dialect{'|', csv_names::required, 1}));
}

TEST(media_type_of, refuses_other_types_and_says_what_to_send) {
  for (const std::string_view other :
       {"", "application/x-www-form-urlencoded", "application/xml", "application/jsonx",
        "json", "*/*", "+json", "application/json+x"})
    EXPECT_THAT(refused(other), HasSubstr("application/x-ndjson")) << other;
  EXPECT_THAT(refused("multipart/form-data; boundary=x"), HasSubstr("--data-binary"));
}

TEST(media_type_of, refuses_parameters_that_cannot_be_read) {
  for (const std::string_view bad :
       {"text/plain; charset", "text/plain; =utf-8", "text/plain; charset=\"utf-8",
        "text/plain; charset=\"utf-8\"x"})
    EXPECT_THAT(refused(bad), HasSubstr("parameters")) << bad;
}

TEST(media_type_of, prints_no_control_byte_of_the_request) {
  EXPECT_THAT(refused("a\x1b[2J\n"), testing::Not(HasSubstr("\x1b")));
}
