#include "records/chunked.hpp"

#include "tests/records/formats/framing_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;
using namespace weir::test;
using testing::HasSubstr;

namespace {

struct decoded {
  std::string data;
  std::string rest; ///< what was not used
  bool done = false;
  fault failure;
};

decoded decode(std::string_view in, size_t room = 1 << 20) {
  decoded out;
  chunked_decoder chunks;
  const auto step = chunks.decode(in, room, out.data);
  if (!step) {
    out.failure = step.error();
    return out;
  }
  out.done = step->done;
  out.rest = in.substr(step->used);
  return out;
}

void expect_refused(std::string_view in, std::string_view why) {
  const auto got = decode(in);
  EXPECT_EQ(got.failure.code, ec::malformed_request) << in;
  EXPECT_THAT(got.failure.text, HasSubstr(std::string{why})) << in;
}

} // namespace

TEST(chunked_decoder, joins_the_data_of_all_chunks) {
  const auto got =
    decode("4\r\nWiki\r\n6\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\r\n");
  EXPECT_EQ(got.data, "Wikipedia in \r\n\r\nchunks.");
  EXPECT_TRUE(got.done);
  EXPECT_EQ(got.rest, "");
}

TEST(chunked_decoder, leaves_the_next_request_untouched) {
  const auto got = decode("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
  EXPECT_TRUE(got.done);
  EXPECT_EQ(got.rest, "GET / HTTP/1.1\r\n");
}

TEST(chunked_decoder, uses_nothing_once_it_is_done) {
  chunked_decoder chunks;
  std::string out;
  ASSERT_TRUE(chunks.decode("0\r\n\r\n", 0, out)->done);
  const auto again = chunks.decode("1\r\nx\r\n", 9, out);
  EXPECT_EQ(again->used, 0U);
  EXPECT_TRUE(again->done);
  EXPECT_EQ(out, "");
}

TEST(chunked_decoder, stops_when_the_room_is_full_and_goes_on_from_there) {
  chunked_decoder chunks;
  std::string out;
  const std::string_view in = "a\r\n0123456789\r\n0\r\n\r\n";
  const auto first = chunks.decode(in, 4, out);
  EXPECT_EQ(out, "0123");
  EXPECT_EQ(first->used, 7U);
  EXPECT_FALSE(first->done);
  EXPECT_EQ(chunks.decode(in.substr(7), 0, out)->used, 0U) << "no room, no use";
  EXPECT_TRUE(chunks.decode(in.substr(7), 6, out)->done) << "framing needs no room";
  EXPECT_EQ(out, "0123456789");
  EXPECT_EQ(chunks.data_bytes(), 10U);
}

TEST(chunked_decoder, takes_sizes_in_either_case_and_with_leading_zeros) {
  EXPECT_EQ(decode("000A\r\n0123456789\r\n0a\r\n0123456789\r\n000\r\n\r\n").data,
            "01234567890123456789");
}

TEST(chunked_decoder, refuses_sizes_that_two_readers_could_read_differently) {
  for (const std::string_view size :
       {"", "+5", "-5", " 5", "\t5", "g", ";x", "\n5", "\xEF\xBC\x95"})
    expect_refused(std::string{size} + "\r\nhello\r\n", "hexadecimal");
  for (const std::string_view size : {"5 ", "5\t", "5,", "5h", "5\x0b", "0x5"})
    EXPECT_EQ(decode(std::string{size} + "\r\nhello\r\n").failure.code,
              ec::malformed_request)
      << size;
}

TEST(chunked_decoder, refuses_sizes_of_more_than_16_digits_even_zeros) {
  EXPECT_EQ(decode("ffffffffffffffff\r\nx").data, "x");
  expect_refused("10000000000000000\r\nx", "16 digits");
  expect_refused("00000000000000001\r\nx", "16 digits");
}

TEST(chunked_decoder, refuses_lone_line_feeds_and_carriage_returns) {
  for (const std::string_view in :
       {"1\nx\r\n", "1\r\nx\n", "1\r\nx\r\r\n", "1\r\nx\rZ0\r\n\r\n", "1\r\rx", "1;a\nx",
        "1;a\rb\r\n", "0\r\n\n", "0\r\n\rX", "0\n\n", "0\r\na: b\n\r\n",
        "0\r\na: b\rc\r\n\r\n"})
    EXPECT_EQ(decode(in).failure.code, ec::malformed_request) << in;
}

TEST(chunked_decoder, refuses_data_that_is_longer_than_its_size) {
  expect_refused("3\r\nabcd\r\n", "longer than its size");
}

TEST(chunked_decoder, reads_over_extensions) {
  const auto got = decode("1;a=b;c=\"d;e\"\r\nx\r\n0;last\r\n\r\n");
  EXPECT_TRUE(got.done);
  EXPECT_EQ(got.data, "x");
  expect_refused(std::string_view{"1;a\0\r\n", 6}, "control character");
}

TEST(chunked_decoder, limits_the_extensions_of_a_chunk_and_of_a_body) {
  const std::string longest =
    ";" + std::string(chunked_decoder::extension_bytes_max - 1, 'e');
  EXPECT_EQ(decode("1" + longest + "\r\nx").data, "x");
  expect_refused("1" + longest + "e", "extensions");
  std::string body;
  for (size_t i = 0; i < chunked_decoder::extension_bytes_total_max; i += longest.size())
    body += "1" + longest + "\r\nx\r\n";
  EXPECT_EQ(decode(body + "0\r\n\r\n").failure.code, ec::none);
  expect_refused(body + "1;\r\nx", "extensions");
}

TEST(chunked_decoder, takes_any_number_of_small_chunks) {
  std::string body;
  for (int i = 0; i < 100000; ++i)
    body += "1\r\nx\r\n";
  const auto got = decode(body + "0\r\n\r\n");
  EXPECT_EQ(got.data.size(), 100000U);
  EXPECT_TRUE(got.done);
}

TEST(chunked_decoder, reads_over_trailers) {
  const auto got = decode("1\r\nx\r\n0\r\nDigest: abc\r\nX-Empty:\r\n\r\nnext");
  EXPECT_TRUE(got.done);
  EXPECT_EQ(got.data, "x");
  EXPECT_EQ(got.rest, "next");
}

TEST(chunked_decoder, refuses_trailers_that_are_no_fields) {
  for (const std::string_view trailer : {" folded", ": empty", "na me: x", "name",
                                         "name\t: x", "name : x", "n: \x01", "\xFF: x"})
    EXPECT_EQ(decode("0\r\n" + std::string{trailer} + "\r\n\r\n").failure.code,
              ec::malformed_request)
      << trailer;
}

TEST(chunked_decoder, limits_trailers_by_size_and_number) {
  std::string fields;
  for (size_t i = 0; i < chunked_decoder::trailer_fields_max; ++i)
    fields += "a: b\r\n";
  EXPECT_TRUE(decode("0\r\n" + fields + "\r\n").done);
  expect_refused("0\r\n" + fields + "a: b\r\n\r\n", "64 trailers");
  expect_refused("0\r\na: " + std::string(chunked_decoder::trailer_bytes_max, 'b'),
                 "8192 bytes");
}

TEST(chunked_decoder, stays_failed_and_says_where) {
  chunked_decoder chunks;
  std::string out;
  const auto failed = chunks.decode("2\r\nab\r\nx", 9, out);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().text, HasSubstr("behind 2 bytes of data"));
  EXPECT_FALSE(chunks.decode("0\r\n\r\n", 9, out));
  EXPECT_FALSE(chunks.decode("", 9, out));
}

TEST(chunked_decoder_property, any_pieces_and_any_room_give_the_same_data) {
  const uint64_t seed = seed_of_run();
  for (uint64_t i = 0; i < 3000 && !HasFailure(); ++i) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " round " + std::to_string(i));
    dice random{seed + i};
    std::string data;
    std::string body;
    for (size_t chunk = random.under(9); chunk > 0; --chunk) {
      const std::string part = "+" + random.text(40, "ab\r\n0;:");
      char size[24];
      std::snprintf(size, sizeof size, random.one_in(2) ? "%zx" : "%04zX", part.size());
      body += std::string{size}
              + (random.one_in(3) ? ";ext=" + random.text(9, "ab\"") : "") + "\r\n" + part
              + "\r\n";
      data += part;
    }
    body += random.one_in(2) ? "0\r\n\r\n" : "00;x\r\nname: value\r\n\r\n";
    const std::string next = random.text(20, "0\r\n");
    std::string_view unread;
    const std::string all = body + next;
    chunked_decoder chunks;
    std::string out;
    size_t end = 0;
    size_t begin = 0;
    for (bool done = false; !done;) {
      end = std::min(all.size(), end + random.under(20));
      unread = std::string_view{all}.substr(begin, end - begin);
      const size_t room = random.under(20);
      const size_t before = out.size();
      const auto step = chunks.decode(unread, room, out);
      ASSERT_TRUE(step) << step.error().text;
      ASSERT_LE(out.size() - before, room);
      begin += step->used;
      done = step->done;
      ASSERT_TRUE(done || begin < body.size());
    }
    EXPECT_EQ(out, data);
    EXPECT_EQ(begin, body.size()) << "exactly the body must be used";
  }
}
