#include "app/config/units.hpp"

#include "base/clock.hpp"

#include <cstdlib>

#include <gtest/gtest.h>

using namespace weir;
using namespace std::chrono_literals;

TEST(units, a_duration_has_a_unit) {
  EXPECT_EQ(*parse_duration("100ms"), 100ms);
  EXPECT_EQ(*parse_duration("5s"), 5s);
  EXPECT_EQ(*parse_duration("2m"), 2min);
  EXPECT_EQ(*parse_duration("24h"), 24h);
  EXPECT_EQ(*parse_duration("7d"), 168h);
}

TEST(units, a_plain_number_is_refused_and_told_how_to_be_written) {
  EXPECT_EQ(
    parse_duration("5").error(),
    "has no unit: write 5s (expected a whole number with a unit: ms, s, m, h or d)");
  EXPECT_NE(parse_bytes("64").error().find("write 64MiB"), std::string::npos);
}

TEST(units, decimal_byte_units_are_refused) {
  EXPECT_EQ(*parse_bytes("64MiB"), uint64_t{64} << 20);
  EXPECT_EQ(*parse_bytes("0B"), 0u);
  for (const auto* wrong :
       {"64MB", "64k", "64 MiB", "1.5GiB", "-1KiB", "", "MiB", "0x10KiB"})
    EXPECT_FALSE(parse_bytes(wrong)) << wrong;
}

TEST(units, an_amount_that_would_overflow_is_refused) {
  EXPECT_EQ(parse_bytes("99999999999999999999B").error(), "the number is too large");
  EXPECT_EQ(parse_bytes("18446744073709551615TiB").error(), "the amount is too large");
  EXPECT_EQ(parse_duration("18446744073709551615d").error(), "the amount is too large");
  const parsed<uint64_t> refused = tl::unexpected(std::string{"the amount is too large"});
  EXPECT_EQ(*parse_bytes("8388607TiB"), uint64_t{8388607} << 40);
  for (const auto* wrong : {"8388608TiB", "9223372036854775808B", "16777216TiB",
                            "16777217TiB", "18014398509481985KiB"})
    EXPECT_EQ(parse_bytes(wrong), refused) << wrong;
  for (const auto* wrong : {"9223372036854775808ms", "106751991168d", "213503982335d"})
    EXPECT_EQ(parse_duration(wrong).map([](auto) { return uint64_t{0}; }), refused)
      << wrong;
}

TEST(units, counts_and_reals_take_nothing_behind_the_number) {
  EXPECT_EQ(*parse_count("4096"), 4096u);
  EXPECT_FALSE(parse_count("4096 "));
  EXPECT_FALSE(parse_count("-1"));
  EXPECT_DOUBLE_EQ(*parse_real("0.25"), 0.25);
  for (const auto* wrong : {"inf", "nan", "1,5", "1e999", "", "0.5x"})
    EXPECT_FALSE(parse_real(wrong)) << wrong;
}

TEST(units, what_is_formatted_reads_back_as_the_same_amount) {
  const char* given = std::getenv("WEIR_SEED");
  const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : 20240517;
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  random_source random{seed};
  for (int i = 0; i < 2000; ++i) {
    const uint64_t amount = random.next() >> (2 + random.next() % 62);
    EXPECT_EQ(parse_bytes(format_bytes(amount)).value_or(~amount), amount);
    const std::chrono::milliseconds time{static_cast<int64_t>(amount >> 20)};
    EXPECT_EQ(parse_duration(format_duration(time)).value_or(-1ms), time);
    const int64_t us = static_cast<int64_t>(amount % 253'402'300'800'000'000);
    EXPECT_EQ(parse_rfc3339_us(format_rfc3339_us(us)).value_or(-1), us);
  }
}

TEST(units, amounts_print_in_their_largest_whole_unit) {
  EXPECT_EQ(format_bytes(65536), "64KiB");
  EXPECT_EQ(format_bytes(65537), "65537B");
  EXPECT_EQ(format_bytes(0), "0B");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(3600s), "1h");
}

TEST(units, times_follow_rfc_3339) {
  EXPECT_EQ(*parse_rfc3339_us("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(*parse_rfc3339_us("2024-05-17"), 1'715'904'000'000'000);
  EXPECT_EQ(*parse_rfc3339_us("2024-05-17T02:00:00.5+02:00"), 1'715'904'000'500'000);
  EXPECT_EQ(format_rfc3339_us(1'715'904'000'500'000), "2024-05-17T00:00:00.500000Z");
  for (const auto* wrong : {"2024-02-30",
                            "2024-05-17T25:00:00Z",
                            "2024-05-17T10:00:00",
                            "2024-05-17T10:00:00.Z",
                            "17/05/2024",
                            "2024-05-17T10:00:00+2:00",
                            "",
                            "2024-05-17x",
                            "1969-12-31",
                            "2024-05-17T24:00:00Z",
                            "2024-05-17T23:60:00Z",
                            "2024-05-17T23:59:61Z",
                            "2024-05-17T10:00:00+24:00",
                            "2024-05-17T10:00:00+00:60",
                            "2024-05-17T10:00:00Zx",
                            "2024-05-17T10:00:00.5",
                            "2100-02-29",
                            "2024-00-01",
                            "2024-13-01",
                            "2024-05-00",
                            "2024-05-1:",
                            "2024-05-1/"})
    EXPECT_FALSE(parse_rfc3339_us(wrong)) << wrong;
  EXPECT_EQ(*parse_rfc3339_us("2024-05-17T00:00:00.1234569Z"), 1'715'904'000'123'456);
  EXPECT_EQ(*parse_rfc3339_us("2016-12-31T23:59:60Z"),
            *parse_rfc3339_us("2017-01-01T00:00:00Z"));
  EXPECT_EQ(*parse_rfc3339_us("2024-05-17T23:59:00+23:59"), 1'715'904'000'000'000);
}

TEST(units, nought_has_no_sign) {
  EXPECT_EQ(format_real(-0.0), "0");
  EXPECT_EQ(format_real(0.0), "0");
  EXPECT_EQ(format_real(-0.5), "-0.5");
}

TEST(units, text_for_a_terminal_stays_on_one_line_and_is_cut_at_a_character) {
  EXPECT_EQ(in_quotes("a\nb\x1b[31m"), "\"a\\x0ab\\x1b[31m\"");
  EXPECT_EQ(one_line("äää", 3), "ä…");
  EXPECT_EQ(one_line("äää", 6), "äää");
}
