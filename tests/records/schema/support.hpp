// What the schema tests share.
#pragma once

#include "records/schema/schema.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

namespace weir::schema_test {

inline std::shared_ptr<const schema> compiled(std::string_view text) {
  auto made = schema::compile(text, "s.json");
  EXPECT_TRUE(made) << text << "\n" << (made ? "" : made.error().text);
  return made ? *made : nullptr;
}

/// The error's text; empty when it compiles.
inline std::string compile_error(std::string_view text) {
  const auto made = schema::compile(text, "s.json");
  if (made)
    return {};
  EXPECT_EQ(made.error().code, ec::invalid_config);
  return made.error().text;
}

inline std::optional<violation> check(const schema& rules, const std::string& record) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  const auto code = parser.parse(record).get(root);
  EXPECT_EQ(code, simdjson::SUCCESS) << record;
  return code ? std::optional<violation>{{"", "not JSON"}} : rules.check(root);
}

inline std::optional<violation> check(std::string_view text, const std::string& record) {
  const auto rules = compiled(text);
  return rules ? check(*rules, record) : std::optional<violation>{{"", "no schema"}};
}

/// `pointer: detail`, or `ok`.
inline std::string verdict(std::string_view text, const std::string& record) {
  const auto found = check(text, record);
  return found ? found->pointer + ": " + found->detail : "ok";
}

/// WEIR_SEED, or one drawn now; print it with every failure.
inline uint64_t seed() {
  if (const char* const given = std::getenv("WEIR_SEED"))
    return std::strtoull(given, nullptr, 10);
  static const uint64_t drawn = std::random_device{}();
  return drawn;
}

} // namespace weir::schema_test
