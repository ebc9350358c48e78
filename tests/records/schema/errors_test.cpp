// What does not compile: the error names the file, the pointer of the keyword, and what
// to do.
#include "tests/records/schema/support.hpp"

#include <gmock/gmock.h>

using namespace weir;
using schema_test::compile_error;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

struct error_case {
  std::string schema;
  std::string start; ///< after "s.json: "
  std::string hint;
};

std::string nested(const std::string& open, const std::string& close, int times) {
  std::string text;
  for (int i = 0; i < times; ++i)
    text += open;
  text += "{}";
  for (int i = 0; i < times; ++i)
    text += close;
  return text;
}

} // namespace

TEST(schema_errors,
     an_unsupported_keyword_is_named_with_its_pointer_and_what_to_use_instead) {
  const error_case cases[] = {
    {R"({"properties":{"x":{"foo":1}}})",
     R"(#/properties/x/foo: keyword "foo" is not supported)", "remove it"},
    {R"({"definitions":{}})", R"(#/definitions: keyword "definitions" is not supported)",
     R"("$defs")"},
    {R"({"dependencies":{}})", "#/dependencies:", "dependentRequired"},
    {R"({"dependentSchemas":{}})", "#/dependentSchemas:", "\"if\""},
    {R"({"additionalItems":false})", "#/additionalItems:", "prefixItems"},
    {R"({"propertyNames":{}})", "#/propertyNames:", "patternProperties"},
    {R"({"unevaluatedProperties":false})",
     "#/unevaluatedProperties:", "additionalProperties"},
    {R"({"$dynamicRef":"#a"})", "#/$dynamicRef:", "$ref"},
    {R"({"minLenght":1})", "#/minLenght:", R"(did you mean "minLength")"},
    {R"({"Type":"string"})", "#/Type:", R"(did you mean "type")"},
    {R"({"properties":{"a/b~":{"bar":1}}})", "#/properties/a~1b~0/bar:", "not supported"},
    {R"({"anyOf":[{},{"items":{"zzzz":1}}]})", "#/anyOf/1/items/zzzz:", "not supported"},
    {R"({"if":{},"then":{"zzzz":1}})", "#/then/zzzz:", "not supported"},
    {R"({"$defs":{"d":{"zzzz":1}}})", "#/$defs/d/zzzz:", "not supported"},
    {"{\"a\\u001b[31m\":1}", "#/a\\u001b[31m:", "not supported"},
  };
  for (const error_case& each : cases) {
    EXPECT_THAT(compile_error(each.schema), StartsWith("s.json: " + each.start))
      << each.schema;
    EXPECT_THAT(compile_error(each.schema), HasSubstr(each.hint)) << each.schema;
  }
}

TEST(schema_errors, a_malformed_keyword_value_is_named_with_its_pointer) {
  const error_case cases[] = {
    {"3", "#: expected a schema", "got integer"},
    {R"({"properties":{"x":"string"}})", "#/properties/x: expected a schema",
     "got string"},
    {R"({"type":"strng"})", R"(#/type: unknown type "strng")", "integer"},
    {R"({"type":["string",3]})", "#/type/1: unknown type 3", "boolean"},
    {R"({"type":[]})", "#/type:", "at least one"},
    {R"({"type":{}})", "#/type: unknown type an object", ""},
    {R"({"minimum":"3"})", R"(#/minimum: "minimum" must be a number, got "3")", ""},
    {R"({"exclusiveMinimum":true})", "#/exclusiveMinimum:", "draft 6"},
    {R"({"multipleOf":0})", "#/multipleOf:", "above 0"},
    {R"({"multipleOf":-1.5})", "#/multipleOf:", "above 0"},
    {R"({"minLength":-1})", "#/minLength:", "non-negative integer, got -1"},
    {R"({"maxLength":1.5})", "#/maxLength:", "non-negative integer"},
    {R"({"minItems":"1"})", "#/minItems:", "non-negative integer"},
    {R"({"maxProperties":null})", "#/maxProperties:", "non-negative integer"},
    {R"({"pattern":3})", "#/pattern:", "string"},
    {R"({"pattern":"(a"})", "#/pattern: the regular expression", "missing )"},
    {R"x({"pattern":"a(?=b)"})x", "#/pattern: the regular expression", "RE2"},
    {R"({"patternProperties":{"[":{}}})", "#/patternProperties/[:", "RE2"},
    {R"({"format":"phone"})", R"(#/format: unknown format "phone")", "date-time"},
    {R"({"format":3})", "#/format:", "unknown format 3"},
    {R"({"enum":[]})", "#/enum:", "empty"},
    {R"({"enum":"a"})", "#/enum:", "array"},
    {R"({"required":["a","a"]})", "#/required/1:", "twice"},
    {R"({"required":[1]})", "#/required/0:", "property name"},
    {R"({"properties":{"a":{"required":true}}})",
     "#/properties/a/required:", "list the required names"},
    {R"({"dependentRequired":{"a":"b"}})", "#/dependentRequired/a:", "array"},
    {R"({"dependentRequired":[]})", "#/dependentRequired:", "object"},
    {R"({"properties":[]})", "#/properties:", "object"},
    {R"({"patternProperties":1})", "#/patternProperties:", "object"},
    {R"({"additionalProperties":1})", "#/additionalProperties: expected a schema", ""},
    {R"({"items":[{}]})", "#/items:", "prefixItems"},
    {R"({"prefixItems":{}})", "#/prefixItems:", "array"},
    {R"({"prefixItems":[]})", "#/prefixItems:", "at least one"},
    {R"({"uniqueItems":1})", "#/uniqueItems:", "true or false"},
    {R"({"allOf":{}})", "#/allOf:", "array of schemas"},
    {R"({"oneOf":[]})", "#/oneOf:", "at least one"},
    {R"({"not":1})", "#/not: expected a schema", ""},
    {R"({"then":{}})", "#/then:", R"(without "if")"},
    {R"({"$defs":[]})", "#/$defs:", "object"},
    {R"({"$schema":"http://json-schema.org/draft-07/schema#"})", "#/$schema:", "2020-12"},
    {R"({"properties":{"a":{"$id":"x"}}})", "#/properties/a/$id:", "root only"},
    {R"({"title":1})", "#/title:", "string"},
    {R"({"deprecated":"yes"})", "#/deprecated:", "true or false"},
    {R"({"examples":{}})", "#/examples:", "array"},
    {R"({"type":"string","type":"null"})", "#/type:", "twice"},
    {R"({"properties":{"a":{},"a":{}}})", "#/properties/a:", "twice"},
    {R"({"$defs":{"a":{},"a":{}}})", "#/$defs/a:", "twice"},
  };
  for (const error_case& each : cases) {
    EXPECT_THAT(compile_error(each.schema), StartsWith("s.json: " + each.start))
      << each.schema;
    EXPECT_THAT(compile_error(each.schema), HasSubstr(each.hint)) << each.schema;
  }
}

TEST(schema_errors, a_reference_must_be_local_lead_to_a_schema_and_consume_input) {
  const error_case cases[] = {
    {R"({"$ref":3})", "#/$ref:", "string"},
    {R"({"$ref":"other.json"})", "#/$ref:", "not local"},
    {R"({"$ref":"#anchor"})", "#/$ref:", "not local"},
    {R"({"items":{"$ref":"#/$defs/nope"}})", "#/items/$ref:", "leads to no schema"},
    {R"({"$ref":"#/enum/0","enum":[{}]})", "#/$ref:", "leads to no schema"},
    {R"({"$ref":"#/$defs/%zz","$defs":{"z":{}}})", "#/$ref:", "leads to no schema"},
    {R"({"$ref":"#"})", "#:", "cycle"},
    {R"({"$defs":{"a":{"$ref":"#/$defs/a"}}})", "#/$defs/a:", "cycle"},
    {R"({"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}}})",
     "#/$defs/", "cycle"},
    {R"({"$defs":{"a":{"if":true,"else":{"$ref":"#/$defs/a"}}}})", "#/$defs/a", "cycle"},
  };
  for (const error_case& each : cases) {
    EXPECT_THAT(compile_error(each.schema), StartsWith("s.json: " + each.start))
      << each.schema;
    EXPECT_THAT(compile_error(each.schema), HasSubstr(each.hint)) << each.schema;
  }
}

TEST(schema_errors, text_that_is_not_json_is_named_with_its_line) {
  EXPECT_THAT(compile_error("{\n\"type\":\n  strng\n}"),
              StartsWith("s.json:3:3: not valid JSON"));
  EXPECT_EQ(
    compile_error("{\"title\":\"a\",\n\"minimum\":100000000000000000000}"),
    "s.json:2:11: \"100000000000000000000\" is a number outside of what 64 bits or a "
    "double hold");
  EXPECT_THAT(compile_error("{\"minimum\":1e999}"),
              StartsWith("s.json:1:12: \"1e999\" is"));
  EXPECT_THAT(compile_error("{\"a\":1,}"), StartsWith("s.json:1:8: not valid JSON"));
  EXPECT_THAT(compile_error("{\"title\":\"é\",}"), StartsWith("s.json:1:14: not valid"));
  EXPECT_THAT(compile_error("\xef\xbb\xbf{\n\"a\":1,}"),
              StartsWith("s.json:2:7: not valid"));
  EXPECT_THAT(compile_error(""), StartsWith("s.json"));
  EXPECT_THAT(compile_error("{}\n{}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(compile_error("{\"title\":\"\xff\"}"), HasSubstr("not valid JSON"));
}

TEST(schema_errors, a_byte_order_mark_is_dropped_and_wide_text_is_named) {
  EXPECT_EQ(compile_error("\xef\xbb\xbf{\"type\":\"object\"}"), "");
  for (const auto text :
       {std::string_view{"\xff\xfe{\0}\0", 6}, std::string_view{"\xfe\xff\0{\0}", 6},
        std::string_view{"{\0}\0", 4}, std::string_view{"\0{\0}", 4}})
    EXPECT_EQ(compile_error(text), "s.json:1:1: is UTF-16 or UTF-32; save it as UTF-8");
}

TEST(schema_errors, every_limit_is_an_error_and_the_value_before_it_is_not) {
  EXPECT_THAT(compile_error(std::string((1 << 20) + 1, ' ')), HasSubstr("1048576"));
  EXPECT_EQ(compile_error("{}" + std::string((1 << 20) - 2, ' ')), "");
  EXPECT_EQ(compile_error(nested(R"({"items":)", "}", 64)), "");
  EXPECT_THAT(compile_error(nested(R"({"items":)", "}", 65)),
              HasSubstr("deeper than 64"));
  EXPECT_THAT(compile_error("{\"default\":" + nested(R"({"a":)", "}", 300) + "}"),
              HasSubstr("deeper than 256"));
  EXPECT_EQ(compile_error(nested(R"({"not":)", "}", 63)), "");
  EXPECT_THAT(compile_error(nested(R"({"not":)", "}", 64)), HasSubstr("in a chain"));

  const auto listed = [](int count, const std::string& each) {
    std::string text = "{\"anyOf\":[" + each;
    for (int i = 1; i < count; ++i)
      text += "," + each;
    return text + "]}";
  };
  EXPECT_EQ(compile_error(listed(9'999, "{}")), "");
  EXPECT_THAT(compile_error(listed(10'000, "{}")),
              HasSubstr("more than 10000 subschemas"));
  EXPECT_EQ(compile_error(listed(128, R"({"pattern":"(a|b)+"})")), "");
  EXPECT_THAT(compile_error(listed(129, R"({"pattern":"(a|b)+"})")),
              HasSubstr("more than 128 regular"));
  EXPECT_EQ(compile_error(listed(500, R"({"pattern":"^[a-z]+$"})")), "");
  EXPECT_THAT(compile_error(R"({"pattern":"((a{100}){10}){10}"})"), HasSubstr("RE2"));
}

TEST(schema_errors, a_long_chain_of_references_is_refused_whatever_their_order) {
  std::string text = "{\"$defs\":{\"d0\":{}";
  for (int i = 1; i < 3000; ++i)
    text += ",\"d" + std::to_string(i) + "\":{\"$ref\":\"#/$defs/d"
            + std::to_string(i - 1) + "\"}";
  EXPECT_THAT(compile_error(text + "}}"), HasSubstr("in a chain"));
  text = "{\"$defs\":{";
  for (int i = 0; i < 3000; ++i)
    text += "\"d" + std::to_string(i) + "\":{\"$ref\":\"#/$defs/d" + std::to_string(i + 1)
            + "\"},";
  EXPECT_THAT(compile_error(text + "\"d3000\":{}}}"), HasSubstr("in a chain"));
}
