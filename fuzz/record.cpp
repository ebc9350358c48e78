// The short way to admit a record: what it admits by the parser's first pass is one JSON
// object to the whole parser, and the schema finds nothing wrong with it.
#include "fuzz/property.hpp"
#include "records/schema/schema.hpp"

#include <array>

using namespace weir;

namespace {

constexpr std::array schemas{
  R"({"required": ["a"], "properties": {"a": {"type": "integer", "minimum": -9, "maximum": 99},
      "b": {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^[a-c]*$"},
      "c": {"enum": ["x", "longer than eight"]}}, "additionalProperties": false})",
  R"({"properties": {"a": {"type": "number", "exclusiveMaximum": 1.5}}, "minProperties": 2,
      "additionalProperties": {"type": ["null", "boolean", "string"]}})"};

void judge(const schema* rules, std::string_view record) {
  static simdjson::dom::parser parser;
  static member_order order{};
  const simdjson::padded_string text{record};
  if (parser.allocate(record.size() + 64))
    return;
  if (!schema::surely_admits(rules, parser, text, order))
    return;
  simdjson::dom::element root;
  WEIR_HOLDS(parser.parse(text).get(root) == simdjson::SUCCESS);
  WEIR_HOLDS(root.is_object());
  WEIR_HOLDS(!rules || !rules->check(root));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::array compiled{schema::compile(schemas[0], "0").value(),
                                   schema::compile(schemas[1], "1").value()};
  const std::string_view record{reinterpret_cast<const char*>(data), size};
  judge(nullptr, record);
  for (const auto& rules : compiled)
    judge(rules.get(), record);
  return 0;
}
