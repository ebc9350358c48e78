// A schema that no record can match is an error, and one that some record matches is none.
#include "tests/records/schema/support.hpp"

#include <gmock/gmock.h>

using namespace weir;
using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace {

std::string record_error(std::string_view text) {
  const auto made = schema::compile_for_records(text, "s.json");
  return made ? std::string{} : made.error().text;
}

} // namespace

TEST(schema_prospects, a_schema_that_no_record_can_match_says_why) {
  struct {
    const char* schema;
    const char* why;
  } const cases[] = {
    {"false", "it is false"},
    {R"({"type":"string"})", "its type is string"},
    {R"({"type":["string","null"]})", "its type is string or null"},
    {R"({"type":"array","items":{"type":"object"}})", "its type is array"},
    {R"({"const":1})", "its const is no object"},
    {R"({"enum":[1,"a",null,[{}]]})", "its enum lists no object"},
    {R"({"not":{}})", "its \"not\" excludes every object"},
    {R"({"not":true})", "its \"not\" excludes every object"},
    {R"({"not":{"type":["object","null"]}})", "its \"not\" excludes every object"},
    {R"({"anyOf":[{"type":"string"},false]})", "no branch of its anyOf"},
    {R"({"oneOf":[{"type":"string"},{"enum":[1]}]})", "no branch of its oneOf"},
    {R"({"allOf":[{},{"type":"integer"}]})", "in branch 1 of allOf, its type is integer"},
    {R"({"allOf":[{"type":["object","null"]},{"not":{"type":"object"}}]})",
     "in branch 1 of allOf, its \"not\" excludes every object"},
    {R"({"$ref":"#/$defs/a","$defs":{"a":{"type":"number"}}})",
     "in the schema that $ref names, its type is number"},
    {R"({"if":true,"then":false})", "its if, then and else admit no object"},
    {R"({"if":{"type":"string"},"else":false})", "its if, then and else"},
    {R"({"if":{"required":["a"]},"then":false,"else":{"type":"null"}})", "its if, then"},
    {R"({"minProperties":3,"maxProperties":2})", "minProperties is above maxProperties"},
    {R"({"required":["a","b"],"maxProperties":1})", "more properties are required"},
    {R"({"required":["a"],"properties":{"a":false}})", "property \"a\" is required"},
    {R"({"required":["a"],"additionalProperties":false})", "property \"a\" is required"},
    {R"({"required":["a"],"patternProperties":{"^a":{"enum":[]}}})", "enum"},
    {R"({"required":["a"],"properties":{"a":{"minimum":2,"exclusiveMaximum":2}}})", ""},
    {R"({"required":["a"],"properties":{"a":{"type":"number","minimum":2,"exclusiveMaximum":2}}})",
     "property \"a\" is required"},
    {R"({"required":["a"],"properties":{"a":{"type":"string","minLength":2,"maxLength":1}}})",
     "property \"a\" is required"},
    {R"({"required":["a"],"properties":{"a":{"type":"array","minItems":1,"items":false}}})",
     "property \"a\" is required"},
    {R"({"minProperties":2,"properties":{"a":{},"b":false},"additionalProperties":false})",
     "minProperties is more than"},
  };
  for (const auto& [schema, why] : cases) {
    const auto error = record_error(schema);
    EXPECT_THAT(error, HasSubstr(why)) << schema;
    if (*why != '\0' && error.find("occurs") == error.npos) {
      EXPECT_THAT(error, StartsWith("s.json: #")) << schema;
    } else {
      EXPECT_EQ(error, "") << schema;
    }
  }
}

TEST(schema_prospects, a_schema_that_some_record_matches_is_no_error) {
  for (
    const char* const schema :
    {"true", "{}", R"({"type":["object","null"]})", R"({"enum":[1,{}]})",
     R"({"not":{"type":"string"}})", R"({"not":{"required":["a"]}})",
     R"({"not":{"not":{}}})", R"({"anyOf":[{"type":"string"},{"type":"object"}]})",
     R"({"if":{"required":["a"]},"then":false})", R"({"properties":{"a":false}})",
     R"({"properties":{"a":{"type":"null"}}})",
     R"({"required":["a"],"properties":{"a":{"type":"array","items":false}}})",
     R"({"required":["a"],"additionalProperties":false,"patternProperties":{"^a":{}}})",
     R"({"required":["a"],"properties":{"a":{"$ref":"#"}}})",
     R"({"properties":{"a":{"$ref":"#"}},"minProperties":1})",
     R"({"minLength":3,"maxLength":2,"minimum":3,"maximum":2})"})
    EXPECT_EQ(record_error(schema), "") << schema;
}
