#include "records/json/mistake.hpp"

#include "tests/records/formats/framing_fixture.hpp"

#include "base/printable.hpp"
#include "base/text.hpp"
#include "records/json/limits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <simdjson.h>

using namespace weir;
using namespace weir::test;

namespace {

// `column what`, the column from 1.
std::string mistake(std::string_view text) {
  const auto found = find_json_mistake(text);
  return found ? std::to_string(found->at + 1) + " " + found->what : "none";
}

void expect(std::string_view text, size_t column, std::string_view part) {
  const auto found = find_json_mistake(text);
  ASSERT_TRUE(found) << text;
  EXPECT_EQ(found->at + 1, column) << text << ": " << found->what;
  EXPECT_THAT(found->what, testing::HasSubstr(std::string{part})) << text;
}

bool is_refused(std::string_view text) {
  simdjson::dom::parser parser;
  const auto padded = simdjson::padded_string(text);
  simdjson::dom::element root;
  const auto error = parser.parse(padded).get(root);
  return error == simdjson::UTF8_ERROR || error == simdjson::DEPTH_ERROR ? false
                                                                         : bool(error);
}

} // namespace

TEST(json_mistake, finds_none_in_json) {
  for (const std::string_view good :
       {"{}", " [ ] ", "{\"a\":[1,-0.5e+3,true,false,null,\"\\u00e9\\ud83d\\ude00\\n\"]}",
        "0", "\"\"", "[[[{}]]]\r\n", "{\"a\":1,\"a\":2}"})
    EXPECT_EQ(mistake(good), "none") << good;
}

TEST(json_mistake, names_values_of_other_languages) {
  expect("{\"a\":NaN}", 6, "`NaN` is no JSON value");
  expect("{\"a\":Infinity}", 6, "`Infinity` is no JSON value");
  expect("{\"a\":-Infinity}", 6, "-Infinity");
  expect("{\"a\":undefined}", 6, "`undefined` is no JSON value");
  expect("{\"a\":None}", 6, "send null");
  expect("{\"a\":True}", 6, "lower case");
  expect("{\"a\":tru}", 6, "`tru`");
  expect("{\"a\":truest}", 6, "`truest`");
  expect("{\"a\":'x'}", 6, "single quote");
  expect("{'a':1}", 2, "single quote");
  expect("{a:1}", 2, "`a` must be in double quotes");
  expect("{\"a\":1} // x", 9, "comment");
  expect("{ /* x */ }", 3, "comment");
}

TEST(json_mistake, names_commas_and_colons_that_are_missing_or_too_many) {
  expect("{\"a\":1,}", 7, "a comma that nothing follows");
  expect("[1, ]", 3, "a comma that nothing follows");
  expect("{\"a\":1,,\"b\":2}", 8, "got `,`");
  expect("{\"a\":1 \"b\":2}", 8, "expected a comma or }");
  expect("[1 2]", 4, "expected a comma or ]");
  expect("{\"a\" 1}", 6, "expected a colon");
  expect("{\"a\":}", 6, "expected a value, got `}`");
  expect("{\"a\":[1}", 8, "expected a comma or ]");
  expect("{\"a\":1}{\"b\":2}", 8, "another value begins here");
  expect("{\"a\":1},", 8, "a comma behind the record");
  expect("{\"a\":1}}", 8, "got `}`");
}

TEST(json_mistake, names_numbers_that_are_none) {
  expect("{\"a\":01}", 6, "0 and another digit");
  expect("{\"a\":-01}", 6, "0 and another digit");
  expect("{\"a\":+1}", 6, "begin with +");
  expect("{\"a\":.5}", 6, "write 0.5");
  expect("{\"a\":1.}", 7, "a point without a digit");
  expect("{\"a\":1e}", 7, "an exponent without a digit");
  expect("{\"a\":-}", 6, "a minus sign");
  expect("{\"a\":0x1F}", 7, "goes on with `x1F`");
  expect("{\"a\":1_000}", 7, "goes on with");
}

TEST(json_mistake, names_what_no_string_may_have) {
  expect("{\"a\":\"x\ty\"}", 8, "a tab inside a string; write \\t");
  expect("{\"a\":\"x\ny\"}", 8, "a line end inside a string");
  expect(std::string_view{"{\"a\":\"x\0y\"}", 11}, 8, "0x00");
  expect("{\"a\":\"C:\\dir\"}", 9, "`\\d` is no escape");
  expect("{\"a\":\"\\u12g4\"}", 7, "four hex digits");
  expect("{\"a\":\"\\ud800x\"}", 7, "half of a pair");
  expect("{\"a\":\"\\udc00\"}", 7, "half of a pair");
  expect("{\"a\":\"x}", 6, "does not end");
  expect("{\"a\":\"x\\", 6, "does not end");
}

TEST(json_mistake, names_where_a_cut_off_record_ends) {
  expect("{", 1, "a name in double quotes or } must follow");
  expect("{\"a\"", 4, "a colon must follow");
  expect("{\"a\":", 5, "a value must follow");
  expect("{\"a\":1", 6, "a comma or } must follow");
  expect("[1", 2, "a comma or ] must follow");
  expect("{\"a\":1,", 7, "a name in double quotes");
  expect("", 1, "empty");
}

TEST(json_mistake, names_bytes_that_are_hard_to_see) {
  expect("{\"a\":\xC2\xA0"
         "1}",
         6, "no-break space");
  expect("{\xE2\x80\x9C"
         "a\xE2\x80\x9D:1}",
         2, "typographic quote");
  expect("\xEF\xBB\xBF{}", 1, "byte order mark");
  expect("{\"a\":\x01}", 6, "the byte 0x01");
}

TEST(json_mistake, counts_columns_of_the_line_that_has_it) {
  EXPECT_EQ(at_column("{\"a\":1,}", 6, 3, "x"), "column 7: x");
  EXPECT_EQ(at_column("{\n\"a\":1,\n}", 9, 3, "x"), "line 5, column 1: x");
}

TEST(json_mistake_property, names_a_place_inside_of_all_that_the_parser_refuses) {
  const uint64_t seed = seed_of_run();
  const std::string_view good =
    R"({"a":[1,-2.5e3,true,null,{"b":"x\u00e9\n"}],"c":"d","e":{},"f":[]})";
  const std::string_view bytes = "{}[]:,\"\\'+-.0129eEnNtfu \t\n\x01\x7f\xC3\xA9\xFF/x";
  for (uint64_t i = 0; i < 20'000 && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " round " + std::to_string(i));
    dice random{seed + i};
    std::string text = random.one_in(3) ? random.text(40, bytes) : std::string{good};
    for (size_t times = random.under(4); times > 0 && !text.empty(); --times) {
      const size_t at = random.under(text.size());
      const char byte = bytes[random.under(bytes.size())];
      switch (random.under(4)) {
      case 0:
        text[at] = byte;
        break;
      case 1:
        text.insert(at, 1, byte);
        break;
      case 2:
        text.erase(at, 1 + random.under(3));
        break;
      default:
        text.resize(at);
      }
    }
    const auto found = find_json_mistake(text);
    if (is_utf8(text) && find_unheld_number(text).empty()) {
      EXPECT_EQ(found.has_value(), is_refused(text)) << text;
    }
    if (found) {
      EXPECT_LT(found->at, std::max<size_t>(text.size(), 1));
      EXPECT_FALSE(found->what.empty());
      EXPECT_LE(found->what.size(), 200u);
      EXPECT_TRUE(is_utf8(found->what));
    }
  }
}
