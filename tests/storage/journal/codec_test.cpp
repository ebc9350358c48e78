#include "storage/journal/codec.hpp"
#include "tests/storage/journal/batches.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

using namespace weir;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

constexpr frame_place here{0x1122334455667788, 8192};

std::vector<std::byte> encode(const part_slice& slice, frame_place place = here) {
  std::vector<std::byte> frame(frame_bytes(slice));
  encode_frame(slice, frame);
  seal_frame(frame, 42, 7, 8192, place);
  return frame;
}

} // namespace

// RFC 3720 appendix B.4, and the check value every CRC catalogue gives.
TEST(crc32c, gives_the_published_values) {
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\0'))), 0x8a9136aau);
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\xff'))), 0x62a8ab43u);
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(crc32c, goes_on_where_a_piece_ended) {
  EXPECT_EQ(crc32c(bytes_of("56789"), crc32c(bytes_of("1234"))), 0xe3069283u);
}

TEST(frame_codec, gives_back_what_was_put_in) {
  batch_builder build{"web-access"};
  build.part({1, 2}, true, 3).record("{\"a\":1}").record("{}");
  build.reject_record(reject::schema_violation, "")
    .reject_record(reject::ragged_row, "x,y", "ragged");
  build.reject_record(reject::quarantined, "", "poison").drop(4);
  build.source().parts[0].record_base = 100;
  build.source().parts[0].line_base = 1'000'000'000'000;
  build.source().received_at_us = -5;
  const auto batch = build.done();
  const auto frame = encode({{2, 1, 4}, batch.get(), 0, 0, 2, 2});
  ASSERT_EQ(frame.size() % 8, 0u);
  ASSERT_TRUE(plausible(read_head(frame.data()), here, frame.size()));
  ASSERT_TRUE(intact(frame, here));
  const auto view = decode_frame(frame, {1, 9});
  EXPECT_EQ(view.epoch, 7u);
  EXPECT_EQ(view.first_sequence, 42u);
  EXPECT_EQ(view.received_at_us, -5);
  EXPECT_EQ(view.stream, "web-access");
  EXPECT_EQ(view.key, (batch_key{1, 2}));
  EXPECT_TRUE(view.keyed);
  EXPECT_EQ(view.fingerprint, 3u);
  EXPECT_EQ(view.rejected, 2u);
  EXPECT_EQ(view.quarantined, 1u);
  EXPECT_EQ(view.dropped, 4u);
  EXPECT_EQ(view.records, (std::vector<std::string_view>{"{\"a\":1}", "{}"}));
  ASSERT_EQ(view.dead_letters.size(), 2u)
    << "a rejection without its body is no dead letter";
  EXPECT_EQ(view.dead_letters[0].record, 103u);
  EXPECT_EQ(view.dead_letters[0].line, 1'000'000'000'000u);
  EXPECT_EQ(view.dead_letters[0].code, reject::ragged_row);
  EXPECT_EQ(view.dead_letters[0].pointer, "/a");
  EXPECT_EQ(view.dead_letters[0].detail, "ragged");
  EXPECT_EQ(view.dead_letters[0].body, "x,y");
  EXPECT_EQ(view.dead_letters[1].code, reject::quarantined);
  EXPECT_EQ(view.dead_letters[1].body, "");
  EXPECT_EQ(view.next, (journal_position{1, 9}));
}

TEST(frame_codec, says_how_many_records_are_parts_of_another_and_then_has_version_2) {
  batch_builder build{std::string(64, 's')};
  build.part({1, 2}, true).record("{\"a\":1}").further_part("{\"a\":2}").record("{}");
  const auto batch = build.done();
  const auto frame = encode({{}, batch.get(), 0, 0, 3, 0, false, 1});
  auto head = read_head(frame.data());
  EXPECT_EQ(head.version, 2u);
  EXPECT_EQ(head.counts().accepted, 2u);
  ASSERT_TRUE(plausible(head, here, frame.size()));
  ASSERT_TRUE(intact(frame, here));
  const auto view = decode_frame(frame, {1, 9});
  EXPECT_EQ(view.stream, std::string(64, 's'));
  EXPECT_EQ(view.further_parts, 1u);
  EXPECT_EQ(view.accepted(), 2u);
  EXPECT_EQ(view.records.size(), 3u);
  for (const uint32_t parts : {3u, 4u, further_parts_max}) {
    head.set_stream(64, parts);
    EXPECT_FALSE(plausible(head, here, frame.size())) << parts << " of three";
  }
  head.set_stream(64, 1);
  head.version = 1;
  EXPECT_FALSE(plausible(head, here, frame.size())) << "version 1 knows of no parts";
  head.set_stream(64, 0);
  EXPECT_EQ(head.version, 1u) << "an older weir reads what has none";
  head.version = 2;
  EXPECT_FALSE(plausible(head, here, frame.size()));
  EXPECT_FALSE(plausibly_newer(head, here, frame.size())) << "it is known";
}

TEST(frame_codec, notices_any_changed_bit) {
  const auto batch = simple_batch({1, 2}, {"{\"a\":1}"});
  const auto good = encode({{}, batch.get(), 0, 0, 1});
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] ^= std::byte{static_cast<unsigned char>(1u << (bit % 8))};
    const bool taken =
      plausible(read_head(bad.data()), here, bad.size()) && intact(bad, here);
    ASSERT_FALSE(taken) << "bit " << bit;
  }
}

TEST(frame_codec, takes_no_frame_from_another_place_or_segment) {
  const auto batch = simple_batch({1, 2}, {"{}"});
  const auto frame = encode({{}, batch.get(), 0, 0, 1});
  const auto head = read_head(frame.data());
  EXPECT_FALSE(intact(frame, {here.salt, here.offset + 8}));
  EXPECT_FALSE(intact(frame, {here.salt + 1, here.offset}));
  EXPECT_FALSE(
    plausible(head, {here.salt + (uint64_t{1} << 32), here.offset}, frame.size()));
}

TEST(frame_codec, refuses_a_length_over_the_room_or_the_limit_before_reading_on) {
  const auto batch = simple_batch({1, 2}, {"{}"});
  const auto frame = encode({{}, batch.get(), 0, 0, 1});
  auto head = read_head(frame.data());
  EXPECT_FALSE(plausible(head, here, frame.size() - 8));
  head.length = frame_bytes_max + 8;
  EXPECT_FALSE(plausible(head, here, UINT64_MAX));
  head.length = 80;
  EXPECT_FALSE(plausible(head, here, UINT64_MAX));
}

TEST(frame_codec, reads_nothing_outside_a_frame_whose_inner_lengths_lie) {
  const char* const alone = std::getenv("WEIR_SEED");
  const uint64_t seed = alone ? std::strtoull(alone, nullptr, 10) : 1;
  random_source random{seed};
  const auto batch = simple_batch({1, 2}, {"{\"a\":1}", "{\"b\":2}"});
  const auto good = encode({{}, batch.get(), 0, 0, 2});
  for (int i = 0; i < 20'000; ++i) {
    auto bad = good;
    bad[8 + random.next() % (bad.size() - 8)] = static_cast<std::byte>(random.next());
    auto head = read_head(bad.data());
    // A CRC that is right for the wrong bytes: the inner lengths must hold on their own.
    head.crc = crc32c(std::span{bad}.subspan(4), static_cast<uint32_t>(here.salt)
                                                   ^ static_cast<uint32_t>(here.offset));
    std::memcpy(bad.data(), &head.crc, sizeof head.crc);
    if (!plausible(head, here, bad.size()) || head.length != bad.size()
        || !intact(bad, here))
      continue;
    const auto view = decode_frame(bad, {});
    size_t sum = view.stream.size();
    for (const auto& record : view.records)
      sum += record.size();
    ASSERT_LE(sum, bad.size()) << "WEIR_SEED=" << seed;
  }
}
