// Random schemas and records, judged by us and by valijson (draft 7, over nlohmann). Left
// out, because valijson differs from draft 2020-12 or from us on purpose:
//   - `format`: valijson checks only some, by std::regex
//   - `pattern` beyond what ECMAScript and RE2 read alike
//   - `multipleOf` with fractions, or written as an integer: valijson takes the remainder
//   without
//     tolerance, and cuts 4.5 to 4 before it divides by an integer
//   - numbers beyond 2^53 and integral doubles under "type": "integer": valijson goes by
//   how the
//     number is written
//   - `prefixItems`: draft 7 spells it as an array under `items`; translated for the
//   oracle
//   - `dependentRequired`: spelled `dependencies` in draft 7; translated
//   - repeated keys: nlohmann keeps one of them
//   - duplicate enum values are removed from both
#include "tests/records/schema/support.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Woverloaded-virtual"
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#pragma GCC diagnostic pop

using namespace weir;
using nlohmann::json;

namespace {

class generator {
 public:
  explicit generator(uint64_t seed) : random_(seed) {}

  json schema(int depth) {
    if (chance(6))
      return chance(70);
    json out = json::object();
    if (chance(45))
      out["type"] = type();
    for (size_t i = below(4); i > 0; --i)
      keyword(out, depth);
    return out;
  }

  json value(int depth) {
    switch (below(depth > 0 ? 8 : 5)) {
    case 0:
      return nullptr;
    case 1:
      return chance(50);
    case 2:
      return static_cast<int>(below(9)) - 3;
    case 3:
      return (static_cast<double>(below(9)) - 4) + 0.5;
    case 4:
      return text();
    case 5: {
      json out = json::array();
      for (size_t i = below(5); i > 0; --i)
        out.push_back(value(depth - 1));
      return out;
    }
    default: {
      json out = json::object();
      for (size_t i = below(5); i > 0; --i)
        out[name()] = value(depth - 1);
      return out;
    }
    }
  }

 private:
  size_t below(size_t n) { return random_() % n; }
  bool chance(size_t percent) { return below(100) < percent; }
  std::string pick(std::initializer_list<const char*> from) {
    return from.begin()[below(from.size())];
  }
  std::string name() { return pick({"a", "b", "ab", "c", "a/b", "~x", "é"}); }
  std::string text() {
    return pick({"", "a", "b", "abc", "aé", "😀😀", "12", "a b", "A1"});
  }
  std::string regex() {
    return pick({"^a", "b$", "^[a-z]+$", "^[0-9]{1,2}$", "a", "^(a|b)$", "^a.*c$",
                 "(ab|c)+", "^\\S*$"});
  }

  json type() {
    static constexpr const char* names[] = {"null",   "boolean", "integer", "number",
                                            "string", "array",   "object"};
    if (chance(60))
      return names[below(7)];
    json out = json::array();
    for (const char* const each : names)
      if (chance(40))
        out.push_back(each);
    return out.empty() ? json("object") : out;
  }
  json names() {
    json out = json::array();
    for (const char* const each : {"a", "b", "ab"})
      if (chance(35))
        out.push_back(each);
    return out;
  }
  json schemas(int depth) {
    json out = json::array();
    for (size_t i = 1 + below(3); i > 0; --i)
      out.push_back(schema(depth - 1));
    return out;
  }
  json values() {
    json out = json::array();
    for (size_t i = 1 + below(4); i > 0; --i)
      if (json made = value(1); std::find(out.begin(), out.end(), made) == out.end())
        out.push_back(std::move(made));
    return out;
  }
  json bound() {
    return chance(70) ? json(static_cast<int>(below(7)) - 2)
                      : json(static_cast<double>(below(5)) - 1.5);
  }

  void keyword(json& out, int depth) {
    const size_t kind = below(depth > 0 ? 24 : 12);
    switch (kind) {
    case 0:
      out[pick({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})] = bound();
      break;
    case 1:
      out["multipleOf"] = 1.0 + static_cast<double>(below(3));
      break;
    case 2:
      out[pick({"minLength", "maxLength"})] = below(4);
      break;
    case 3:
      out["pattern"] = regex();
      break;
    case 4:
      out["enum"] = values();
      break;
    case 5:
      out["const"] = value(2);
      break;
    case 6:
      out["required"] = names();
      break;
    case 7:
      out[pick({"minItems", "maxItems"})] = below(4);
      break;
    case 8:
      out[pick({"minProperties", "maxProperties"})] = below(4);
      break;
    case 9:
      out["uniqueItems"] = chance(80);
      break;
    case 10:
      out["dependentRequired"] = {{name(), names()}, {"c", names()}};
      break;
    case 11:
      out["title"] = "t";
      break;
    case 12:
    case 13:
      out["properties"] = {{name(), schema(depth - 1)}, {name(), schema(depth - 1)}};
      break;
    case 14:
      out["patternProperties"] = {{pick({"^a", "b$", "^[a-z]$"}), schema(depth - 1)}};
      break;
    case 15:
      out["additionalProperties"] = schema(depth - 1);
      break;
    case 16:
      out["items"] = schema(depth - 1);
      break;
    case 17:
      out["prefixItems"] = schemas(depth);
      break;
    case 18:
      out["allOf"] = schemas(depth);
      break;
    case 19:
      out["anyOf"] = schemas(depth);
      break;
    case 20:
      out["oneOf"] = schemas(depth);
      break;
    case 21:
      out["not"] = schema(depth - 1);
      break;
    case 22:
      out["if"] = schema(depth - 1);
      out["then"] = schema(depth - 1);
      if (chance(50))
        out["else"] = schema(depth - 1);
      break;
    case 23:
      if (depth == depth_max)
        out["properties"]["a"] = {{"$ref", pick({"#/$defs/one", "#/$defs/two", "#"})}};
      break;
    }
  }

 public:
  static constexpr int depth_max = 3;

 private:
  std::mt19937_64 random_;
};

/// The same schema in draft 7's words.
json draft7(const json& given) {
  if (given.is_array()) {
    json out = json::array();
    for (const json& each : given)
      out.push_back(draft7(each));
    return out;
  }
  if (!given.is_object())
    return given;
  json out = json::object();
  for (const auto& [key, value] : given.items()) {
    if (key == "enum" || key == "const" || key == "required")
      out[key] = value;
    else if (key == "dependentRequired")
      out["dependencies"] = value;
    else if (key == "$ref")
      out[key] = value.get<std::string>() == "#"
                   ? "#"
                   : "#/definitions" + value.get<std::string>().substr(7);
    else if (key == "$defs")
      out["definitions"] = draft7(value);
    else if (key == "properties" || key == "patternProperties") {
      out[key] = json::object();
      for (const auto& [name, inner] : value.items())
        out[key][name] = draft7(inner);
    } else if (key == "prefixItems")
      out["items"] = draft7(value);
    else if (key == "items")
      out[given.contains("prefixItems") ? "additionalItems" : "items"] = draft7(value);
    else
      out[key] = draft7(value);
  }
  return out;
}

bool oracle(const json& schema_document, const json& record) {
  valijson::Schema rules;
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  const json old = draft7(schema_document);
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(old), rules);
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  return validator.validate(rules, valijson::adapters::NlohmannJsonAdapter(record),
                            nullptr);
}

} // namespace

TEST(schema_oracle, agrees_with_valijson_on_random_schemas_and_records) {
  const uint64_t seed = schema_test::seed();
  generator make(seed);
  size_t admitted = 0, refused = 0;
  for (int i = 0; i < 1500; ++i) {
    json document = make.schema(generator::depth_max);
    if (document.is_object())
      document["$defs"] = {{"one", make.schema(1)}, {"two", make.schema(1)}};
    const auto rules = schema::compile(document.dump(), "s.json");
    ASSERT_TRUE(rules) << document << rules.error().text << " seed " << seed;
    for (int j = 0; j < 8; ++j) {
      const json record = make.value(3);
      const bool ours = !schema_test::check(**rules, record.dump());
      ASSERT_EQ(ours, oracle(document, record))
        << "schema " << document << "\nrecord " << record << "\nseed " << seed;
      ++(ours ? admitted : refused);
    }
  }
  EXPECT_GT(admitted, 1000U);
  EXPECT_GT(refused, 1000U);
}
