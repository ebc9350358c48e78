// One table per keyword: a schema, records it admits, records it refuses.
#include "tests/records/schema/support.hpp"

using namespace weir;
using schema_test::check;

namespace {

struct keyword_case {
  std::string schema;
  std::vector<std::string> valid;
  std::vector<std::string> invalid;
};

void run(const std::vector<keyword_case>& cases) {
  for (const keyword_case& each : cases) {
    const auto rules = schema_test::compiled(each.schema);
    ASSERT_TRUE(rules);
    for (const std::string& record : each.valid) {
      const auto found = check(*rules, record);
      EXPECT_FALSE(found) << each.schema << " refuses " << record << ": "
                          << found->pointer << " " << found->detail;
    }
    for (const std::string& record : each.invalid)
      EXPECT_TRUE(check(*rules, record)) << each.schema << " admits " << record;
  }
}

} // namespace

TEST(schema_keywords, type_names_one_or_several_types) {
  run({
    {R"({"type":"null"})", {"null"}, {"0", "false", R"("")", "[]", "{}"}},
    {R"({"type":"boolean"})", {"true", "false"}, {"0", "null", R"("true")"}},
    {R"({"type":"integer"})",
     {"1", "1.0", "-0.0", "1e300", "18446744073709551615"},
     {"1.5", R"("1")", "null"}},
    {R"({"type":"number"})", {"1", "1.5", "18446744073709551615"}, {R"("1")", "true"}},
    {R"({"type":"string"})", {R"("")", R"("a")"}, {"1", "null", "[]"}},
    {R"({"type":"array"})", {"[]", "[1]"}, {"{}", R"("[]")"}},
    {R"({"type":"object"})", {"{}"}, {"[]", "null"}},
    {R"({"type":["integer","null"]})", {"1", "2.0", "null"}, {"1.5", R"("a")"}},
    {R"({"type":["string","number"]})", {"1", "1.5", R"("a")"}, {"null", "[]"}},
  });
}

TEST(schema_keywords, a_boolean_schema_admits_all_or_nothing) {
  run({{"true", {"1", "{}", "null"}, {}},
       {"{}", {"1", "{}", "null"}, {}},
       {"false", {}, {"1", "{}", "null", "[]", R"("")", "true", "1.5"}},
       {R"({"properties":{"a":false}})", {"{}", R"({"b":1})"}, {R"({"a":1})"}}});
}

TEST(schema_keywords, enum_and_const_compare_by_json_equality) {
  run({
    {R"({"enum":["GET","POST"]})",
     {R"("GET")", R"("POST")"},
     {R"("get")", R"("")", "1", "null"}},
    {R"({"enum":[1,"a",null,true,[1,2],{"x":1,"y":[2]}]})",
     {"1", "1.0", "1e0", R"("a")", "null", "true", "[1,2]", "[1.0,2]",
      R"({"y":[2],"x":1.0})"},
     {"2", R"("1")", "false", "[2,1]", "[1]", "[1,2,3]", R"({"x":1})",
      R"({"x":1,"y":[2],"z":1})", R"({"x":1,"x":1})"}},
    {R"({"const":9007199254740993})",
     {"9007199254740993"},
     {"9007199254740992", "9007199254740992.0"}},
    {R"({"const":18446744073709551615})",
     {"18446744073709551615"},
     {"-1", "1.8446744073709552e19"}},
    {R"({"const":0})", {"0", "-0", "0.0", "-0.0"}, {"false", "null", R"("")"}},
    {R"({"const":"a\u0000b"})", {R"("a\u0000b")"}, {R"("a")", R"("a\u0000c")"}},
    {R"({"const":{}})", {"{}"}, {"[]", R"({"a":1})"}},
    {R"({"const":"\u00e9"})", {"\"\u00e9\""}, {"\"e\u0301\""}},
    {R"({"enum":["a","a"]})", {R"("a")"}, {R"("b")"}},
  });
}

TEST(schema_keywords, bounds_compare_integers_and_doubles_without_loss) {
  run({
    {R"({"minimum":3})", {"3", "3.0", "4", R"("2")"}, {"2", "2.9999"}},
    {R"({"maximum":3.5})", {"3", "3.5"}, {"3.6", "4"}},
    {R"({"exclusiveMinimum":0})", {"1", "0.0001"}, {"0", "-0.0", "-1"}},
    {R"({"exclusiveMaximum":10})", {"9", "9.99"}, {"10", "10.0", "11"}},
    {R"({"maximum":9007199254740992})", {"9007199254740992"}, {"9007199254740993"}},
    {R"({"maximum":9007199254740992.0})", {"9007199254740992"}, {"9007199254740993"}},
    {R"({"minimum":9007199254740993})",
     {"9007199254740993"},
     {"9007199254740992", "9007199254740992.0"}},
    {R"({"minimum":-9223372036854775808})", {"-9223372036854775808", "0"}, {"-1e19"}},
    {R"({"minimum":9223372036854775808})",
     {"9223372036854775808", "1e19"},
     {"9223372036854775807", "-1"}},
    {R"({"maximum":18446744073709551614})",
     {"18446744073709551614"},
     {"18446744073709551615", "2e19"}},
    {R"({"exclusiveMaximum":1.8446744073709552e19})",
     {"18446744073709551615"},
     {"1.8446744073709552e19"}},
    {R"({"minimum":-2.5})", {"-2", "-2.5"}, {"-3", "-2.6"}},
  });
}

TEST(schema_keywords, multiple_of_is_exact_for_integers_and_tolerant_for_fractions) {
  run({
    {R"({"multipleOf":3})",
     {"9", "-9", "0", "9.0", "18446744073709551615"},
     {"10", "9.5", "18446744073709551614"}},
    {R"({"multipleOf":0.1})",
     {"0.3", "1", "1.1", "-0.7", "0.30000000000000004"},
     {"0.35", "0.301"}},
    {R"({"multipleOf":0.01})", {"19.99", "4.35", "1.15", "100"}, {"19.995", "0.001"}},
    {R"({"multipleOf":0.0001})", {"0.0075"}, {"0.00751"}},
    {R"({"multipleOf":2.0})", {"4", "4.0"}, {"3", "9007199254740993"}},
    {R"({"multipleOf":0.123456789})", {"0"}, {"1e308"}},
  });
}

TEST(schema_keywords, text_lengths_count_code_points) {
  run({
    {R"({"minLength":2})",
     {R"("ab")", "\"\u00e9\u00e9\"", "12"},
     {R"("a")", "\"\u00e9\"", "\"\U0001F600\""}},
    {R"({"maxLength":2})",
     {R"("")", "\"\U0001F600\U0001F600\""},
     {R"("abc")", "\"\u00e9\u00e9\u00e9\""}},
    {R"({"minLength":3,"maxLength":3})",
     {"\"a\u00e9\U0001F600\""},
     {R"("ab")", R"("abcd")"}},
    {R"({"maxLength":2.0})", {R"("ab")"}, {R"("abc")"}},
    {R"({"minLength":10,"maxLength":10})", // longer than what is counted at once
     {R"("ab\u20ac\u00e9efgh\uD83D\uDE00j")", R"("éééééééééé")", R"("aaaaaaaaa😀")"},
     {R"("ééééééééé")", R"("ééééééééééé")", R"("aaaaaaaa😀")"}},
  });
}

TEST(schema_keywords, patterns_are_not_anchored_unless_they_say_so) {
  run({
    {R"({"pattern":"b"})", {R"("abc")"}, {R"("ac")", R"("")"}},
    {R"({"pattern":"^b"})", {R"("bc")", "1"}, {R"("abc")"}},
    {R"({"pattern":"^[a-z]+$"})", {R"("abc")"}, {R"("")", R"("aBc")", R"("abc\n")"}},
    {R"({"pattern":"(a|b)+c"})", {R"("xabac")"}, {R"("xd")"}},
    {R"({"pattern":"^(?:GET|POST)$"})", {R"("GET")"}, {R"("GETS")", R"("PUT")"}},
    {R"({"pattern":"^\\p{Greek}+$"})", {"\"\u03b1\u03b2\""}, {R"("ab")"}},
  });
}

TEST(schema_keywords, object_keywords) {
  run({
    {R"({"required":["a","b"]})",
     {R"({"a":1,"b":2})", R"({"b":null,"a":1,"c":0})", "1"},
     {R"({"a":1})", "{}"}},
    {R"({"properties":{"a":{"type":"integer"}}})",
     {"{}", R"({"a":1})", R"({"b":"x"})"},
     {R"({"a":"x"})"}},
    {R"({"properties":{"a":{}},"additionalProperties":false})",
     {"{}", R"({"a":1})"},
     {R"({"a":1,"b":1})"}},
    {R"({"properties":{"a":{}},"additionalProperties":{"type":"string"}})",
     {R"({"a":1,"b":"x"})"},
     {R"({"b":1})"}},
    {R"({"required":["a"],"additionalProperties":false})", {}, {R"({"a":1})"}},
    {R"({"patternProperties":{"^x-":{"type":"string"},"d$":{"maxLength":1}}})",
     {R"({"x-a":"long","id":"a"})", R"({"x-d":"a","other":1})"},
     {R"({"x-a":1})", R"({"x-d":"ab"})", R"({"id":"ab"})"}},
    {R"({"properties":{"a":{}},"patternProperties":{"^x":{}},"additionalProperties":false})",
     {R"({"a":1,"x1":2})"},
     {R"({"b":1})"}},
    {R"({"properties":{"ab":{"type":"string"}},"patternProperties":{"^a":{"minLength":2}}})",
     {R"({"ab":"xy"})"},
     {R"({"ab":"x"})", R"({"ab":1})"}},
    {R"({"minProperties":1,"maxProperties":2})",
     {R"({"a":1})", R"({"a":1,"b":2})"},
     {"{}", R"({"a":1,"b":2,"c":3})"}},
    {R"({"dependentRequired":{"card":["address","name"]}})",
     {"{}", R"({"name":1})", R"({"card":1,"address":2,"name":3})"},
     {R"({"card":1})", R"({"card":1,"name":2})"}},
    {R"({"properties":{"":{"type":"integer"}},"required":[""]})",
     {R"({"":1})"},
     {"{}", R"({"":"x"})"}},
  });
}

TEST(schema_keywords, array_keywords) {
  run({
    {R"({"items":{"type":"integer"}})", {"[]", "[1,2]", R"("x")"}, {R"([1,"x"])"}},
    {R"({"prefixItems":[{"type":"string"},{"type":"integer"}]})",
     {"[]", R"(["a"])", R"(["a",1,null])"},
     {"[1]", R"(["a","b"])"}},
    {R"({"prefixItems":[{"type":"string"}],"items":false})",
     {"[]", R"(["a"])"},
     {R"(["a",1])"}},
    {R"({"minItems":1,"maxItems":2})", {"[1]", "[1,2]"}, {"[]", "[1,2,3]"}},
    {R"({"uniqueItems":true})",
     {"[]", "[1,2]", R"([1,"1",true,null,[],{}])", R"([{"a":1},{"a":2}])",
      "[[1,2],[2,1]]", "[0,false]"},
     {"[1,1]", "[1,1.0]", R"([{"a":1,"b":2},{"b":2,"a":1}])", "[[1],[1]]",
      R"(["a","b","a"])"}},
    {R"({"uniqueItems":false})", {"[1,1]"}, {}},
  });
}

TEST(schema_keywords, applicators) {
  run({
    {R"({"allOf":[{"minimum":1},{"maximum":3}]})", {"2"}, {"0", "4"}},
    {R"({"anyOf":[{"type":"string"},{"minimum":3,"type":"integer"}]})",
     {R"("x")", "3"},
     {"2", "null"}},
    {R"({"oneOf":[{"multipleOf":2},{"multipleOf":3}]})", {"2", "3", "4"}, {"6", "5"}},
    {R"({"not":{"type":"string"}})", {"1", "null"}, {R"("x")"}},
    {R"({"not":{}})", {}, {"1", "{}"}},
    {R"({"if":{"type":"integer"},"then":{"minimum":1},"else":{"maxLength":1}})",
     {"1", R"("x")", "null"},
     {"0", R"("xy")"}},
    {R"({"if":{"required":["a"]},"then":{"required":["b"]}})",
     {"{}", R"({"a":1,"b":1})"},
     {R"({"a":1})"}},
    {R"({"if":{"required":["a"]},"else":{"required":["b"]}})",
     {R"({"a":1})", R"({"b":1})"},
     {"{}"}},
    {R"({"if":true})", {"1"}, {}},
    {R"({"$ref":"#/$defs/port","$defs":{"port":{"type":"integer","maximum":65535}}})",
     {"80"},
     {"65536", R"("80")"}},
    {R"({"$ref":"#/$defs/a","maximum":5,"$defs":{"a":{"minimum":1}}})",
     {"3"},
     {"0", "6"}},
    {R"({"properties":{"x":{"$ref":"#/$defs/a~1b%20c~0"}},"$defs":{"a/b c~":{"const":1}}})",
     {R"({"x":1})"},
     {R"({"x":2})"}},
    {R"({"properties":{"x":{"type":"string"},"y":{"$ref":"#/properties/x"}}})",
     {R"({"y":"a"})"},
     {R"({"y":1})"}},
    {R"({"properties":{"next":{"$ref":"#"},"v":{"type":"integer"}},"required":["v"]})",
     {R"({"v":1,"next":{"v":2,"next":{"v":3}}})"},
     {R"({"v":1,"next":{"v":2,"next":{}}})"}},
  });
}

TEST(schema_keywords, annotations_change_nothing) {
  run(
    {{R"({"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://x.example/s","$comment":"c",
            "title":"t","description":"d","default":{"minimum":1},"examples":[1],"deprecated":false,
            "readOnly":true,"writeOnly":false,"$defs":{"unused":{"type":"string"}}})",
      {"1", "null", "{}"},
      {}}});
}
