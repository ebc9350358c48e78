#include "records/inflate.hpp"

#include "tests/records/formats/framing_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <zlib.h>
#include <zstd.h>

using namespace weir;
using namespace weir::test;
using testing::HasSubstr;

namespace {

constexpr inflate_limits no_limit{};
constexpr inflate_limits hundredfold{.ratio_max = 100};

std::string gzip(std::string_view text, int level = 6, int window_bits = 15 + 16) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY),
            Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view text, int level = 3, int window_log = 0) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  std::string out(ZSTD_compressBound(text.size()) + 64, '\0');
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  ZSTD_inBuffer input{text.data(), text.size(), 0};
  if (window_log != 0) { // a size known in advance would shrink the window
    const size_t fed = ZSTD_compressStream2(context, &output, &input, ZSTD_e_continue);
    EXPECT_EQ(ZSTD_isError(fed), 0U);
  }
  EXPECT_EQ(ZSTD_compressStream2(context, &output, &input, ZSTD_e_end), 0U);
  out.resize(output.pos);
  ZSTD_freeCCtx(context);
  return out;
}

struct inflated {
  std::string data;
  bool complete = false;
  fault failure;
};

// In pieces of `piece` bytes with `room` bytes each time, until nothing more comes.
inflated inflate_all(std::string_view coding, std::string_view in, size_t piece = 1 << 20,
                     size_t room = 1 << 20, inflate_limits limits = no_limit) {
  inflated out;
  auto made = make_inflater(coding, limits);
  EXPECT_TRUE(made);
  for (bool more = true; more;) {
    const size_t before = out.data.size();
    const auto used = (*made)->decode(in.substr(0, piece), room, out.data);
    EXPECT_LE(out.data.size() - before, room);
    if (!used) {
      out.failure = used.error();
      return out;
    }
    in.remove_prefix(*used);
    more = *used > 0 || out.data.size() > before || !in.empty();
    EXPECT_TRUE(*used > 0 || out.data.size() > before || in.empty()) << "no progress";
    if (*used == 0 && out.data.size() == before && !in.empty())
      return out;
  }
  out.complete = (*made)->complete();
  return out;
}

void expect_refused(std::string_view coding, std::string_view in, ec code,
                    std::string_view why, inflate_limits limits = no_limit) {
  const auto got = inflate_all(coding, in, 1 << 20, 1 << 20, limits);
  EXPECT_EQ(got.failure.code, code) << got.failure.text;
  EXPECT_THAT(got.failure.text, HasSubstr(std::string{why}));
}

} // namespace

TEST(make_inflater, knows_its_codings_in_any_case) {
  for (const std::string_view coding : {"gzip", "x-gzip", "GZip", "zstd", "ZSTD"}) {
    const auto made = make_inflater(coding, {});
    ASSERT_TRUE(made) << coding;
    EXPECT_NE(*made, nullptr) << coding;
  }
  for (const std::string_view none : {"", "identity", "Identity"}) {
    const auto made = make_inflater(none, {});
    ASSERT_TRUE(made);
    EXPECT_EQ(*made, nullptr);
  }
}

TEST(make_inflater, refuses_every_other_coding) {
  for (const std::string_view other :
       {"br", "deflate", "gzip, gzip", "gzip ", "zstdx", "x-gzip-and-some-more"}) {
    const auto made = make_inflater(other, {});
    ASSERT_FALSE(made) << other;
    EXPECT_EQ(made.error().code, ec::unsupported_media_type);
  }
}

TEST(inflater, reads_members_and_frames_behind_each_other) {
  EXPECT_EQ(inflate_all("gzip", gzip("one ") + gzip("") + gzip("two")).data, "one two");
  EXPECT_EQ(inflate_all("zstd", zstd("one ") + zstd("") + zstd("two")).data, "one two");
  const std::string skippable{"\x5A\x2A\x4D\x18\x03\0\0\0abc", 11};
  EXPECT_EQ(inflate_all("zstd", skippable + zstd("x") + skippable, 1).data, "x");
}

TEST(inflater, is_complete_only_at_the_end_of_a_member) {
  for (const std::string coding : {"gzip", "zstd"}) {
    const std::string in = coding == "gzip" ? gzip("hello hello") : zstd("hello hello");
    EXPECT_FALSE(make_inflater(coding, {}).value()->complete());
    for (size_t size = 0; size < in.size(); ++size)
      EXPECT_FALSE(inflate_all(coding, in.substr(0, size)).complete) << coding << size;
    EXPECT_TRUE(inflate_all(coding, in).complete);
    EXPECT_FALSE(inflate_all(coding, in + in.substr(0, 1)).complete);
  }
}

TEST(inflater, refuses_trailing_garbage) {
  expect_refused("gzip", gzip("x") + "garbage", ec::malformed_body, "another member");
  expect_refused("gzip", gzip("x") + std::string(8, '\0') + gzip("y"), ec::malformed_body,
                 "nothing may follow");
  expect_refused("gzip", std::string(8, '\0') + gzip("y"), ec::malformed_body, "gzip");
  expect_refused("zstd", zstd("x") + std::string(8, '\0'), ec::malformed_body,
                 "another frame");
  expect_refused("zstd", zstd("x") + "garbage", ec::malformed_body, "another frame");
  expect_refused("zstd", zstd("x") + "\x28", ec::none, "");
}

TEST(inflater, reads_gzip_that_is_padded_with_zeros_in_pieces_of_any_size) {
  for (const size_t zeros : {1u, 7u, 512u, 200'000u})
    for (const size_t piece : {1u, 3u, 1000u, 1u << 20}) {
      const auto padded = gzip("one ") + gzip("two") + std::string(zeros, '\0');
      const auto got = inflate_all("gzip", padded, piece);
      EXPECT_EQ(got.failure.text, "");
      EXPECT_EQ(got.data, "one two") << zeros << " in pieces of " << piece;
      EXPECT_TRUE(got.complete);
    }
  const auto late = gzip("x") + std::string(5000, '\0') + "y";
  EXPECT_EQ(inflate_all("gzip", late, 100).failure.code, ec::malformed_body);
}

TEST(inflater, takes_ordinary_repetitive_lines_at_any_level) {
  std::string lines;
  for (int i = 0; i < 100'000; ++i)
    lines += R"({"level":"info","service":"checkout","message":"request done","n":)"
             + std::to_string(i / 1000) + "}\n";
  for (const int level : {1, 3, 19}) {
    const auto zipped = zstd(lines, level);
    EXPECT_GT(lines.size(), 100 * zipped.size()) << "else this tests nothing";
    EXPECT_TRUE(inflate_all("zstd", zipped, 1 << 20, 1 << 20, {}).data == lines) << level;
  }
}

TEST(inflater, refuses_what_is_not_its_coding) {
  expect_refused("gzip", "plain text", ec::malformed_body, "gzip");
  expect_refused("gzip", gzip("zlib, not gzip", 6, 15), ec::malformed_body, "gzip");
  expect_refused("zstd", gzip("x"), ec::malformed_body, "not zstd");
  const std::string_view zstd_0_7{"\x27\xB5\x2F\xFD", 4};
  expect_refused("zstd", zstd_0_7, ec::malformed_body, "not zstd");
}

TEST(inflater, finds_every_damaged_checksum) {
  std::string in = gzip("some text that is long enough");
  in[in.size() - 6] = static_cast<char>(in[in.size() - 6] ^ 1);
  expect_refused("gzip", in, ec::malformed_body, "corrupt gzip body");
  in = zstd("some text that is long enough");
  in.back() = static_cast<char>(in.back() ^ 1);
  expect_refused("zstd", in, ec::malformed_body, "corrupt zstd body");
}

TEST(inflater,
     refuses_a_zstd_frame_that_is_not_as_long_as_it_says_in_pieces_of_any_size) {
  const std::string_view says_428_has_0{"\x28\xB5\x2F\xFD\x40\x27\xAC\x00\x01\x00\x00",
                                        11};
  for (const size_t piece : {1u, 3u, 11u})
    EXPECT_EQ(inflate_all("zstd", says_428_has_0, piece).failure.code,
              ec::malformed_body);
}

TEST(inflater, asks_for_the_memory_of_a_large_window_before_it_takes_it) {
  const std::string text(1 << 10, 'x');
  const auto in = zstd(text, 3, 12) + zstd(text, 3, 22);
  for (const size_t piece : {size_t{1}, size_t{5}, size_t{17}, in.size()}) {
    inflate_limits limits;
    limits.memory_free = inflater_bytes("zstd") + (size_t{64} << 10);
    auto made = make_inflater("zstd", limits);
    std::string out;
    size_t asked = 0;
    for (size_t at = 0; at < in.size();) {
      const auto used =
        (*made)->decode(std::string_view{in}.substr(at, piece), 1 << 20, out);
      ASSERT_TRUE(used) << used.error().text;
      at += *used;
      if ((*made)->wants() == 0)
        continue;
      ++asked;
      EXPECT_EQ(out, text); // the text of the frame before
      EXPECT_GE((*made)->wants(), size_t{4} << 20);
      EXPECT_LE((*made)->wants(), inflater_bytes_max(uint64_t{4} << 20));
      (*made)->allow((*made)->wants());
    }
    EXPECT_EQ(asked, 1u);
    EXPECT_EQ(out, text + text);
  }
}

TEST(inflater, refuses_zstd_windows_over_8_mib) {
  const std::string text(1 << 10, 'x');
  EXPECT_EQ(inflate_all("zstd", zstd(text, 3, 23)).data, text);
  expect_refused("zstd", zstd(text, 3, 24), ec::malformed_body,
                 "window of 16777216 bytes, more than 8388608 (ingest.zstd_window_max)");
}

TEST(inflater, takes_zstd_windows_up_to_the_largest_that_may_be_allowed) {
  const std::string text(1 << 10, 'x');
  const inflate_limits wide{.window_max = uint64_t{128} << 20};
  for (const int log : {24, 25, 27}) {
    const auto got = inflate_all("zstd", zstd(text, 3, log), 1 << 20, 1 << 20, wide);
    EXPECT_EQ(got.data, text) << log << ": " << got.failure.text;
    EXPECT_TRUE(got.complete) << log;
  }
}

TEST(inflater, refuses_bombs_soon_and_never_makes_more_than_the_room) {
  const std::string zeros(size_t{64} << 20, '\0');
  for (const std::string coding : {"gzip", "zstd"}) {
    const std::string bomb = coding == "gzip" ? gzip(zeros, 9) : zstd(zeros);
    const auto got = inflate_all(coding, bomb, 1 << 20, 100000, hundredfold);
    EXPECT_EQ(got.failure.code, ec::body_too_large);
    EXPECT_THAT(got.failure.text, HasSubstr("100 times"));
    EXPECT_LT(got.data.size(), size_t{10} << 20)
      << "it must be found long before its end";
    EXPECT_LT(got.data.capacity(), size_t{20} << 20);
  }
}

TEST(inflater, does_not_allocate_the_room_it_does_not_need) {
  std::string out;
  auto made = make_inflater("gzip", {});
  ASSERT_TRUE((*made)->decode(gzip("small"), size_t{1} << 50, out));
  EXPECT_EQ(out, "small");
  EXPECT_LE(out.capacity(), size_t{256} << 10);
}

TEST(inflater, lets_a_small_body_have_any_ratio) {
  const std::string zeros(60000, '\0');
  EXPECT_EQ(inflate_all("gzip", gzip(zeros, 9), 1 << 20, 1 << 20, hundredfold).data,
            zeros);
  EXPECT_EQ(inflate_all("zstd", zstd(zeros), 1 << 20, 1 << 20, hundredfold).data, zeros);
}

TEST(inflater, stays_failed) {
  for (const std::string_view coding : {"gzip", "zstd"}) {
    auto made = make_inflater(coding, {});
    std::string out;
    EXPECT_FALSE((*made)->decode("garbage", 100, out));
    EXPECT_FALSE((*made)->decode(coding == "gzip" ? gzip("x") : zstd("x"), 100, out));
    EXPECT_EQ(out, "");
  }
}

TEST(inflater, does_nothing_without_room) {
  auto made = make_inflater("gzip", {});
  std::string out;
  EXPECT_EQ((*made)->decode(gzip("x"), 0, out), 0U);
  EXPECT_EQ(out, "");
}

TEST(inflater_property, gives_back_what_was_compressed_in_any_pieces_and_any_room) {
  const uint64_t seed = seed_of_run();
  for (uint64_t i = 0; i < 600 && !HasFailure(); ++i) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " round " + std::to_string(i));
    dice random{seed + i};
    std::string text;
    std::string zipped;
    const bool gz = random.one_in(2);
    for (size_t member = 1 + random.under(3); member > 0; --member) {
      std::string part =
        random.text(20000, random.one_in(2) ? "ab" : "abcdefghijklmnopqrstuvwxyz\n\"{}");
      if (random.one_in(4))
        part.append(random.under(200000), 'z');
      const int level = 1 + static_cast<int>(random.under(9));
      zipped += gz ? gzip(part, level) : zstd(part, level);
      text += part;
    }
    const size_t piece = 1 + random.under(random.one_in(2) ? 10 : 5000);
    const auto got =
      inflate_all(gz ? "gzip" : "zstd", zipped, piece, 1 + random.under(70000));
    EXPECT_EQ(got.failure.text, "");
    EXPECT_TRUE(got.complete);
    EXPECT_TRUE(got.data == text) << got.data.size() << " of " << text.size();
  }
}

TEST(inflater_property, damage_anywhere_never_crashes_and_never_overruns_the_room) {
  const uint64_t seed = seed_of_run();
  for (uint64_t i = 0; i < 2000 && !HasFailure(); ++i) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " round " + std::to_string(i));
    dice random{seed + i};
    const std::string text = random.text(3000, "abcdef\n");
    const bool gz = random.one_in(2);
    std::string zipped = gz ? gzip(text) : zstd(text);
    const size_t at = random.under(zipped.size());
    zipped[at] = static_cast<char>(zipped[at] ^ (1 << random.under(8)));
    const auto got = inflate_all(gz ? "gzip" : "zstd", zipped, 1 + random.under(200),
                                 1 + random.under(500), {});
    const bool accepted = got.failure.code == ec::none && got.complete;
    EXPECT_TRUE(!accepted || got.data == text) << "only a header field was hit";
  }
}
