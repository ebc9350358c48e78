// Compiling and running plans in tests.
#pragma once

#include "records/transform/plan.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace weir::testing_plans {

struct ran {
  transform_outcome outcome;
  std::string out;
};

inline std::shared_ptr<const plan> compiled(std::string_view steps) {
  auto made =
    plan::compile(nlohmann::json::parse(steps), "test", {.fault_injection = true});
  if (!made)
    throw std::logic_error(made.error().text);
  return *made;
}

/// Runs on a copy of `record` of exactly the size the contract asks for.
inline ran run(const plan& steps, std::string_view record, plan_scratch& scratch) {
  std::string padded(record);
  padded.append(text_padding, '"'); // hostile padding: it looks like more of the text
  ran result;
  result.outcome = steps.run(std::string_view(padded).substr(0, record.size()),
                             {"web", "192.0.2.7", 0}, scratch, result.out);
  return result;
}

inline ran run(std::string_view steps, std::string_view record) {
  return run(*compiled(steps), record, *make_plan_scratch(1));
}

/// What is stored, or `pointer: detail`, or `dropped`.
inline std::string result_of(std::string_view steps, std::string_view record) {
  const auto result = run(steps, record);
  switch (result.outcome.what) {
  case transform_outcome::kind::kept:
    return result.out;
  case transform_outcome::kind::dropped:
    return "dropped";
  case transform_outcome::kind::rejected:
    break;
  }
  EXPECT_EQ(result.out, "");
  return result.outcome.pointer + ": " + result.outcome.detail;
}

inline std::string error_of(std::string_view steps, plan_options options = {}) {
  const auto made =
    plan::compile(nlohmann::json::parse(steps), "file: streams.web", options);
  if (made)
    return "compiled";
  EXPECT_EQ(made.error().code, ec::invalid_config);
  return made.error().text;
}

} // namespace weir::testing_plans
