// JSON text sequences, from the Content-Type to the text of each record.
#include "records/formats/kind.hpp"
#include "records/formats/media_type.hpp"
#include "records/formats/sniff.hpp"
#include "tests/records/formats/framing_fixture.hpp"

using namespace weir;
using namespace weir::test;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(json_seq, has_its_texts_between_separators) {
  framing all = frame_whole(body_format::json_seq,
                            "\x1e{\"a\":1}\n\x1e\x1e\n {\"a\":\n2}\r\n\n\x1e{\"a\"");
  EXPECT_THAT(texts(all), ElementsAre("{\"a\":1}", "{\"a\":\n2}", "{\"a\""));
  EXPECT_THAT(lines(all), ElementsAre(0, 2, 5));
  EXPECT_THAT(frame(body_format::json_seq, " \n\x1e\n"), IsEmpty());
  expect_failure(frame_whole(body_format::json_seq, "\n{\"a\":1}"), ec::malformed_body,
                 "line 2: expected RS");
  expect_failure(
    frame_whole(body_format::json_seq, "\x1e{\"a\":12345}", {.record_bytes_max = 10}),
    ec::body_too_large, "record_bytes_max");
}

TEST(json_seq, is_cut_alike_however_the_bytes_come) {
  const std::string body = "\x1e{\"a\":1}\n\x1e{\"b\":\n [2]}\n\n\x1e\x1e{}\n\x1e 7 \n";
  const auto whole = frame_whole(body_format::json_seq, body);
  for (uint64_t seed = 0; seed < 200; ++seed) {
    dice random{seed};
    EXPECT_EQ(frame_pieces(body_format::json_seq, body, random, 1 + seed % 9).records,
              whole.records);
  }
}

TEST(json_seq, is_named_by_its_type_and_by_the_suffix_of_others) {
  for (const std::string_view type :
       {"application/json-seq", "Application/JSON-Seq; charset=utf-8",
        "application/geo+json-seq"}) {
    const auto read = media_type_of(type);
    ASSERT_TRUE(read) << type;
    EXPECT_EQ(read->format, body_format::json_seq) << type;
  }
  EXPECT_EQ(content_type_of(body_format::json_seq), "application/json-seq");
}

TEST(json_seq, is_known_by_a_separator_before_an_object) {
  EXPECT_EQ(sniff("\x1e{\"a\":1}\n"), body_format::json_seq);
  EXPECT_EQ(sniff(" \n\x1e \n{\"a\":1}\n"), body_format::json_seq);
  EXPECT_EQ(sniff("\x1e hello\n"), body_format::text);
  EXPECT_EQ(sniff("\x1e"), body_format::text);
}

TEST(json_seq, has_texts_that_become_one_line_each) {
  std::string out = "before";
  EXPECT_FALSE(
    kind_of(body_format::json_seq).decode("{\"a\":\n [1,\r\n2]}", batch_part{}, out));
  EXPECT_EQ(out, "before{\"a\":[1,2]}");
}
