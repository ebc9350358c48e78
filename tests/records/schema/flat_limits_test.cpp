// What the short way cannot count, or counts by itself: how many members there are, and which of
// them a record must have.
#include "tests/records/schema/support.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

using namespace weir;
using schema_test::compiled;

namespace {

/// What the short way and the whole check say.
struct both {
  bool surely = false;
  bool really = false;
};

both judged(const schema& rules, const std::string& record) {
  simdjson::dom::parser parser;
  member_order order{};
  const simdjson::padded_string text{record};
  both said;
  if (!parser.allocate(std::max<size_t>(record.size(), 64)))
    said.surely = schema::surely_admits(&rules, parser, text, order);
  simdjson::dom::element root;
  said.really = !parser.parse(record).get(root) && !rules.check(root);
  return said;
}

std::string members(size_t count, size_t without = SIZE_MAX) {
  std::string text = "{";
  for (size_t i = 0; i < count; ++i)
    if (i != without)
      text += (text.size() > 1 ? ",\"m" : "\"m") + std::to_string(i)
              + "\":" + std::to_string(i);
  return text + "}";
}

std::string requiring(size_t count) {
  std::string text = R"({"required":[)";
  for (size_t i = 0; i < count; ++i)
    text += (i ? ",\"m" : "\"m") + std::to_string(i) + '"';
  return text + "]}";
}

} // namespace

TEST(flat_limits, each_of_many_required_names_is_required) {
  for (const size_t count : {1, 2, 31, 32, 33, 63, 64, 65, 66, 100, 128, 129}) {
    const auto rules = compiled(requiring(count));
    const auto whole = judged(*rules, members(count));
    EXPECT_TRUE(whole.really) << count;
    EXPECT_EQ(whole.surely, count <= 64) << count << ": it has a bit for each";
    for (size_t without = 0; without < count; ++without) {
      const auto less = judged(*rules, members(count, without));
      EXPECT_FALSE(less.surely) << count << " without " << without;
      EXPECT_FALSE(less.really) << count << " without " << without;
    }
  }
}

TEST(flat_limits, the_number_of_members_is_counted_on_the_short_way_too) {
  for (const size_t least : {0, 1, 3})
    for (const size_t most : {3, 4, 20}) {
      const auto rules = compiled(R"({"minProperties":)" + std::to_string(least)
                                  + R"(,"maxProperties":)" + std::to_string(most) + "}");
      for (size_t count = 1; count < 24; ++count) {
        const auto said = judged(*rules, members(count));
        EXPECT_EQ(said.really, count >= least && count <= most);
        EXPECT_EQ(said.surely, said.really) << count << " of " << least << " to " << most;
      }
    }
}

TEST(flat_limits, what_needs_the_whole_record_is_left_to_the_whole_check) {
  const std::pair<const char*, const char*> refused[] = {
    {R"({"patternProperties":{"^m":{"type":"string"}}})", R"({"m1":1})"},
    {R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})"},
    {R"({"type":"object","properties":{"a":{"not":{"const":1}}}})", R"({"a":1})"},
    {R"({"properties":{"a":{"const":true}}})", R"({"a":false})"},
    {R"({"properties":{"a":{"const":null}}})", R"({"a":false})"},
    {R"({"properties":{"a":{"enum":[1,2]}}})", R"({"a":3})"},
    {R"({"properties":{"a":{"type":"string"}}})", R"({"a":true})"},
    {R"({"properties":{"a":{"type":"null"}}})", R"({"a":false})"},
    {R"({"properties":{"a":{"type":"boolean"}}})", R"({"a":null})"},
    {R"({"properties":{"a":{"type":"integer"}}})", R"({"a":"1"})"},
    {R"({"properties":{"a":{"maximum":5}}})", R"({"a":6})"},
    {R"({"properties":{"a":{"maxLength":1}}})", R"({"a":"bc"})"},
    {R"({"properties":{"a":{"enum":["x"],"const":"x"}}})", R"({"a":"y"})"},
    {R"({"properties":{"a":{}},"additionalProperties":false})", R"({"b":1})"},
    {R"({"properties":{"a":{}},"additionalProperties":{"type":"string"}})", R"({"b":1})"},
    {R"({"properties":{"a":{"const":"\n"}}})", R"({"a":"\\n"})"},
    {R"({"minProperties":2})", R"({"a":1})"},
  };
  for (const auto& [schema, record] : refused) {
    const auto said = judged(*compiled(schema), record);
    EXPECT_FALSE(said.surely) << schema << ' ' << record;
    EXPECT_FALSE(said.really) << schema << ' ' << record;
  }
}
