#include "base/printable.hpp"

#include <gtest/gtest.h>

using namespace weir;

namespace {

std::string utf8(unsigned code) {
  if (code < 0x80)
    return {static_cast<char>(code)};
  if (code < 0x800)
    return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
  return {static_cast<char>(0xe0 | code >> 12),
          static_cast<char>(0x80 | (code >> 6 & 0x3f)),
          static_cast<char>(0x80 | (code & 0x3f))};
}

constexpr unsigned acting[] = {0x00,   0x07,   0x1b,   0x1f,   0x7f,   0x80,
                               0x9b,   0x9d,   0x9f,   0x061c, 0x200e, 0x200f,
                               0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d,
                               0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0xfeff};

} // namespace

TEST(printable, no_character_that_acts_on_a_terminal_stays) {
  for (const auto code : acting) {
    const auto character = utf8(code);
    EXPECT_TRUE(acts_on_terminal(character)) << code;
    EXPECT_EQ(printable_line(character, 99).find(character), std::string::npos) << code;
    EXPECT_EQ(printable_json('"' + character + '"').size(), 8u) << code;
  }
}

TEST(printable, other_text_stays_as_it_is) {
  const std::string text = "a \u00e9\u20ac\u4e2d \U0001F600 \u05d0\u0627 \\ \"";
  EXPECT_EQ(printable_line(text, 99), text);
  EXPECT_EQ(printable_json(text), text);
  for (unsigned code = 0x20; code < 0x2000; ++code)
    if (code != 0x7f && !(code >= 0x80 && code < 0xa0) && code != 0x061c) {
      EXPECT_FALSE(acts_on_terminal(utf8(code))) << code;
    }
}

TEST(printable, bytes_that_are_no_character_are_shown_as_bytes) {
  EXPECT_EQ(printable_line("a\x9b"
                           "b\xff\xed\xa0\x80",
                           99),
            "a\\x9bb\\xff\\xed\\xa0\\x80");
  EXPECT_EQ(printable_line("a\u20acb", 2), "a\u2026");
  // overlong, a surrogate, beyond U+10FFFF, cut off, a continuation alone
  for (const std::string_view bad :
       {"\xc0\xaf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xf0\x9f\x98", "\x80",
        "\xff"}) {
    std::string bytes, replaced;
    for (const char c : bad) {
      constexpr char digits[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      bytes += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
      replaced += "\ufffd";
    }
    EXPECT_EQ(printable_line(bad, 99), bytes);
    EXPECT_EQ(printable_json(bad), replaced);
  }
  for (const std::string_view good : {"\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000",
                                      "\uffff", "\U00010000", "\U0010ffff"})
    EXPECT_EQ(character_size(good), good.size());
}

/// A text may be a part of a longer one, whose next byte would make a character of it.
TEST(printable, no_byte_behind_a_text_is_looked_at) {
  for (const std::string_view whole : {"\u00e4", "\u20ac", "\U0001F600"})
    EXPECT_EQ(character_size(whole.substr(0, whole.size() - 1)), 0u);
}

TEST(printable, json_says_the_same_and_its_lines_stay) {
  EXPECT_EQ(printable_json("{\n\t\"a\": \"\u009b\"\r\n}"),
            "{\n\t\"a\": \"\\u009b\"\r\n}");
}
