#include "records/schema/compiler.hpp"

#include <algorithm>
#include <numeric>

namespace weir::schema_detail {

namespace {

struct replacement {
  std::string_view keyword;
  std::string_view advice;
};

constexpr replacement replacements[] = {
  {"definitions", "use \"$defs\""},
  {"dependencies", "use \"dependentRequired\", or \"if\" and \"then\" for schemas"},
  {"dependentSchemas", "use \"if\" with \"required\", and \"then\""},
  {"additionalItems", "use \"items\" beside \"prefixItems\""},
  {"id", "use \"$id\""},
  {"$anchor", "use a pointer into \"$defs\""},
  {"$dynamicAnchor", "use a pointer into \"$defs\""},
  {"$dynamicRef", "use \"$ref\" into \"$defs\""},
  {"$recursiveRef", "use \"$ref\": \"#\""},
  {"propertyNames", "use \"patternProperties\" and \"additionalProperties\": false"},
  {"unevaluatedProperties",
   "use \"additionalProperties\" where the properties are listed"},
  {"unevaluatedItems", "use \"items\" beside \"prefixItems\""},
  {"contains", "check the items with \"items\", or not at all"},
  {"minContains", "check the items with \"items\", or not at all"},
  {"maxContains", "check the items with \"items\", or not at all"},
  {"nullable", "use \"type\": [\"string\", \"null\"]"},
  {"divisibleBy", "use \"multipleOf\""},
  {"disallow", "use \"not\""},
  {"extends", "use \"allOf\""},
  {"example", "use \"examples\""},
  {"contentEncoding", "use \"pattern\""},
  {"contentMediaType", "use \"$comment\""},
};

constexpr std::string_view supported[] = {"additionalProperties",
                                          "allOf",
                                          "anyOf",
                                          "const",
                                          "dependentRequired",
                                          "description",
                                          "enum",
                                          "examples",
                                          "exclusiveMaximum",
                                          "exclusiveMinimum",
                                          "format",
                                          "items",
                                          "maxItems",
                                          "maxLength",
                                          "maxProperties",
                                          "maximum",
                                          "minItems",
                                          "minLength",
                                          "minProperties",
                                          "minimum",
                                          "multipleOf",
                                          "oneOf",
                                          "pattern",
                                          "patternProperties",
                                          "prefixItems",
                                          "properties",
                                          "readOnly",
                                          "required",
                                          "title",
                                          "type",
                                          "uniqueItems",
                                          "writeOnly",
                                          "$defs",
                                          "$schema",
                                          "$comment",
                                          "$ref",
                                          "deprecated",
                                          "default"};

/// The Levenshtein distance without regard to case (Wagner and Fischer 1974).
size_t distance(std::string_view left, std::string_view right) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  };
  std::vector<size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < left.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    // One row is enough: the entries to the right of j are still those of the row before.
    for (size_t j = 0; j < right.size(); ++j) {
      const size_t change = diagonal + (lower(left[i]) != lower(right[j]));
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

} // namespace

std::string suggestion(std::string_view keyword) {
  for (const auto& [name, advice] : replacements)
    if (name == keyword)
      return "; " + std::string(advice);
  if (keyword.size() <= 32)
    for (const std::string_view name : supported)
      if (distance(keyword, name) <= 2 && name.size() > 3)
        return "; did you mean \"" + std::string(name) + "\"?";
  return "; remove it, or put notes in \"$comment\"";
}

} // namespace weir::schema_detail
