#include "http/wire/request_head.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>

using namespace weir;

namespace {

ec code_of(std::string_view text) {
  head_scanner scanner;
  const auto end = scanner.find_end(text);
  if (!end)
    return end.error().code;
  request_head head;
  const auto parsed = parse_head(text.substr(0, *end), head);
  return parsed ? ec::none : parsed.error().code;
}

std::string with(std::string_view fields) {
  return "POST /ingest HTTP/1.1\r\nHost: a\r\n" + std::string{fields} + "\r\n";
}

} // namespace

TEST(request_head, gives_path_fields_and_length_without_the_query) {
  const std::string text = with("Content-Length: 12\r\nX-A:  b \r\n");
  request_head head;
  ASSERT_TRUE(parse_head(text, head).has_value());
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.path, "/ingest");
  EXPECT_EQ(head.content_length, 12u);
  EXPECT_EQ(head.find("x-a"), "b");
  EXPECT_TRUE(head.keep_alive);
  ASSERT_TRUE(parse_head("GET /livez?a=b HTTP/1.0\r\n\r\n", head).has_value());
  EXPECT_EQ(head.path, "/livez");
  EXPECT_FALSE(head.keep_alive);
  EXPECT_FALSE(head.has_body());
}

TEST(request_head, refuses_what_two_parsers_could_read_differently) {
  for (const auto* fields :
       {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: +1\r\n",
        "Content-Length: 1, 1\r\n", "Content-Length: -1\r\n",
        "Content-Length: 99999999999999999999999\r\n", "Content-Length:\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n", "X: a\r\n b\r\n", "X: a\r\n\tb\r\n",
        "X : a\r\n", "X: a\nY: b\r\n", "X: a\rY: b\r\n", "Host: b\r\n", "no colon\r\n"})
    EXPECT_EQ(code_of(with(fields)), ec::malformed_request) << fields;
  EXPECT_EQ(code_of(std::string{"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29}),
            ec::malformed_request);
  EXPECT_EQ(code_of("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ec::malformed_request);
}

TEST(request_head, refuses_odd_targets_and_versions_and_a_missing_host) {
  for (const auto* line : {"GET * HTTP/1.1",
                           "GET a HTTP/1.1",
                           "GET / HTTP/2.0",
                           "GET / HTTP/1.2",
                           "GET /\x80 HTTP/1.1",
                           "GET /",
                           "GET  / HTTP/1.1",
                           "GET /a#b HTTP/1.1",
                           "GET /%6 HTTP/1.1",
                           "GET /%zz HTTP/1.1",
                           "GET /% HTTP/1.1",
                           "CONNECT a:80 HTTP/1.1",
                           "GET http:///x HTTP/1.1",
                           "GET http://u@a/ HTTP/1.1",
                           "GET http://a:x/ HTTP/1.1",
                           "GET http://a:70000/ HTTP/1.1",
                           "GET http://[::1/ HTTP/1.1",
                           "GET ftp://a/ HTTP/1.1",
                           "GET http://a:+1/ HTTP/1.1",
                           "GET http://a\"b/ HTTP/1.1",
                           "GET http:/a HTTP/1.1",
                           "GET ://a/ HTTP/1.1"})
    EXPECT_EQ(code_of(std::string{line} + "\r\nHost: a\r\n\r\n"), ec::malformed_request)
      << line;
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\n\r\n"), ec::malformed_request);
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ec::none);
}

TEST(request_head, takes_whole_addresses_and_what_is_percent_encoded_for_the_path_it_is) {
  for (const auto& [target, path] :
       std::initializer_list<std::pair<const char*, const char*>>{
         {"http://host:8080/ingest", "/ingest"},
         {"HTTP://host/ingest?a=http://b/", "/ingest"},
         {"https://[::1]:8080/ingest/web", "/ingest/web"},
         {"http://host", "/"},
         {"http://host?x", "/"},
         {"http://10.0.0.1:/ingest", "/ingest"},
         {"/ingest/def%61ult%2D%7E", "/ingest/default-~"},
         {"/ingest%2Fdefault", "/ingest%2Fdefault"},
         {"/a%00b%25", "/a%00b%25"},
         {"/ingest?x=%zz", "/ingest"}}) {
    request_head head;
    const auto text = std::string{"POST "} + target + " HTTP/1.1\r\nHost: other\r\n\r\n";
    const auto parsed = parse_head(text, head);
    ASSERT_TRUE(parsed.has_value()) << target << ": " << parsed.error().text;
    EXPECT_EQ(head.path, path) << target;
  }
  request_head head;
  ASSERT_TRUE(parse_head("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", head).has_value());
  EXPECT_EQ(head.path, "*");
}

TEST(request_head, refuses_a_host_that_is_none) {
  for (const auto* host : {"a b", "a/b", "u@a", "a:b", "[::1", "a:1:2", "\"a\""})
    EXPECT_EQ(code_of(std::string{"GET / HTTP/1.1\r\nHost: "} + host + "\r\n\r\n"),
              ec::malformed_request)
      << host;
  for (const auto* host :
       {"", "a", "a.b:80", "[::1]", "[::1]:8080", "10.0.0.1:8080", "a_b"})
    EXPECT_EQ(code_of(std::string{"GET / HTTP/1.1\r\nHost: "} + host + "\r\n\r\n"),
              ec::none)
      << host;
}

TEST(list_has, takes_a_quoted_string_for_one_value) {
  for (const auto* list :
       {"respond-async", "wait=5, Respond-Async ;x=\"a,b\"", " , ,respond-async",
        "x=\"\\\"\", respond-async", "\"\",respond-async"})
    EXPECT_TRUE(list_has(list, "respond-async")) << list;
  for (const auto* list :
       {"foo=\"x, respond-async, y\"", "foo; a=\"respond-async, respond-async\"",
        "foo=\"\\\", respond-async\"", "foo=\"x, respond-async", "respond-async=no",
        "respond-asynchronous", "foo respond-async", "foo;respond-async", ""})
    EXPECT_FALSE(list_has(list, "respond-async")) << list;
}

TEST(request_head, closes_a_connection_that_says_so_and_refuses_options_in_quotes) {
  EXPECT_EQ(code_of(with("Connection: x=\"a, close\"\r\n")), ec::malformed_request);
  request_head head;
  ASSERT_TRUE(parse_head(with("Connection: x, Close\r\n"), head).has_value());
  EXPECT_FALSE(head.keep_alive);
}

TEST(request_head, has_at_most_64_fields_and_16_kib) {
  std::string fields;
  for (int i = 0; i < 63; ++i)
    fields += "X: y\r\n";
  EXPECT_EQ(code_of(with(fields)), ec::none);
  EXPECT_EQ(code_of(with(fields + "X: y\r\n")), ec::head_too_large);
  EXPECT_EQ(code_of(with("X: " + std::string(16'400, 'a') + "\r\n")), ec::head_too_large);
}

TEST(head_scanner, finds_the_same_end_however_the_bytes_come) {
  const std::string text = with("Content-Length: 3\r\n") + "abc";
  head_scanner scanner;
  for (size_t n = 1; n < text.size() - 3; ++n)
    ASSERT_EQ(scanner.find_end(std::string_view{text}.substr(0, n)), size_t{0}) << n;
  EXPECT_EQ(scanner.find_end(text), text.size() - 3);
}

TEST(head_scanner, finds_a_fold_that_is_split_over_two_reads) {
  head_scanner scanner;
  ASSERT_TRUE(scanner.find_end("GET / HTTP/1.1\r\n").has_value());
  EXPECT_FALSE(scanner.find_end("GET / HTTP/1.1\r\n x").has_value());
}

TEST(head_scanner, refuses_a_bare_line_feed_before_the_head_is_complete) {
  head_scanner scanner;
  EXPECT_FALSE(scanner.find_end("GET / HTTP/1.1\nHost: a\n").has_value());
}

TEST(head_scanner, its_limit_is_the_one_it_was_given) {
  for (const size_t limit : {size_t{100}, size_t{1024}, size_t{200'000}}) {
    const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const auto fits = start + std::string(limit - start.size() - 4, 'x') + "\r\n\r\n";
    head_scanner exact{limit};
    EXPECT_EQ(exact.find_end(fits).value(), limit);
    request_head head;
    EXPECT_TRUE(parse_head(fits, head));
    head_scanner over{limit};
    const auto refused = over.find_end(start + std::string(limit, 'x'));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ec::head_too_large);
    EXPECT_NE(refused.error().text.find(std::to_string(limit)), std::string::npos);
  }
}

TEST(head_scanner, does_not_wait_for_the_end_of_a_head_with_a_nul_in_it) {
  for (const std::string_view start :
       {std::string_view{"\0", 1}, std::string_view{"GET /\0", 6},
        std::string_view{"GET / HTTP/1.1\r\nX: \0", 20}}) {
    head_scanner scanner;
    const auto refused = scanner.find_end(start);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ec::malformed_request);
  }
}

TEST(request_head, as_many_fields_are_taken_as_the_limit_says) {
  for (const size_t limit :
       {size_t{8}, size_t{64}, size_t{65}, request_head::fields_max}) {
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (size_t i = 1; i < limit; ++i)
      text += "A: b\r\n";
    request_head head;
    EXPECT_TRUE(parse_head(text + "\r\n", head, limit));
    EXPECT_EQ(head.field_count, limit);
    const auto refused = parse_head(text + "A: b\r\n\r\n", head, limit);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ec::head_too_large);
  }
}

// A page's parameters are in it; the path may be a copy, the query never is.
TEST(request_head, has_the_query_as_it_came) {
  for (const auto& [target, path, query] :
       std::initializer_list<std::array<const char*, 3>>{
         {"/metrics", "/metrics", ""},
         {"/metrics?", "/metrics", ""},
         {"/dead%2Dletters?limit=1&after=%32", "/dead-letters", "limit=1&after=%32"},
         {"http://h/a?b?c", "/a", "b?c"}}) {
    const auto text = std::string{"GET "} + target + " HTTP/1.1\r\nHost: h\r\n\r\n";
    request_head head;
    head.query = "of an earlier request";
    ASSERT_TRUE(parse_head(text, head)) << target;
    EXPECT_EQ(head.path, path);
    EXPECT_EQ(head.query, query);
  }
}
