// Equal numbers are equal everywhere: conditions and schemas are held to an exact comparison of
// what a number is read as, which is a 64-bit integer or the nearest double.
#include "tests/records/formats/framing_fixture.hpp"
#include "tests/records/transform/plan_fixture.hpp"

#include "records/json/limits.hpp"
#include "records/schema/number.hpp"
#include "records/schema/schema.hpp"

#include <cmath>

using namespace weir;
using namespace weir::testing_plans;

namespace {

/// An integer times a power of two, exactly: every double and every 64-bit integer is one.
struct rational {
  bool negative = false;
  std::vector<bool> bits; ///< the magnitude times 2^1100, lowest first
};

rational shifted(bool negative, uint64_t magnitude, int power) {
  rational made{negative && magnitude != 0, std::vector<bool>(2300)};
  for (int i = 0; i < 64; ++i)
    if (magnitude >> i & 1)
      made.bits[static_cast<size_t>(i + power + 1100)] = true;
  return made;
}

rational exactly(const std::string& text) {
  const bool negative = text.front() == '-';
  if (text.find_first_of(".eE") == text.npos)
    return shifted(negative,
                   std::strtoull(text.c_str() + (negative ? 1 : 0), nullptr, 10), 0);
  const double value = std::fabs(std::strtod(text.c_str(), nullptr));
  int power = 0;
  const double fraction = std::frexp(value, &power);
  return shifted(negative, static_cast<uint64_t>(std::ldexp(fraction, 53)), power - 53);
}

int compare(const rational& left, const rational& right) {
  if (left.negative != right.negative)
    return left.negative ? -1 : 1;
  for (size_t i = left.bits.size(); i-- > 0;)
    if (left.bits[i] != right.bits[i])
      return left.bits[i] == left.negative ? -1 : 1;
  return 0;
}

/// Numbers that are near each other more often than chance would have it.
std::string number(test::dice& random) {
  static const char* const anchors[] = {"0",
                                        "1",
                                        "9007199254740992",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "18446744073709551614",
                                        "18446744073709551615"};
  const std::string sign = random.one_in(3) ? "-" : "";
  switch (random.under(6)) {
  case 0: {
    const std::string digits = anchors[random.under(std::size(anchors))];
    return is_held(sign + digits) ? sign + digits : digits;
  }
  case 1:
    return sign + anchors[random.under(std::size(anchors))] + ".0";
  case 2: {
    const uint64_t near = uint64_t{1} << (52 + random.under(12));
    const auto digits = std::to_string(near - 2 + random.under(5));
    return is_held(sign + digits) ? sign + digits : digits;
  }
  case 3:
    return sign + std::to_string(random.under(1000)) + "e"
           + std::to_string(random.under(19));
  case 4:
    return sign + std::to_string(random.under(50)) + "."
           + std::to_string(random.under(100)) + "e-"
           + std::to_string(random.under(2) * random.under(340));
  default:
    return sign + std::to_string(random.under(20));
  }
}

bool drops(const char* test, const std::string& literal, const std::string& given) {
  return result_of(R"([{"drop":true,"when":{"field":"a",")" + std::string(test)
                     + "\":" + literal + "}}]",
                   "{\"a\":" + given + "}")
         == "dropped";
}

bool admits(const std::string& keyword, const std::string& record) {
  const auto rules = schema::compile(R"({"properties":{"a":{)" + keyword + "}}}", "s");
  if (!rules)
    throw std::logic_error(rules.error().text);
  simdjson::dom::parser parser;
  const bool slow = !(*rules)->check(parser.parse(record).value());
  member_order order{};
  std::string padded = record;
  padded.append(text_padding, ' ');
  const bool fast = schema::surely_admits(
    rules->get(), parser, std::string_view(padded).substr(0, record.size()), order);
  EXPECT_TRUE(slow || !fast) << keyword << " " << record;
  return slow;
}

} // namespace

TEST(numbers, conditions_and_schemas_compare_by_value) {
  const auto seed = test::seed_of_run();
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  test::dice random{seed};
  size_t equal = 0;
  for (int round = 0; round < 3'000; ++round) {
    const auto given = number(random);
    const auto literal = random.one_in(4) ? given : number(random);
    const int order = compare(exactly(given), exactly(literal));
    SCOPED_TRACE(given + " against " + literal);
    equal += order == 0;
    ASSERT_EQ(drops("eq", literal, given), order == 0);
    ASSERT_EQ(drops("ne", literal, given), order != 0);
    ASSERT_EQ(drops("lt", literal, given), order < 0);
    ASSERT_EQ(drops("le", literal, given), order <= 0);
    ASSERT_EQ(drops("gt", literal, given), order > 0);
    ASSERT_EQ(drops("ge", literal, given), order >= 0);
    ASSERT_EQ(drops("in", "[\"x\"," + literal + "]", given), order == 0);
    const auto record = "{\"a\":" + given + "}";
    ASSERT_EQ(admits("\"const\":" + literal, record), order == 0);
    ASSERT_EQ(admits("\"enum\":[null," + literal + "]", record), order == 0);
    ASSERT_EQ(admits("\"minimum\":" + literal, record), order >= 0);
    ASSERT_EQ(admits("\"exclusiveMaximum\":" + literal, record), order < 0);
    const auto pair = "[" + given + "," + literal + "]";
    ASSERT_EQ(admits("\"uniqueItems\":true", "{\"a\":" + pair + "}"), order != 0);
    ASSERT_EQ(admits("\"const\":[" + literal + "]", "{\"a\":[" + given + "]}"),
              order == 0);
  }
  EXPECT_GT(equal, 500u);
}

TEST(numbers, equal_items_are_found_among_many) {
  std::string items;
  for (int i = 0; i < 20; ++i)
    items += std::to_string(i) + ",";
  for (const char* const twin : {"7.0", "70e-1", "0e5", "-0.0", "1e-400"})
    EXPECT_FALSE(admits("\"uniqueItems\":true", "{\"a\":[" + items + twin + "]}"))
      << twin;
  EXPECT_TRUE(admits("\"uniqueItems\":true",
                     "{\"a\":[" + items + "18446744073709551615,18446744073709551614]}"));
}

TEST(numbers, objects_are_equal_when_their_members_are_also_with_a_name_twice) {
  const auto unique = [](const std::string& items) {
    return admits("\"uniqueItems\":true", "{\"a\":[" + items + "]}");
  };
  EXPECT_FALSE(unique(R"({"x":1,"x":2},{"x":1.0,"x":2})"));
  EXPECT_TRUE(unique(R"({"x":1,"x":1},{"x":1,"y":1})"));
  EXPECT_TRUE(unique(R"({"x":1,"y":1},{"x":1,"x":1})"));
  EXPECT_FALSE(unique(R"({"x":1,"y":2},{"y":2.0,"x":1})"));
  EXPECT_FALSE(admits(R"("const":{"x":1})", R"({"a":{"x":1,"x":1}})"));
}

TEST(numbers, multiples_are_found_by_value) {
  for (const char* const given : {"18446744073709551615", "6.0", "3e2", "0", "-3"})
    EXPECT_TRUE(admits("\"multipleOf\":3.0", "{\"a\":" + std::string(given) + "}"))
      << given;
  EXPECT_FALSE(admits("\"multipleOf\":2", R"({"a":18446744073709551615})"));
  EXPECT_FALSE(admits("\"multipleOf\":2.0", R"({"a":9007199254740993})"));
}

TEST(numbers, a_text_is_read_as_the_parser_reads_it) {
  const auto seed = test::seed_of_run();
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  test::dice random{seed};
  simdjson::dom::parser parser;
  for (int round = 0; round < 5'000; ++round) {
    const auto text = number(random);
    const auto parsed =
      schema_detail::number::of(parser.parse("[" + text + "]").value().at(0).value());
    const auto read = schema_detail::read_number(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(schema_detail::compare(parsed, *read), 0) << text;
  }
}
