#include "app/config/yaml_tree.hpp"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace weir;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

const std::map<std::string, std::string> environment{{"HOME_DIR", "/home/x"},
                                                     {"EMPTY", ""}};

std::optional<std::string> lookup(const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::nullopt : std::optional{found->second};
}

struct parsed_text {
  yaml_node root;
  std::vector<std::string> errors;
};

parsed_text parse(std::string_view text) {
  parsed_text out;
  out.root = parse_yaml(text, "x.yaml", lookup, out.errors);
  return out;
}

std::string as_json(std::string_view text) {
  auto parsed = parse(text);
  return to_json(parsed.root, parsed.errors).dump();
}

} // namespace

TEST(yaml_tree, every_value_knows_its_line) {
  const auto p = parse("a: 1\nb:\n  - x\n  - y: 2\n");
  ASSERT_THAT(p.errors, IsEmpty());
  EXPECT_EQ(p.root.find("a")->place, "x.yaml:1");
  EXPECT_EQ(p.root.find("b")->items[1].find("y")->place, "x.yaml:4");
}

TEST(yaml_tree, broken_yaml_is_an_error_with_its_line) {
  EXPECT_THAT(parse("a: 1\nb: [1\nc: 2\n").errors,
              ElementsAre(testing::StartsWith("x.yaml:3: not YAML: ")));
}

TEST(yaml_tree, a_key_given_twice_is_an_error_with_the_second_line) {
  EXPECT_THAT(parse("a: 1\nb: 2\na: 3\n").errors,
              ElementsAre("x.yaml:3: key \"a\" is given twice"));
}

TEST(yaml_tree, what_a_configuration_never_needs_is_refused) {
  EXPECT_THAT(parse("a: 1\n---\nb: 2\n").errors,
              ElementsAre(HasSubstr("2 YAML documents")));
  EXPECT_THAT(parse("a: !secret x\n").errors, ElementsAre(HasSubstr("tag \"!secret\"")));
  for (const auto* tagged : {"a: !!str x", "a: !!int 4", "a: !!map {}", "a: !!seq []"})
    EXPECT_THAT(parse(tagged).errors, ElementsAre(HasSubstr("is not supported: remove")))
      << tagged;
  EXPECT_THAT(parse("a: \"x\\0y\"\n").errors, ElementsAre(HasSubstr("NUL")));
  EXPECT_THAT(parse("\"x\\0y\": 1\n").errors, ElementsAre(HasSubstr("NUL")));
  EXPECT_THAT(parse("[a, b]: 1\n").errors, ElementsAre(HasSubstr("a key must be text")));
  EXPECT_THAT(parse(std::string_view{"a: \0", 4}).errors,
              ElementsAre(HasSubstr("UTF-8")));
  EXPECT_THAT(parse("a: \xff\n").errors, ElementsAre(HasSubstr("UTF-8")));
}

TEST(yaml_tree, aliases_that_multiply_are_refused_in_bounded_time) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j)
      bomb += (j ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(parse(bomb).errors, ElementsAre(HasSubstr("more than 100000 values")));
}

TEST(yaml_tree, an_alias_of_itself_is_refused) {
  EXPECT_THAT(parse("a: &a [*a]\n").errors, testing::SizeIs(1));
}

TEST(yaml_tree, a_deep_document_is_refused) {
  EXPECT_THAT(parse(std::string(2000, '[')).errors, testing::SizeIs(1));
  EXPECT_THAT(parse(std::string(80, '[') + std::string(80, ']')).errors,
              ElementsAre(HasSubstr("nested deeper")));
}

TEST(yaml_tree, plain_scalars_have_the_core_schemas_types_and_quoted_ones_are_text) {
  EXPECT_EQ(as_json("[12, -3, +4, 0x1f, 0o17, 18446744073709551615]"),
            "[12,-3,4,31,15,18446744073709551615]");
  EXPECT_EQ(as_json("[1.5, -1e3, .5, 1.]"), "[1.5,-1000.0,0.5,1.0]");
  EXPECT_EQ(as_json("[true, False, null, ~, ]"), "[true,false,null,null]");
  EXPECT_EQ(as_json("['12', \"true\", 'null']"), R"(["12","true","null"])");
  EXPECT_EQ(as_json("[yes, no, on, 1_000, 0x, 1e, 12ab, '', inf, nan, -, 1-2]"),
            R"(["yes","no","on","1_000","0x","1e","12ab","","inf","nan","-","1-2"])");
  EXPECT_EQ(as_json("{a: {b: [1]}}"), R"({"a":{"b":[1]}})");
}

TEST(yaml_tree, infinity_and_not_a_number_are_errors_because_json_lacks_them) {
  for (const auto* text : {"a: .inf", "a: -.Inf", "a: .nan"}) {
    auto p = parse(text);
    to_json(p.root, p.errors);
    EXPECT_THAT(p.errors, ElementsAre(HasSubstr("x.yaml:1: "))) << text;
  }
}

TEST(yaml_tree, variables_are_expanded_in_values) {
  EXPECT_EQ(expand_variables("${HOME_DIR}/data", lookup).text, "/home/x/data");
  EXPECT_EQ(expand_variables("${NONE:-def}", lookup).text, "def");
  EXPECT_EQ(expand_variables("${EMPTY:-def}", lookup).text, "def");
  EXPECT_EQ(expand_variables("${EMPTY}", lookup).text, "");
  EXPECT_EQ(expand_variables("${NONE:-}", lookup).text, "");
  EXPECT_EQ(expand_variables("$${HOME_DIR}", lookup).text, "${HOME_DIR}");
  EXPECT_EQ(expand_variables("cost $5 $", lookup).text, "cost $5 $");
}

TEST(yaml_tree, a_reference_that_is_not_one_is_an_error_that_says_what_is) {
  for (const auto* wrong : {"${NONE:-x", "${}", "${A-b}", "${", "${HOME_DIR", "a ${1} b",
                            "${/field}", "${HOME_DIR:x}"})
    EXPECT_THAT(expand_variables(wrong, lookup).error,
                HasSubstr("expected ${NAME} or ${NAME:-value}"))
      << wrong;
}

TEST(yaml_tree, a_missing_variable_without_a_default_is_an_error_that_names_it) {
  EXPECT_THAT(
    parse("a: 1\nb: ${NOWHERE}\n").errors,
    ElementsAre("x.yaml:2: environment variable NOWHERE is not set: set it, or write a "
                "default as ${NOWHERE:-value}"));
}

TEST(yaml_tree, an_expanded_value_is_one_value_whatever_is_in_it) {
  std::vector<std::string> errors;
  const auto hostile = [](const std::string&) {
    return std::optional<std::string>{"x\nb: 2"};
  };
  const auto root = parse_yaml("a: ${ANY}", "x.yaml", hostile, errors);
  EXPECT_EQ(root.members.size(), 1u);
  EXPECT_EQ(root.find("a")->text, "x\nb: 2");
}

TEST(yaml_tree, an_override_makes_what_is_missing_and_finds_list_elements_by_name) {
  auto p = parse("keys:\n  - name: one\n    rate: 1\n  - name: two\n");
  apply_override(p.root, "keys.two.rate=5", lookup, p.errors);
  apply_override(p.root, "keys.0.rate=7", lookup, p.errors);
  apply_override(p.root, "a.b.c=[1, 2]", lookup, p.errors);
  EXPECT_THAT(p.errors, IsEmpty());
  EXPECT_EQ(p.root.find("keys")->items[1].find("rate")->text, "5");
  EXPECT_EQ(p.root.find("keys")->items[1].find("rate")->place, "--set");
  EXPECT_EQ(p.root.find("keys")->items[0].find("rate")->text, "7");
  EXPECT_EQ(p.root.find("a")->find("b")->find("c")->items.size(), 2u);
}

TEST(yaml_tree, an_override_that_leads_nowhere_is_an_error_that_says_set) {
  auto p = parse("a: 1\nl: [x]\n");
  for (const auto* wrong : {"a.b=1", "l.nine=1", "novalue", "=1", "a=[1"})
    apply_override(p.root, wrong, lookup, p.errors);
  ASSERT_EQ(p.errors.size(), 5u);
  for (const auto& error : p.errors)
    EXPECT_THAT(error, testing::StartsWith("--set: "));
}
