#include "records/formats/decode.hpp"

#include "base/printable.hpp"
#include "base/text.hpp"
#include "records/json/writer.hpp"
#include "tests/records/formats/framing_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include <csv.h>
#include <simdjson.h>

using namespace weir;
using namespace weir::test;
using testing::HasSubstr;

namespace {

const csv_header columns{{"a", "b", "c"}};

std::string encoded(std::string_view row, const csv_header& header = columns) {
  std::string out = "before ";
  const auto failure = csv_to_json(row, header, out);
  EXPECT_FALSE(failure) << failure->detail;
  return out.substr(7);
}

decode_failure refused(std::string_view row) {
  std::string out = "before";
  const auto failure = csv_to_json(row, columns, out);
  EXPECT_EQ(out, "before") << "a refused row must leave nothing behind";
  return failure.value_or(decode_failure{reject::quarantined, "it was not refused"});
}

std::string escaped(std::string_view text) {
  std::string out;
  append_json_escaped(out, text);
  return out;
}

// What a JSON parser that is not ours reads back.
std::vector<std::string> values_of(const std::string& json) {
  simdjson::dom::parser parser;
  std::vector<std::string> out;
  for (const auto field : simdjson::dom::object(parser.parse(json)))
    out.emplace_back(std::string_view(field.value));
  return out;
}

struct csv_text {
  std::vector<std::string> fields;
  size_t rows = 0;
};

// As libcsv reads it in strict mode; nothing when it refuses it.
std::optional<csv_text> read_by_libcsv(const std::string& text) {
  csv_text came;
  csv_parser parser;
  csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI);
  csv_set_space_func(&parser, [](unsigned char) { return 0; });
  const auto on_field = [](void* field, size_t size, void* into) {
    static_cast<csv_text*>(into)->fields.emplace_back(static_cast<char*>(field), size);
  };
  const auto on_row = [](int, void* into) { ++static_cast<csv_text*>(into)->rows; };
  const bool good =
    csv_parse(&parser, text.data(), text.size(), on_field, on_row, &came) == text.size()
    && csv_fini(&parser, on_field, on_row, &came) == 0;
  csv_free(&parser);
  return good ? std::optional{came} : std::nullopt;
}

csv_header header_of(size_t columns_count) {
  csv_header out;
  for (size_t i = 0; i < columns_count; ++i)
    out.names.push_back("c\"" + std::to_string(i));
  return out;
}

} // namespace

TEST(csv_to_json, divides_by_the_delimiter_of_the_header) {
  for (const char d : {';', '\t', '|', '\\', ' ', '\x01'}) {
    csv_header header = columns;
    header.delimiter = d;
    std::string row = "1,0;\"x;\"\"y\";a longer field, of more than sixteen bytes";
    if (d == ' ')
      row = "1,0;\"x;\"\"y\";longer";
    std::replace(row.begin(), row.end(), ';', d);
    std::string quoted{d};
    std::string inside;
    append_json_escaped(inside, quoted);
    EXPECT_EQ(encoded(row, header),
              "{\"a\":\"1,0\",\"b\":\"x" + inside + "\\\"y\",\"c\":\""
                + (d == ' ' ? "longer" : "a longer field, of more than sixteen bytes")
                + "\"}");
    std::string again;
    EXPECT_FALSE(csv_encoder{header}.encode(row, again));
    EXPECT_EQ(again, encoded(row, header));
  }
}

TEST(csv_to_json, makes_every_value_a_string) {
  EXPECT_EQ(encoded("1,x y,"), R"({"a":"1","b":"x y","c":""})");
  EXPECT_EQ(encoded(",,"), R"({"a":"","b":"","c":""})");
  EXPECT_EQ(encoded("", {{"only"}}), R"({"only":""})");
}

TEST(csv_to_json, resolves_quotes_and_keeps_what_is_inside) {
  EXPECT_EQ(encoded("\"x,\"\"y\"\"\",\"\",\"\r\n\""),
            R"({"a":"x,\"y\"","b":"","c":"\r\n"})");
}

TEST(csv_to_json, escapes_names_and_values) {
  EXPECT_EQ(encoded("\\\t\x01", {{"na\"me\n"}}), R"({"na\"me\n":"\\\t\u0001"})");
  EXPECT_EQ(encoded(std::string_view{"a\0b", 3}, {{"n"}}), R"({"n":"a\u0000b"})");
}

TEST(csv_to_json, says_how_many_fields_a_ragged_row_has) {
  EXPECT_EQ(refused("1,2").code, reject::ragged_row);
  EXPECT_EQ(refused("1,2").detail, "expected 3 fields, got 2");
  EXPECT_EQ(refused("1,2,3,\"4\",").detail, "expected 3 fields, got 5");
  EXPECT_EQ(refused("").detail, "expected 3 fields, got 1");
}

TEST(csv_to_json, refuses_wrong_quoting_and_names_the_field) {
  const auto malformed = [](std::string_view row, std::string_view detail) {
    EXPECT_EQ(refused(row).code, reject::malformed_csv) << row;
    EXPECT_THAT(refused(row).detail, HasSubstr(std::string{detail}));
  };
  malformed("1,x\"y,3", "field 2: a quote in an unquoted field");
  malformed("1,2, \"3\"", "field 3: a quote in an unquoted field");
  malformed("\"1\"2,3,4", "field 1: text behind the closing quote");
  malformed("1,2,\"3", "field 3: the quoted field does not end");
  malformed("1,2,\"", "field 3: the quoted field does not end");
  malformed("1,2,\"3\"\"", "field 3: the quoted field does not end");
  malformed("1\r2,2,3", "field 1: a carriage return in an unquoted field");
  malformed("1,2,3,4\"", "field 4: a quote in an unquoted field");
}

TEST(csv_to_json, refuses_a_row_that_is_not_utf8) {
  EXPECT_EQ(refused("1,\xff,3").code, reject::invalid_utf8);
  EXPECT_EQ(refused("1,2,\xC0\xAF").code, reject::invalid_utf8);
}

TEST(csv_to_json_property, agrees_with_libcsv_on_any_row) {
  const uint64_t seed = seed_of_run();
  size_t accepted = 0;
  for (uint64_t i = 0; i < 20000 && !HasFailure(); ++i) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " round " + std::to_string(i));
    dice random{seed + i};
    std::string row;
    const size_t fields = 1 + random.under(6);
    for (size_t f = 0; f < fields; ++f)
      row += (f == 0 ? "" : ",")
             + (random.one_in(2)
                  ? "\"" + random.text(40, "ab,\n\\ \t")
                      + (random.one_in(3) ? "\"\"" : "") + "\""
                  : random.text(40, random.one_in(9) ? "ab\"" : "ab \t\\xyz\x01"));
    const auto expected = read_by_libcsv(row);
    // An empty line is no row to libcsv. Quotes may have come to stand so that a line feed is
    // outside of them: then it ends a row, as in the framer.
    if (row.empty() || row.front() == '\n' || (expected && expected->rows > 1))
      continue;
    std::string out;
    const auto failure =
      csv_to_json(row, header_of(expected ? expected->fields.size() : fields), out);
    ASSERT_EQ(!failure, expected.has_value()) << row << (failure ? failure->detail : "");
    if (expected) {
      EXPECT_EQ(values_of(out), expected->fields) << row;
      ++accepted;
    }
  }
  EXPECT_GT(accepted, 1000U) << "the rows must not all be refused";
}

TEST(text_to_json, wraps_the_line_and_escapes_it) {
  std::string out = "x";
  EXPECT_FALSE(text_to_json("say \"hi\"\t\\ \x7f \xC3\xA9", out));
  EXPECT_EQ(out, "x{\"message\":\"say \\\"hi\\\"\\t\\\\ \x7f \xC3\xA9\"}");
}

TEST(text_to_json, refuses_a_line_that_is_not_utf8_and_leaves_the_output) {
  std::string out = "x";
  const auto failure = text_to_json("a\x80", out);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, reject::invalid_utf8);
  EXPECT_EQ(out, "x");
}

TEST(append_json_escaped, reads_back_as_the_same_text_whatever_it_is) {
  const uint64_t seed = seed_of_run();
  for (uint64_t i = 0; i < 5000 && !HasFailure(); ++i) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " round " + std::to_string(i));
    dice random{seed + i};
    std::string alphabet = "abcdefghijklmnop";
    for (char c = 0; c < 0x20 && i % 2 == 0; ++c)
      alphabet.push_back(c);
    const std::string text = random.text(200, alphabet + "\"\\\x7f");
    EXPECT_EQ(values_of("{\"k\":\"" + escaped(text) + "\"}"), std::vector{text});
  }
}

TEST(append_json_escaped, escapes_exactly_what_must_be_at_any_place_of_a_text) {
  for (int value = 0; value < 0x80; ++value) {
    const char c = static_cast<char>(value);
    const bool must = value < 0x20 || c == '"' || c == '\\';
    for (size_t at = 0; at < 40; ++at) {
      std::string text(40, 'x');
      text[at] = c;
      EXPECT_EQ(escaped(text) != text, must) << value << " at " << at;
      EXPECT_EQ(values_of("{\"k\":\"" + escaped(text) + "\"}"), std::vector{text});
    }
  }
}

TEST(append_json_escaped, uses_the_short_escapes_and_u00_for_the_rest) {
  EXPECT_EQ(escaped("\b\f\n\r\t\"\\/"), R"(\b\f\n\r\t\"\\/)");
  EXPECT_EQ(escaped(std::string_view{"\0\x1f", 2}), R"(\u0000\u001f)");
  EXPECT_EQ(escaped(""), "");
  EXPECT_EQ(escaped(std::string(1000, '\x02')).size(), 6000U);
}

TEST(is_utf8, knows_overlong_surrogate_and_too_big_sequences) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  for (const std::string_view bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3", "\xE2\x82",
        "\xF0\x9F\x98", "\xFF"})
    EXPECT_FALSE(is_utf8(bad));
}

TEST(printable, cuts_at_a_character_and_not_inside_one) {
  EXPECT_EQ(printable("abc\xC3\xA9", 5), "abc\xC3\xA9");
  EXPECT_EQ(printable("abc\xC3\xA9", 4), "abc");
  EXPECT_EQ(printable("abc", 0), "");
}

TEST(printable, shows_no_control_byte_no_line_end_and_no_invalid_byte) {
  EXPECT_EQ(printable("a\tb\r\nc", 99), "a b  c");
  EXPECT_EQ(printable(std::string_view{"\0\x1b[2J\x7f", 6}, 99),
            "\xEF\xBF\xBD\xEF\xBF\xBD[2J\xEF\xBF\xBD");
  EXPECT_EQ(printable("\xC2\x9B|\xE2\x80\xA8", 99), "\xEF\xBF\xBD|\xEF\xBF\xBD");
  EXPECT_EQ(printable("a\xE2\x82z", 99), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
}

TEST(printable_property, is_always_valid_utf8_on_one_line_within_its_limit) {
  const uint64_t seed = seed_of_run();
  for (uint64_t i = 0; i < 5000 && !HasFailure(); ++i) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " round " + std::to_string(i));
    dice random{seed + i};
    const std::string text =
      random.text(60, "a\n\x1b\xC2\x80\xE0\xA0\xED\xBF\xF0\x9F\xF4\x8F\xFF");
    const size_t limit = random.under(80);
    const std::string out = printable(text, limit);
    EXPECT_LE(out.size(), limit);
    EXPECT_TRUE(is_utf8(out));
    EXPECT_TRUE(
      std::none_of(out.begin(), out.end(), [](char c) { return c >= 0 && c < ' '; }));
  }
}
