// What an answer passes through of a client's bytes is valid UTF-8 (RFC 3629), and nothing else.
#include "http/wire/answer.hpp"

#include <gtest/gtest.h>

using namespace weir;

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out.substr(1, out.size() - 2);
}

std::string encoded(uint32_t code) {
  if (code < 0x80)
    return {static_cast<char>(code)};
  if (code < 0x800)
    return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
  if (code < 0x10000)
    return {static_cast<char>(0xe0 | code >> 12),
            static_cast<char>(0x80 | (code >> 6 & 63)),
            static_cast<char>(0x80 | (code & 63))};
  return {
    static_cast<char>(0xf0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 63)),
    static_cast<char>(0x80 | (code >> 6 & 63)), static_cast<char>(0x80 | (code & 63))};
}

const std::string replaced = "\xef\xbf\xbd";

} // namespace

TEST(utf8_of_answers, every_character_passes_and_no_surrogate_does) {
  for (uint32_t code = 0x80; code <= 0x10ffff; code += code < 0x3000 ? 1 : 97) {
    const auto text = encoded(code);
    if (code >= 0xd800 && code <= 0xdfff)
      EXPECT_EQ(escaped(text), replaced + replaced + replaced) << code;
    else
      EXPECT_EQ(escaped(text), text) << code;
  }
  for (const uint32_t code :
       {0x7ffu, 0x800u, 0xd7ffu, 0xe000u, 0xffffu, 0x10000u, 0x10ffffu})
    EXPECT_EQ(escaped(encoded(code)), encoded(code));
}

TEST(utf8_of_answers, a_character_ends_where_its_bytes_do) {
  EXPECT_EQ(escaped("\xc3("), replaced + "(");
  EXPECT_EQ(escaped("\xe2(\xa1"), replaced + "(" + replaced);
  EXPECT_EQ(escaped("\xe2\x82("), replaced + replaced + "(");
  EXPECT_EQ(escaped("\xf0(\x8c\xbc"), replaced + "(" + replaced + replaced);
  EXPECT_EQ(escaped("\xf0\x9f\x98("), replaced + replaced + replaced + "(");
  EXPECT_EQ(escaped("\xc3\xc3\xa4"), replaced + "\xc3\xa4");
}

TEST(utf8_of_answers, controls_quotes_and_backslashes_are_escaped) {
  for (int c = 0; c < 0x20; ++c) {
    const char expected[] = {
      '\\', 'u', '0', '0', static_cast<char>('0' + c / 16), "0123456789abcdef"[c % 16],
      0};
    EXPECT_EQ(escaped(std::string(1, static_cast<char>(c))), expected);
  }
  EXPECT_EQ(escaped("\x7f"), "\\u007f");
  EXPECT_EQ(escaped("\""), "\\\"");
  EXPECT_EQ(escaped("\\"), "\\\\");
  EXPECT_EQ(escaped("/~ "), "/~ ");
}
