// Every example of docs/transform.md is run: what the reference says is what the steps
// do.
#include "records/transform/plan.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

using namespace weir;

namespace {

struct example {
  std::string kind;
  size_t line = 0;
  std::vector<std::string> lines;
};

std::filesystem::path reference() {
  return std::filesystem::path(__FILE__).parent_path() / "../../../docs/transform.md";
}

// The fenced blocks that begin with ```json and a kind.
std::vector<example> examples() {
  std::ifstream file(reference());
  std::vector<example> found;
  bool inside = false;
  size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.starts_with("```json ")) {
      found.push_back({line.substr(8), number, {}});
      inside = true;
    } else if (line.starts_with("```")) {
      inside = false;
    } else if (inside) {
      found.back().lines.push_back(line);
    }
  }
  return found;
}

std::string with_padding(std::string text) {
  text.reserve(text.size() + text_padding);
  return text;
}

transform_outcome run(const example& e, std::string& out, size_t& parts) {
  const auto steps = nlohmann::json::array({nlohmann::json::parse(e.lines.at(0))});
  const auto compiled = plan::compile(steps, "docs", {.fault_injection = true});
  if (!compiled) {
    ADD_FAILURE() << "line " << e.line << ": " << compiled.error().text;
    return {};
  }
  const auto scratch = make_plan_scratch(1);
  const auto record = with_padding(e.lines.at(1));
  auto outcome =
    (*compiled)->run(record, {"web", "192.0.2.7", 1'431'857'103'000'042}, *scratch, out);
  parts = outcome.ends.size();
  outcome.ends = {}; // the scratch's
  return outcome;
}

} // namespace

TEST(plan_examples, of_the_reference_do_what_it_says) {
  const auto found = examples();
  ASSERT_GT(found.size(), 30u);
  for (const auto& e : found) {
    SCOPED_TRACE("docs/transform.md:" + std::to_string(e.line));
    std::string out;
    size_t parts = 0;
    const auto outcome = run(e, out, parts);
    if (e.kind == "example") {
      EXPECT_EQ(outcome.what, transform_outcome::kind::kept) << outcome.detail;
      std::string stored; // a record that is split has a line for each part
      for (size_t i = 2; i < e.lines.size(); ++i)
        stored += e.lines[i];
      EXPECT_EQ(out, stored);
      EXPECT_EQ(parts, e.lines.size() > 3 ? e.lines.size() - 2 : 0);
    } else if (e.kind == "rejected") {
      EXPECT_EQ(outcome.what, transform_outcome::kind::rejected);
      EXPECT_EQ(outcome.pointer + " " + outcome.detail, e.lines.at(2));
      EXPECT_EQ(out, "");
    } else {
      ASSERT_EQ(e.kind, "dropped");
      EXPECT_EQ(outcome.what, transform_outcome::kind::dropped);
      EXPECT_EQ(out, "");
    }
  }
}

TEST(plan_examples, leave_no_step_out) {
  std::set<std::string> shown;
  for (const auto& e : examples()) {
    const auto entry = nlohmann::json::parse(e.lines.at(0));
    for (const auto& [key, unused] : entry.items())
      shown.insert(key);
  }
  const auto compiled = plan::compile(nlohmann::json::parse(R"([{"nope":1}])"), "docs",
                                      {.fault_injection = true});
  ASSERT_FALSE(compiled.has_value());
  const std::string& text = compiled.error().text;
  std::stringstream names(text.substr(text.find("steps are ") + 10));
  for (std::string name; std::getline(names >> std::ws, name, ',');)
    EXPECT_TRUE(shown.contains(name)) << name << " has no example";
}
