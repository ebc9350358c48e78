#include "tests/records/transform/plan_fixture.hpp"

#include <simdjson.h>

using namespace weir;
using namespace weir::testing_plans;

TEST(plan, when_it_has_no_steps_the_record_goes_through_unchanged) {
  EXPECT_EQ(result_of("[]", R"({ "a" : 1 })"), R"({ "a" : 1 })");
  EXPECT_TRUE(compiled("[]")->empty());
  EXPECT_TRUE(compiled("null")->empty());
}

TEST(plan, stores_untouched_values_byte_for_byte_without_white_space) {
  EXPECT_EQ(
    result_of(R"([{"remove": "x"}])", "{ \"a\" : 1.10, \"b\\u0041\":\"\\u00e9 \\/\" "
                                      ",\"x\":1,\"c\":[ 1, {\"d\" : \" \"}\n],"
                                      "\"big\":123456789012345678901234567890}"),
    R"({"a":1.10,"b\u0041":"\u00e9 \/","c":[1,{"d":" "}],"big":123456789012345678901234567890})");
}

TEST(plan, finds_fields_by_what_their_escaped_names_mean) {
  EXPECT_EQ(result_of(R"([{"rename": {"bA": "/q\"~1~0"}}])", R"({"b\u0041":1})"),
            R"({"q\"/~":1})");
}

TEST(plan, of_duplicate_names_edits_the_last_and_removes_the_others) {
  EXPECT_EQ(
    result_of(R"([{"convert": {"field": "a", "to": "string"}}])", R"({"a":1,"a":2})"),
    R"({"a":"2"})");
  EXPECT_EQ(
    result_of(R"([{"set": {"field": "a", "value": 3}}])", R"({"a":1,"b":0,"a":2})"),
    R"({"b":0,"a":3})");
  EXPECT_EQ(result_of(R"([{"rename": {"a": "b"}}])", R"({"b":0,"a":1,"c":9,"a":2})"),
            R"({"c":9,"b":2})");
  EXPECT_EQ(result_of(R"([{"remove": "a"}])", R"({"a":1,"b":0,"a":2})"), R"({"b":0})");
  EXPECT_EQ(result_of(R"([{"parse": {"field": "m", "as": "json"}}])",
                      R"({"a":1,"a":2,"m":"{\"a\":3}"})"),
            R"({"a":3})");
}

TEST(plan, edits_elements_of_arrays_but_does_not_append_to_them) {
  EXPECT_EQ(
    result_of(R"([{"remove": ["/a/0", "/a/7", "/a/x", "/a/01"]}])", R"({"a":[1,2]})"),
    R"({"a":[2]})");
  EXPECT_EQ(
    result_of(R"([{"set": {"field": "/a/1/b", "value": "x"}}])", R"({"a":[1,{}]})"),
    R"({"a":[1,{"b":"x"}]})");
  EXPECT_EQ(result_of(R"([{"set": {"field": "/a/2", "value": 1}}])", R"({"a":[1,2]})"),
            "/a/2: step 1 (set): has no place: something on the way is not an object, or "
            "an array "
            "has no such element");
  EXPECT_EQ(result_of(R"([{"rename": {"/a/0": "/a/1"}}])", R"({"a":[1,2]})").substr(0, 6),
            "/a/1: ");
}

TEST(plan, refuses_records_that_are_no_json_object) {
  for (const char* const record : {"",
                                   "{",
                                   "[]",
                                   "1",
                                   "{}x",
                                   "{\"a\":01}",
                                   "{\"a\":1,}",
                                   "{\"a\" 1}",
                                   "{'a':1}",
                                   "{\"a\":tru}",
                                   "{\"a\":\"\\x\"}",
                                   "{\"a\":\"\n\"}",
                                   "{\"a\":\"\xff\"}",
                                   "{\"a\":\"\\u12g4\"}",
                                   "{\"a\":-}",
                                   "{\"a\":\"\\ud83d\"}",
                                   "{\"a\":\"\\ude00\"}",
                                   "{\"a\":\"\\ud83d\\u0041\"}",
                                   "{\"a\":1.}",
                                   "{\"a\":1e}",
                                   "{\"a\":[1,]}",
                                   "{\"a\":{\"b\"}}",
                                   "{\"a\":\"abc",
                                   "{\"a\":12"})
    EXPECT_EQ(result_of(R"([{"remove": "x"}])", record),
              ": the record is not one JSON object of at most 64 levels in UTF-8")
      << record;
}

TEST(plan, bounds_the_depth_of_records_before_and_after) {
  const auto nested = [](size_t arrays) {
    return "{\"a\":" + std::string(arrays, '[') + std::string(arrays, ']') + "}";
  };
  EXPECT_EQ(result_of(R"([{"remove": "x"}])", nested(63)), nested(63));
  EXPECT_NE(result_of(R"([{"remove": "x"}])", nested(64)), nested(64));
  EXPECT_NE(result_of(R"([{"copy": {"a": "/b/c"}}])", nested(62)).find("\"c\":["),
            std::string::npos);
  EXPECT_EQ(result_of(R"([{"copy": {"a": "/b/c"}}])", nested(63)),
            ": the steps nested the record more than 64 levels deep");
  const auto text =
    nlohmann::json{{"m", std::string(64, '[') + std::string(64, ']')}}.dump();
  EXPECT_NE(result_of(R"([{"parse": {"field": "m", "as": "json", "into": "m"}}])", text)
              .find("is no json"),
            std::string::npos);
}

TEST(plan, names_place_step_and_what_is_allowed_in_errors) {
  EXPECT_EQ(error_of(R"([{"drop": true}, {"convrt": {}}])").substr(0, 66),
            "file: streams.web, step 2: unknown step \"convrt\"; steps are rename");
  EXPECT_EQ(error_of(R"([{"default": {"field": "a", "valu": 1}}])"),
            "file: streams.web, step 1 (default): unknown argument \"valu\"; allowed are "
            "field, value");
  for (const char* const step : {"rename", "copy"})
    for (const auto& [arguments, unknown] :
         {std::pair{R"({"from": "usr", "too": "user"})", "too"},
          {R"({"fro": "usr", "to": "user"})", "fro"},
          {R"({"from": "usr", "to": "user", "wen": "x"})", "wen"}})
      EXPECT_EQ(error_of(R"([{")" + std::string{step} + "\": " + arguments + "}]"),
                "file: streams.web, step 1 (" + std::string{step}
                  + "): unknown argument \"" + unknown
                  + "\"; allowed are from, to (a field of such a name is /from, /to)");
  EXPECT_EQ(error_of(R"([{"rename": {"from": "usr"}}])"),
            "file: streams.web, step 1 (rename): the argument \"to\" is missing");
  EXPECT_EQ(result_of(R"([{"rename": {"/from": "sender", "/to": "user"}}])",
                      R"({"from":1,"to":2})"),
            R"({"sender":1,"user":2})");
  EXPECT_EQ(error_of(R"({"drop": true})"), "file: streams.web: must be a list of steps");
  EXPECT_NE(error_of(R"([{"drop": true, "keep": ["a"]}])").find("needs one key"),
            std::string::npos);
}

TEST(plan, refuses_every_kind_of_wrong_argument) {
  for (const char* const steps :
       {R"([{"remove": []}])",
        R"([{"remove": [""]}])",
        R"([{"remove": ["a/b"]}])",
        R"([{"remove": ["/a~2"]}])",
        R"([{"remove": [1]}])",
        R"([{"rename": {"a": "b", "b": "c"}}])",
        R"([{"rename": {"a": "c", "b": "c"}}])",
        R"([{"set": {"field": "a"}}])",
        R"([{"set": {"field": "a", "value": 1, "template": "x"}}])",
        R"([{"set": {"field": "a", "template": "{b"}}])",
        R"([{"set": {"field": "a", "template": "b}"}}])",
        R"([{"default": {"field": "a"}}])",
        R"([{"convert": {"field": "a", "to": "integer"}}])",
        R"([{"convert": {"to": "int"}}])",
        R"([{"convert": {"field": "a", "to": "int", "from": "unix"}}])",
        R"([{"convert": {"field": "a", "to": "timestamp", "from": "iso"}}])",
        R"([{"convert": {"field": "a", "to": "int", "null_if": [1]}}])",
        R"([{"convert": {"field": "a", "to": "int", "on_missing": "drop"}}])",
        R"([{"parse": {"field": "a", "as": "xml"}}])",
        R"([{"parse": {"field": "a", "as": "regex"}}])",
        R"-([{"parse": {"field": "a", "as": "regex", "pattern": "(a)"}}])-",
        R"-([{"parse": {"field": "a", "as": "regex", "pattern": "(?P<x>\\C)"}}])-",
        R"([{"parse": {"field": "a", "as": "json", "pattern": "x"}}])",
        R"([{"parse": {"field": "a", "as": "json", "delimiter": ","}}])",
        R"([{"parse": {"field": "a", "as": "key_value", "delimiter": "="}}])",
        R"([{"redact": {"field": "a", "pattern": "("}}])",
        R"([{"redact": {"field": "a"}}])",
        R"([{"truncate": {"field": "a", "bytes": -1}}])",
        R"([{"truncate": {"field": "a"}}])",
        R"([{"hash": {"fields": ["a", "b"], "to": "c"}}])",
        R"([{"lowercase": {"bytes": 1}}])",
        R"([{"add": ["host"]}])",
        R"([{"add": []}])",
        R"([{"drop": false}])",
        R"([{"sample": {"rate": 1.5}}])",
        R"([{"sample": {}}])",
        R"([{"drop": true, "when": {"field": "a", "eq": 1, "ne": 2}}])",
        R"([{"drop": true, "when": {"field": "a", "in": []}}])",
        R"([{"drop": true, "when": {"field": "a", "eq": [1]}}])",
        R"([{"drop": true, "when": {}}])",
        R"([{"drop": true, "when": {"and": []}}])",
        R"([{"drop": true, "when": {"nor": []}}])",
        R"([{"drop": true, "when": {"matches": {"field": "a"}}}])",
        R"(["drop"])",
        R"([{}])"})
    EXPECT_EQ(error_of(steps).substr(0, 25), "file: streams.web, step 1") << steps;
}

TEST(plan, compiles_the_fault_step_only_with_fault_injection) {
  const char* const steps = R"([{"fault": {"field": "a", "crash": "x"}}])";
  EXPECT_NE(error_of(steps).find("only with fault injection"), std::string::npos);
  EXPECT_EQ(error_of(steps, {.fault_injection = true}), "compiled");
  EXPECT_EQ(error_of(R"([{"x": 1}])").find(", fault"), std::string::npos);
}

TEST(plan, when_a_fault_step_crashes_it_throws_and_the_scratch_stays_usable) {
  const auto steps =
    compiled(R"([{"fault": {"field": "a", "crash": {"contains": "poison"}}}])");
  const auto scratch = make_plan_scratch(1);
  EXPECT_THROW(run(*steps, R"({"a":"some poison here"})", *scratch), std::runtime_error);
  EXPECT_EQ(run(*steps, R"({"a":"fine"})", *scratch).out, R"({"a":"fine"})");
}

TEST(plan, never_shows_a_salt) {
  const auto steps = compiled(R"([{"hash": {"field": "a", "salt": "tOpSeCrEt"}}])");
  EXPECT_EQ(steps->describe().front(), "1. hash /a, salted");
  for (const char* const wrong :
       {R"([{"hash": {"field": "a", "salt": ["tOpSeCrEt"]}}])",
        R"([{"hash": "tOp/SeCrEt"}])",
        R"([{"hash": {"field": "a", "salt": "tOpSeCrEt", "x": 1}}])"})
    EXPECT_EQ(error_of(wrong).find("tOpSeCrEt"), std::string::npos);
  EXPECT_EQ(
    result_of(R"([{"hash": {"field": "a", "salt": "tOpSeCrEt"}}])", R"({"a":[]})"),
    "/a: step 1 (hash): [] is not a scalar");
}

TEST(plan, describes_each_step_on_one_line) {
  const auto lines = compiled(R"-([
    {"convert": {"fields": {"s": {"to": "int", "null_if": "-"}}},
     "when": {"or": [{"field": "a", "in": [1, "x"]}, {"not": {"exists": "b"}}]}},
    {"parse": {"field": "m", "as": "regex", "pattern": "(?P<x>\n)", "into": "r"}}])-")
                       ->describe();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(
    lines[0],
    R"-(1. convert /s to int, null if "-", when /a in [1, "x"] or not (/b exists))-");
  EXPECT_EQ(lines[1], R"-(2. parse /m as regex "(?P<x>\n)" into /r)-");
}

TEST(plan, bounds_and_escapes_what_it_quotes_of_the_data) {
  const std::string data =
    "\x1b[31m\x7f" + std::string(30, 'a') + std::string(400, '\x01');
  const auto record = nlohmann::json{{"a", data + "é"}}.dump();
  const auto result = run(R"([{"convert": {"field": "a", "to": "int"}}])", record);
  EXPECT_LE(result.outcome.detail.size(), 256u);
  EXPECT_EQ(result.outcome.detail.find_first_of(std::string_view("\x1b\x7f\x01\n", 4)),
            std::string::npos);
  for (size_t pad = 55; pad < 70; ++pad) {
    const auto cut = run(R"([{"convert": {"field": "a", "to": "int"}}])",
                         nlohmann::json{{"a", std::string(pad, 'x') + "ééé€€😀😀"}}.dump());
    EXPECT_TRUE(
      simdjson::validate_utf8(cut.outcome.detail.data(), cut.outcome.detail.size()));
  }
}

TEST(plan, appends_behind_what_is_in_the_output_and_leaves_it_alone_on_rejection) {
  const auto steps = compiled(R"([{"convert": {"field": "a", "to": "int"}}])");
  const auto scratch = make_plan_scratch(1);
  std::string good = R"({"a":"1"})", bad = R"({"a":"x"})", out = "before";
  good.reserve(100), bad.reserve(100);
  EXPECT_EQ(steps->run(bad, {}, *scratch, out).what, transform_outcome::kind::rejected);
  EXPECT_EQ(out, "before");
  EXPECT_EQ(steps->run(good, {}, *scratch, out).what, transform_outcome::kind::kept);
  EXPECT_EQ(out, "before{\"a\":1}");
}
