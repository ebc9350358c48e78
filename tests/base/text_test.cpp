#include "base/hex.hpp"
#include "base/text.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <string>

using namespace weir;

// The C locale's functions are the model: ours know no other locale, and take a plain char.
TEST(text, knows_the_digits_of_every_byte) {
  for (int byte = 0; byte < 256; ++byte) {
    const auto c = static_cast<char>(byte);
    EXPECT_EQ(is_digit(c), byte < 128 && std::isdigit(byte) != 0) << byte;
    EXPECT_EQ(is_hex_digit(c), byte < 128 && std::isxdigit(byte) != 0) << byte;
    const int value = is_hex_digit(c) ? std::stoi(std::string(1, c), nullptr, 16) : -1;
    EXPECT_EQ(hex_value(c), value) << byte;
  }
}

TEST(text, writes_each_half_byte_as_one_digit) {
  for (int half = 0; half < 16; ++half) {
    EXPECT_EQ(hex_value(hex_lower[half]), half);
    EXPECT_EQ(hex_value(hex_upper[half]), half);
    EXPECT_EQ(std::tolower(hex_upper[half]), hex_lower[half]);
  }
}

// Values from the authors' own list (draft-eastlake-fnv, 64 bits).
TEST(text, hashes_as_the_authors_of_fnv_do) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cULL);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8ULL);
  EXPECT_EQ(fnv1a("bar", fnv1a("foo")), fnv1a("foobar")) << "a hash goes on";
}

TEST(text, tells_utf8_from_what_only_looks_like_it) {
  for (const std::string good : {"", "weir", "é", "€", "😀", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const std::string bad : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\x80",
                                "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "a\xe2\x82"})
    EXPECT_FALSE(is_utf8(bad));
}

TEST(hex, writes_the_high_half_first) {
  const auto digits = hex_digits(0x0123456789abcdefULL, 0xfedcba9876543210ULL);
  EXPECT_EQ(std::string(digits.data(), digits.size()),
            "0123456789abcdeffedcba9876543210");
}
