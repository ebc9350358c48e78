// What a violation says, and what a check costs at most.
#include "tests/records/schema/support.hpp"

#include "records/schema/number.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <limits>
#include <new>

using namespace weir;
using schema_test::check;
using schema_test::verdict;
using testing::HasSubstr;

// Counted, so that a test can say there were none. A sanitizer has operators of its own.
#ifndef __SANITIZE_ADDRESS__
namespace {
thread_local bool counting = false;
thread_local size_t allocations = 0;
} // namespace

// The compiler inlines one half of the pair and then misses the other.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(size_t size) {
  if (counting)
    ++allocations;
  if (void* const memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
#endif

TEST(schema_check, a_violation_has_a_pointer_and_one_sentence) {
  EXPECT_EQ(verdict(R"({"properties":{"a":{"type":"integer"}}})", R"({"a":"x"})"),
            "/a: expected integer, got string");
  EXPECT_EQ(verdict(R"({"type":["object","null"]})", "1.5"),
            ": expected object or null, got number");
  EXPECT_EQ(verdict(R"({"type":["number","integer"]})", "true"),
            ": expected number, got boolean");
  EXPECT_EQ(verdict(R"({"maximum":100})", "250"), ": must be ≤ 100 (maximum), got 250");
  EXPECT_EQ(verdict(R"({"exclusiveMinimum":0.5})", "0.5"),
            ": must be > 0.5 (exclusiveMinimum), got 0.5");
  EXPECT_EQ(verdict(R"({"multipleOf":0.1})", "0.25"),
            ": must be a multiple of 0.1 (multipleOf), got 0.25");
  EXPECT_EQ(verdict(R"({"minLength":3})", R"("ab")"),
            ": must have at least 3 characters (minLength), has 2");
  EXPECT_EQ(verdict(R"({"maxLength":1})", R"("ab")"),
            ": must have at most 1 character (maxLength), has 2");
  EXPECT_EQ(verdict(R"({"pattern":"^a$"})", R"("b")"),
            R"(: must match "^a$" (pattern), got "b")");
  EXPECT_EQ(verdict(R"({"enum":[{"a":1},[2]]})", R"({"b":1})"),
            R"(: must be {"a":1} or [2] (enum), got an object)");
  EXPECT_EQ(verdict(R"({"format":"ipv4"})", R"("b")"),
            R"(: must be an IPv4 address (format ipv4), got "b")");
  EXPECT_EQ(verdict(R"({"enum":["b","a",1]})", R"("c")"),
            R"(: must be "a" or "b" or 1 (enum), got "c")");
  EXPECT_EQ(verdict(R"({"enum":[1,2,3,4,5,6,7]})", "[]"),
            ": must be 1 or 2 or 3 or 4 or 5 or 2 others (enum), got an array");
  EXPECT_EQ(verdict(R"({"const":null})", "false"), ": must be null (const), got false");
  EXPECT_EQ(verdict(R"({"required":["a","b"]})", R"({"a":1})"),
            R"(: missing property "b" (required))");
  EXPECT_EQ(verdict(R"({"additionalProperties":false})", R"({"a":1})"),
            R"(/a: property "a" is not allowed (additionalProperties))");
  EXPECT_EQ(verdict(R"({"minProperties":1})", "{}"),
            ": must have at least 1 property (minProperties), has 0");
  EXPECT_EQ(verdict(R"({"maxProperties":2})", R"({"a":1,"b":1,"c":1})"),
            ": must have at most 2 properties (maxProperties), has 3");
  EXPECT_EQ(verdict(R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})"),
            R"(: missing property "b", needed because of "a" (dependentRequired))");
  EXPECT_EQ(verdict(R"({"items":{"properties":{"x":{"minimum":1}}}})", R"([{},{"x":0}])"),
            "/1/x: must be ≥ 1 (minimum), got 0");
  EXPECT_EQ(verdict(R"({"minItems":2})", "[1]"),
            ": must have at least 2 items (minItems), has 1");
  EXPECT_EQ(verdict(R"({"maxItems":0})", "[1]"),
            ": must have at most 0 items (maxItems), has 1");
  EXPECT_EQ(verdict(R"({"uniqueItems":true})", "[1,2,1]"),
            ": two items are equal (uniqueItems)");
  EXPECT_EQ(verdict(R"({"not":{}})", "1"), ": must not match the schema of not");
  EXPECT_EQ(verdict(R"({"oneOf":[{},{"type":"null"},{}]})", "1"),
            ": must match exactly one schema of oneOf, matches number 0 and number 2");
  EXPECT_EQ(verdict(R"({"properties":{"a":false}})", R"({"a":1})"),
            "/a: no value is allowed here (the schema is false)");
  EXPECT_EQ(verdict(R"({"if":{"type":"integer"},"then":{"minimum":1}})", "0"),
            ": must be ≥ 1 (minimum), got 0");
}

TEST(schema_check, any_of_says_what_the_first_alternative_missed) {
  EXPECT_EQ(
    verdict(
      R"({"properties":{"a":{"anyOf":[{"items":{"type":"null"}},{"type":"string"}]}}})",
      R"({"a":[1]})"),
    "/a: matches none of the 2 schemas of anyOf; the first: /0 expected null, got "
    "integer");
  EXPECT_EQ(
    verdict(R"({"oneOf":[{"type":"null"},{"type":"string"}]})", "1"),
    ": matches none of the 2 schemas of oneOf; the first: expected null, got integer");
}

TEST(schema_check, the_pointer_is_escaped_and_bounded) {
  EXPECT_EQ(verdict(R"({"additionalProperties":{"type":"null"}})", R"({"a/b~c":1})"),
            "/a~1b~0c: expected null, got integer");
  const std::string rules =
    R"({"additionalProperties":{"additionalProperties":{"type":"null"}}})";
  const std::string key(400, 'k');
  const auto deep = check(rules, "{\"" + key + "\":{\"" + key + "\":1}}");
  ASSERT_TRUE(deep);
  EXPECT_EQ(deep->pointer, "/" + key);
  const auto wide = check(rules, "{\"a\":{\"" + std::string(600, 'k') + "\":1}}");
  ASSERT_TRUE(wide);
  EXPECT_EQ(wide->pointer, "/a");
}

TEST(schema_check, a_detail_repeats_at_most_64_bytes_of_the_record_on_one_line) {
  const std::string control = "\\u0000\\n\\u001b[31m\\u007f\\u0085\\\"x";
  EXPECT_EQ(verdict(R"({"const":1})", "\"" + control + "\""),
            ": must be 1 (const), got \"\\u0000\\u000a\\u001b[31m\\u007f\\u0085\\\"x\"");
  for (const char* const piece : {"x", "\u00e9", "\U0001F600", "\\u0001"})
    for (int count = 1; count < 90; ++count) {
      std::string text;
      for (int i = 0; i < count; ++i)
        text += piece;
      const auto found = check(R"({"pattern":"^q$"})", "\"" + text + "\"");
      ASSERT_TRUE(found);
      const auto echo = found->detail.substr(found->detail.find("got ") + 4);
      EXPECT_LE(echo.size(), 64U + 2) << text;
      EXPECT_TRUE(simdjson::validate_utf8(found->detail));
      EXPECT_EQ(found->detail.find_first_of(std::string("\n\0\x1b", 3)),
                std::string::npos);
    }
}

TEST(schema_check, a_detail_is_never_longer_than_256_bytes) {
  const std::string text(500, '\x7e');
  const auto found = check("{\"enum\":[\"" + text + "1\",\"" + text + "2\",\"" + text
                             + "3\",\"" + text + "4\"]}",
                           "\"" + text + "\"");
  ASSERT_TRUE(found);
  EXPECT_LE(found->detail.size(), 256U);
  EXPECT_TRUE(simdjson::validate_utf8(found->detail));
  EXPECT_THAT(found->detail, HasSubstr("…"));
}

TEST(schema_check, every_occurrence_of_a_repeated_key_is_checked) {
  const std::string rules =
    R"({"properties":{"a":{"type":"integer"}},"maxProperties":2})";
  EXPECT_EQ(verdict(rules, R"({"a":1,"a":2})"), "ok");
  EXPECT_EQ(verdict(rules, R"({"a":1,"a":"x"})"), "/a: expected integer, got string");
  EXPECT_EQ(verdict(rules, R"({"a":"x","a":1})"), "/a: expected integer, got string");
  EXPECT_EQ(verdict(rules, R"({"a":1,"a":2,"a":3})"),
            ": must have at most 2 properties (maxProperties), has 3");
  EXPECT_EQ(verdict(R"({"required":["a","b"]})", R"({"a":1,"a":2})"),
            R"(: missing property "b" (required))");
}

TEST(schema_check, more_than_64_required_names_are_all_required) {
  for (const int total : {63, 64, 65, 128, 129, 300}) {
    std::string names, record;
    for (int i = 0; i < total; ++i) {
      names += (i ? ",\"n" : "\"n") + std::to_string(i) + "\"";
      record += (i ? ",\"n" : "\"n") + std::to_string(i) + "\":0";
    }
    const auto rules = schema_test::compiled(
      "{\"properties\":{\"extra\":{}},\"required\":[" + names + "]}");
    EXPECT_FALSE(check(*rules, "{\"extra\":1," + record + "}"));
    for (const int lost : {0, 1, 62, total - 2, total - 1}) {
      std::string less = record;
      const std::string gone = "\"n" + std::to_string(lost) + "\":";
      less.replace(less.find(gone), gone.size(), "\"other\":");
      const auto found = check(*rules, "{" + less + "}");
      ASSERT_TRUE(found) << total << " " << lost;
      EXPECT_THAT(found->detail, HasSubstr("\"n" + std::to_string(lost) + "\""));
    }
  }
}

TEST(schema_check, a_recursive_schema_ends_at_64_levels_of_the_record) {
  const auto rules = schema_test::compiled(R"({"items":{"$ref":"#"}})");
  EXPECT_FALSE(check(*rules, std::string(64, '[') + std::string(64, ']')));
  const auto found = check(*rules, std::string(65, '[') + std::string(65, ']'));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->detail, "nested deeper than 64 levels");
  EXPECT_TRUE(check(
    R"({"not":{"items":{"$ref":"#/$defs/a"}},"$defs":{"a":{"items":{"$ref":"#/$defs/a"}}}})",
    std::string(65, '[') + std::string(65, ']')))
    << "giving up inside of not is no match";
}

TEST(schema_check, alternatives_that_multiply_with_every_level_end_at_the_budget) {
  const auto rules = schema_test::compiled(
    R"({"anyOf":[{"items":{"$ref":"#"},"minItems":2},{"items":{"$ref":"#"},"minItems":3},{"type":"null"}]})");
  const auto found = check(*rules, std::string(60, '[') + std::string(60, ']'));
  ASSERT_TRUE(found);
  EXPECT_THAT(found->detail, HasSubstr("too much work"));
}

TEST(schema_check, the_deepest_chain_at_the_deepest_level_fits_the_stack) {
  std::string chain = R"({"items":{"$ref":"#"}})";
  for (int i = 0; i < 60; ++i)
    chain = "{\"allOf\":[" + chain + "]}";
  EXPECT_FALSE(check(chain, std::string(64, '[') + std::string(64, ']')));
}

TEST(schema_check, unique_items_finds_an_equal_pair_among_many) {
  const auto rules = schema_test::compiled(R"({"uniqueItems":true})");
  for (const int total : {12, 13, 256, 257, 5000}) {
    std::string items;
    for (int i = 0; i < total; ++i)
      items += (i ? ",{\"k\":" : "{\"k\":") + std::to_string(i) + ",\"s\":\"v\"}";
    EXPECT_FALSE(check(*rules, "[" + items + "]")) << total;
    EXPECT_TRUE(check(*rules, "[" + items + ",{\"s\":\"v\",\"k\":7.0}]")) << total;
  }
}

#ifndef __SANITIZE_ADDRESS__
TEST(schema_check, a_record_that_matches_costs_no_allocation) {
  const auto rules = schema_test::compiled(
    R"({"type":"object","required":["a","b"],"additionalProperties":false,
    "properties":{"a":{"type":"string","pattern":"^[a-z]+$","format":"hostname","maxLength":3},
      "b":{"anyOf":[{"type":"string"},{"enum":[1,2,[3]]}]},
      "c":{"type":"array","uniqueItems":true,"items":{"not":{"type":"string"}}},
      "d":{"oneOf":[{"required":["x"]},{"required":["y"]}],"dependentRequired":{"y":["z"]}},
      "e":{"pattern":"(a|b)+c"}}})");
  std::string list = "0";
  for (int i = 1; i < 256; ++i)
    list += "," + std::to_string(i);
  const std::string record =
    R"({"a":"abc","b":[3],"d":{"y":1,"z":2},"e":"abc","c":[)" + list + "]}";
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  ASSERT_EQ(parser.parse(record).get(root), simdjson::SUCCESS);
  ASSERT_FALSE(rules->check(root)); // RE2 builds its DFA at the first match
  allocations = 0;
  counting = true;
  const bool refused = rules->check(root).has_value();
  const std::string control(100, 'x');
  counting = false;
  EXPECT_FALSE(refused);
  EXPECT_EQ(allocations, 1U) << "only the one made to see that counting works";
}
#endif

TEST(schema_check, numbers_of_different_kinds_are_ordered_as_in_mathematics) {
  using schema_detail::compare;
  using schema_detail::number;
  std::mt19937_64 random(schema_test::seed());
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = random() >> (random() % 64);
    const auto big = static_cast<uint64_t>(bits);
    const auto real = static_cast<double>(big)
                      + static_cast<double>(static_cast<int>(random() % 5) - 2) * 0.5;
    const number left = number::of(big), right = number::of(real);
    // long double has 64 bits of fraction here: exact for both
    static_assert(std::numeric_limits<long double>::digits >= 64);
    const auto a = static_cast<long double>(big), b = static_cast<long double>(real);
    EXPECT_EQ(compare(left, right), a < b ? -1 : a > b)
      << big << " " << real << " seed " << schema_test::seed();
    EXPECT_EQ(compare(right, left), b < a ? -1 : b > a);
    const auto small = static_cast<int64_t>(random()) >> (random() % 64);
    EXPECT_EQ(compare(number::of(small), right), static_cast<long double>(small) < b
                                                   ? -1
                                                   : static_cast<long double>(small) > b);
  }
}
