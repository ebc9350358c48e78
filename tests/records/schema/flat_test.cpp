// The short way to admit a record says yes only where the parser and the whole check do, and
// it does say yes to the records it is for.
#include "tests/records/formats/framing_fixture.hpp"
#include "tests/records/schema/support.hpp"

#include "records/schema/number.hpp"

#include <algorithm>
#include <array>

using namespace weir;
using schema_test::compiled;

namespace {

constexpr std::string_view strict = R"({
  "required": ["id", "name"], "additionalProperties": false, "maxProperties": 5,
  "properties": {
    "id": {"type": "integer", "minimum": -5, "maximum": 100000},
    "name": {"type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[a-zé ]*$"},
    "kind": {"enum": ["x", "longer than eight"]},
    "rate": {"type": "number", "multipleOf": 0.5},
    "flag": {"type": ["boolean", "null"]},
    "one": {"const": "é"}}})";
constexpr std::string_view loose =
  R"({"properties": {"id": {"type": "number"}}, "additionalProperties": {"type": ["string", "integer"]}})";

struct judge {
  explicit judge(const schema* with) : rules(with) {}

  bool surely(const std::string& record) {
    const simdjson::padded_string text{record};
    if (parser.allocate(std::max<size_t>(record.size(), 64)))
      return false;
    return schema::surely_admits(rules, parser, text, order);
  }
  bool really(const std::string& record) {
    simdjson::dom::element root;
    return !parser.parse(record).get(root) && root.is_object()
           && (!rules || !rules->check(root));
  }

  const schema* rules;
  simdjson::dom::parser parser;
  member_order order{};
};

/// Flat records, most of them as they should be, some with a byte that is not.
class writer {
 public:
  explicit writer(uint64_t seed) : random(seed) {}

  std::string record() {
    std::string text = space() + "{";
    for (size_t i = 0, members = 1 + random.under(6); i < members; ++i)
      text += (i ? "," : "") + space() + member() + space();
    text += "}" + space();
    if (random.one_in(3))
      text[random.under(text.size())] = "\"\\{}[],:0-.e \x01\x0c\xc3t"[random.under(17)];
    if (random.one_in(8))
      text.erase(random.under(text.size()), 1);
    return text;
  }

  test::dice random;

 private:
  std::string pick(std::initializer_list<const char*> from) {
    return from.begin()[random.under(from.size())];
  }
  std::string space() { return random.one_in(4) ? pick({" ", "\t", " \r\n"}) : ""; }
  std::string member() {
    const auto name = random.under(8);
    const std::string names[] = {"id",   "name", "kind", "rate",
                                 "flag", "one",  "",     "other"};
    return '"' + names[name] + '"' + space() + ":" + space()
           + (random.one_in(8) ? value(random.under(6)) : value(name));
  }
  std::string value(size_t name) {
    switch (name) {
    case 0:
      return pick({"7", "0", "-5", "-0", "100000", "100001", "7.0", "07", "1e3", "-",
                   "9223372036854775808"});
    case 1:
      return pick({R"("abc")", R"("é é")", R"("ééééé")", R"("a")", R"("")", R"("AB")",
                   R"("a\nb")", R"("ab"c)"});
    case 2:
      return pick(
        {R"("x")", R"("longer than eight")", R"("longer than nine")", R"(["x"])"});
    case 3:
      return pick(
        {"1.5", "-0.5", "-0.0", "0.25", "12345678901234.5", "1.", ".5", "1.5.5", "3"});
    case 4:
      return pick({"true", "false", "null", "tru", "nulls", "{}"});
    case 5:
      return pick({R"("é")", R"("e")"});
    default:
      return pick({"1", R"("any")", "true", "[]", "1\"a b\"", "1 2"});
    }
  }
};

} // namespace

TEST(flat_check_property, admits_nothing_that_the_parser_or_the_check_does_not) {
  const auto seed = test::seed_of_run();
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  writer from{seed};
  const auto strict_rules = compiled(strict), loose_rules = compiled(loose);
  size_t admitted = 0, unsure = 0, refused = 0;
  std::array judges{judge{strict_rules.get()}, judge{loose_rules.get()}, judge{nullptr}};
  for (int round = 0; round < 60'000; ++round) {
    auto& by = judges[from.random.under(judges.size())];
    const auto record = from.record();
    const bool surely = by.surely(record), really = by.really(record);
    ASSERT_TRUE(really || !surely) << record;
    ++(surely ? admitted : really ? unsure : refused);
  }
  EXPECT_GT(admitted, 2'000u);
  EXPECT_GT(refused, 2'000u);
  EXPECT_LT(unsure, admitted); // what it is for, it does
}

TEST(flat_check, admits_a_plain_record_with_every_kind_of_value) {
  const auto rules = compiled(strict);
  judge by{rules.get()};
  EXPECT_TRUE(by.surely(R"({"id":7,"name":"abc","kind":"x","rate":1.5,"flag":null})"));
  EXPECT_TRUE(by.surely(" { \"id\" : -5 ,\t\"name\":\"é é\"\r\n, \"flag\" : true } "));
  EXPECT_TRUE(by.surely(R"({"name":"abc","id":7,"one":"é"})")); // another order
  judge any{nullptr};
  EXPECT_TRUE(any.surely(R"({"":"","a":false,"a":0.001})"));
}

TEST(flat_check, leaves_what_is_no_plain_json_object_to_the_parser) {
  judge by{nullptr};
  for (const std::string record : {"",
                                   "{",
                                   "{}",
                                   "[1]",
                                   "1",
                                   R"({"a"})",
                                   R"({"a":})",
                                   R"({"a":1,})",
                                   R"({"a":1 "b":2})",
                                   R"({"a":1}})",
                                   R"({"a":1}{"b":2})",
                                   R"({"a":1},)",
                                   R"({"a":1]", R"(["a":1])",
                                   R"({"a":1;"b":2})",
                                   R"({"a",1})",
                                   R"({a:1})",
                                   R"({1:1})",
                                   R"({"a":01})",
                                   R"({"a":1.})",
                                   R"({"a":.1})",
                                   R"({"a":+1})",
                                   R"({"a":--1})",
                                   R"({"a":1-1})",
                                   R"({"a":tru})",
                                   R"({"a":True})",
                                   R"({"a":nullx})",
                                   R"({"a":"x"y})",
                                   R"({"a":"x""y"})",
                                   R"({"a":1"x y"})",
                                   R"({"a":1"x,y"})",
                                   R"({"a"b:1})",
                                   R"({"a":{}})",
                                   R"({"a":[]})",
                                   R"({"a":"\u0041"})",
                                   "{\"a\":1\x0c}",
                                   "{\"a\":\x01}",
                                   "{\"a\":\"\x01\"}",
                                   "{\"a\":\"\xc3\"}",
                                   "\xef\xbb\xbf{\"a\":1}"})
    EXPECT_FALSE(by.surely(record)) << record;
}

TEST(flat_check, leaves_schemas_that_need_the_whole_record_to_the_whole_check) {
  for (const auto text :
       {R"({"anyOf": [{}]})", R"({"patternProperties": {"a": {}}})",
        R"({"const": {"a": 1}})", R"({"dependentRequired": {"a": ["b"]}})",
        R"({"properties": {"a": {"not": {"type": "string"}}}})",
        R"({"properties": {"a": {"enum": [1]}}})", R"({"type": "array"})", "false"}) {
    const auto rules = compiled(text);
    EXPECT_FALSE(judge{rules.get()}.surely(R"({"a":1})")) << text;
  }
}

TEST(flat_check_property, a_short_number_is_read_as_the_parser_reads_it) {
  const auto seed = test::seed_of_run();
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  test::dice random{seed};
  simdjson::dom::parser parser;
  size_t read = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto text = random.text(18, "0123456789012345678901234567890-.e");
    const auto found = schema_detail::read_short_number(text);
    if (!found)
      continue;
    ++read;
    simdjson::dom::element value;
    ASSERT_EQ(parser.parse(text).get(value), simdjson::SUCCESS) << text;
    const auto expected = schema_detail::number::of(value);
    EXPECT_EQ(found->what, expected.what) << text;
    EXPECT_EQ(found->i, expected.i) << text; // bit for bit, doubles too
  }
  EXPECT_GT(read, 1'000u);
}

namespace {

/// `{"p0":1,"p1":1,…}` without the one of that number.
std::string members(size_t count, size_t without) {
  std::string text = "{";
  for (size_t i = 0; i < count; ++i)
    if (i != without)
      text += (text.size() > 1 ? ",\"p" : "\"p") + std::to_string(i) + "\":1";
  return text + "}";
}

std::string requiring(size_t count) {
  std::string names;
  for (size_t i = 0; i < count; ++i)
    names += (i ? ",\"p" : "\"p") + std::to_string(i) + "\"";
  return R"({"required":[)" + names + "]}";
}

} // namespace

TEST(flat_check, every_required_name_is_wanted_whatever_their_number) {
  for (const size_t count : {1U, 63U, 64U, 65U, 66U, 128U, 129U, 200U}) {
    const auto rules = compiled(requiring(count));
    judge judges{rules.get()};
    const auto whole = members(count, count);
    EXPECT_EQ(judges.surely(whole), count <= 64) << count;
    EXPECT_TRUE(judges.really(whole)) << count;
    for (size_t without = 0; without < count; ++without) {
      const auto lacking = members(count, without);
      EXPECT_FALSE(judges.surely(lacking)) << count << " without " << without;
      EXPECT_FALSE(judges.really(lacking)) << count << " without " << without;
    }
  }
}

TEST(flat_check, the_number_of_members_is_bounded_on_both_sides) {
  const auto rules = compiled(R"({"minProperties":2,"maxProperties":4})");
  judge judges{rules.get()};
  for (const size_t count : {1U, 2U, 3U, 4U, 5U, 6U}) {
    const auto record = members(count, count);
    EXPECT_EQ(judges.surely(record), count >= 2 && count <= 4) << count;
    EXPECT_EQ(judges.really(record), count >= 2 && count <= 4) << count;
  }
  const auto most = compiled(R"({"maxProperties":1})");
  judge strict_judge{most.get()};
  EXPECT_FALSE(strict_judge.surely(R"({"a":1,"a":1})")); // members count as written
  EXPECT_FALSE(strict_judge.really(R"({"a":1,"a":1})"));
}
