// The corners of single steps; docs/transform.md has the plain cases.
#include "tests/records/transform/plan_fixture.hpp"

using namespace weir;
using namespace weir::testing_plans;

namespace {

std::string converted(const char* to, const char* json) {
  const auto steps = R"([{"convert": {"field": "a", "to": ")" + std::string(to) + "\"}}]";
  const auto result = run(steps, "{\"a\":" + std::string(json) + "}");
  if (result.outcome.what != transform_outcome::kind::kept)
    return "no";
  return result.out.substr(5, result.out.size() - 6);
}

std::string condition(const std::string& when, const char* record) {
  return result_of(R"([{"drop": true, "when": )" + when + "}]", record) == "dropped"
           ? "yes"
           : "no";
}

std::string parsed(const std::string& arguments, const std::string& text) {
  return result_of(R"([{"parse": {"field": "m", )" + arguments + "}}]",
                   nlohmann::json{{"m", text}}.dump());
}

} // namespace

TEST(step_convert, takes_integers_exactly_or_not_at_all) {
  EXPECT_EQ(converted("int", "\"-9223372036854775808\""), "-9223372036854775808");
  EXPECT_EQ(converted("int", "\"007\""), "7");
  EXPECT_EQ(converted("int", "\"-0\""), "0");
  EXPECT_EQ(converted("int", "12"), "12");
  EXPECT_EQ(converted("int", "-0"), "0");
  EXPECT_EQ(converted("int", "\"-012\""), "-12");
  for (const char* const text :
       {"\"9223372036854775808\"", "9223372036854775808", "18446744073709551615",
        "\"18446744073709551615\"", "\"0018446744073709551615\""})
    EXPECT_NE(std::string(text).find(converted("int", text)), std::string::npos) << text;
  EXPECT_EQ(converted("int", "null"), "null");
  for (const char* const bad :
       {"\"18446744073709551616\"", "\"-9223372036854775809\"", "\"12.0\"", "12.0", "1e3",
        "\"\"", "\" 1\"", "\"1 \"", "\"+1\"", "\"0x1\"", "true", "[]", "{}", "\"١\""})
    EXPECT_EQ(converted("int", bad), "no") << bad;
}

TEST(step_convert, keeps_the_digits_of_decimal_numbers) {
  EXPECT_EQ(converted("float", "\"1.10\""), "1.10");
  EXPECT_EQ(converted("float", "1e5"), "1e5");
  EXPECT_EQ(converted("float", "\".5\""), "0.5");
  EXPECT_EQ(converted("float", "1e-400"), "1e-400"); // zero, as everybody reads it
  EXPECT_EQ(converted("float", "\"-1e-400\""), "-1e-400");
  EXPECT_EQ(converted("float", "\".1e-400\""), "0");
  EXPECT_EQ(converted("float", "\"-007.50\""), "-7.5");
  EXPECT_EQ(converted("float", "\"18446744073709551615\""), "18446744073709551615");
  for (const char* const bad :
       {"\"inf\"", "\"nan\"", "\"1e999\"", "\"0x1p3\"", "\"1,5\"", "\"\"", "true"})
    EXPECT_EQ(converted("float", bad), "no") << bad;
}

TEST(step_convert, makes_no_integer_of_more_than_64_bits) {
  EXPECT_EQ(converted("float", "\"123456789012345678901234567890\""),
            "123456789012345678901234567890.0");
  EXPECT_EQ(converted("float", "\"-9223372036854775809\""), "-9223372036854775809.0");
  EXPECT_EQ(converted("float", "\"0123456789012345678901\""), "123456789012345683968.0");
}

TEST(step_convert, knows_words_for_true_and_false) {
  for (const char* const yes : {"true", "1", "\"YES\"", "\"On\"", "\"t\"", "\"1\""})
    EXPECT_EQ(converted("bool", yes), "true") << yes;
  for (const char* const no : {"false", "0", "\"No\"", "\"OFF\"", "\"n\"", "\"0\""})
    EXPECT_EQ(converted("bool", no), "false") << no;
  EXPECT_EQ(converted("bool", "1.0"), "true"); // a number is what its value is
  EXPECT_EQ(converted("bool", "-0.0e5"), "false");
  for (const char* const bad :
       {"2", "0.5", "\"1.0\"", "\"yess\"", "\"\"", "[]", "\"truetrue\""})
    EXPECT_EQ(converted("bool", bad), "no") << bad;
}

TEST(step_convert, makes_text_of_anything) {
  EXPECT_EQ(converted("string", "1.10"), "\"1.10\"");
  EXPECT_EQ(converted("string", "[1, \"x\"]"), R"("[1,\"x\"]")");
  EXPECT_EQ(converted("string", "\"\\u0041\""), R"("\u0041")");
}

TEST(step_convert, rejects_missing_fields_only_when_told_to) {
  const char* const steps =
    R"([{"convert": {"field": "/a/b", "to": "int", "on_missing": "reject"}}])";
  EXPECT_EQ(result_of(steps, R"({"a":1})"),
            "/a/b: step 1 (convert): the field is missing");
  EXPECT_EQ(result_of(steps, R"({"a":{"b":null}})"),
            "/a/b: step 1 (convert): the field is missing");
  EXPECT_EQ(result_of(R"([{"convert": {"field": "/a/b", "to": "int"}}])", R"({"a":1})"),
            R"({"a":1})");
}

TEST(step_when, compares_numbers_by_value_and_never_across_types) {
  EXPECT_EQ(condition(R"({"field":"a","eq":1})", R"({"a":1.0})"), "yes");
  EXPECT_EQ(condition(R"({"field":"a","eq":1})", R"({"a":"1"})"), "no");
  EXPECT_EQ(condition(R"({"field":"a","ne":1})", R"({"a":"1"})"), "yes");
  EXPECT_EQ(condition(R"({"field":"a","ne":1})", R"({"b":2})"), "no");
  EXPECT_EQ(
    condition(R"({"field":"a","lt":9007199254740993})", R"({"a":9007199254740992})"),
    "yes");
  EXPECT_EQ(condition(R"({"field":"a","eq":18446744073709551615})",
                      R"({"a":18446744073709551614})"),
            "no");
  EXPECT_EQ(condition(R"({"field":"a","gt":9223372036854775807})",
                      R"({"a":9223372036854775808})"),
            "yes");
  EXPECT_EQ(condition(R"({"field":"a","lt":18446744073709551615.0})",
                      R"({"a":18446744073709551615})"),
            "yes"); // the double is 2^64
  EXPECT_EQ(
    condition(R"({"field":"a","in":[9007199254740993]})", R"({"a":9007199254740992.0})"),
    "no");
  EXPECT_EQ(condition(R"({"field":"a","eq":0})", R"({"a":1e-400})"), "yes");
  EXPECT_EQ(condition(R"({"field":"a","ge":1.5})", R"({"a":2})"), "yes");
  EXPECT_EQ(condition(R"({"field":"a","gt":"b"})", R"({"a":"\u0062c"})"), "yes");
  EXPECT_EQ(condition(R"({"field":"a","le":"b"})", R"({"a":1})"), "no");
  EXPECT_EQ(condition(R"({"field":"a","eq":null})", R"({"a":null})"), "yes");
  EXPECT_EQ(condition(R"({"field":"a","eq":true})", R"({"a":true})"), "yes");
  EXPECT_EQ(condition(R"({"field":"a","in":[1,"x"]})", R"({"a":"x"})"), "yes");
  EXPECT_EQ(condition(R"({"field":"/a/0/b","eq":3})", R"({"a":[{"b":3}]})"), "yes");
}

TEST(step_when, combines_conditions) {
  EXPECT_EQ(condition(R"({"exists":"a"})", R"({"a":null})"), "yes");
  EXPECT_EQ(condition(R"({"missing":"a"})", R"({"a":null})"), "no");
  EXPECT_EQ(condition(R"({"missing":"/a/b"})", R"({"a":1})"), "yes");
  EXPECT_EQ(condition(R"({"and":[{"exists":"a"},{"exists":"b"}]})", R"({"a":1})"), "no");
  EXPECT_EQ(condition(R"({"or":[{"exists":"b"},{"exists":"a"}]})", R"({"a":1})"), "yes");
  EXPECT_EQ(condition(R"({"not":{"exists":"a"}})", R"({"a":1})"), "no");
  EXPECT_EQ(
    condition(R"({"matches":{"field":"a","pattern":"^4\\d\\d$"}})", R"({"a":404})"),
    "yes");
  EXPECT_EQ(condition(R"({"matches":{"field":"a","pattern":"."}})", R"({"a":{"b":1}})"),
            "no");
}

TEST(step_when, looking_into_a_container_leaves_it_as_it_was) {
  EXPECT_EQ(result_of(R"([{"drop":true,"when":{"exists":"/a/z"}}])",
                      R"({"a":{"b":1.10,"c":[{}]},"d":[]})"),
            R"({"a":{"b":1.10,"c":[{}]},"d":[]})");
}

TEST(step_parse, of_access_logs_takes_odd_lines_and_refuses_broken_ones) {
  const std::string head = "h - u [17/May/2015:10:05:03 +0000] ";
  const auto log = [&](const std::string& rest) {
    return nlohmann::json::parse(
      parsed(R"("as":"combined_log")", head + rest).insert(0, "[").append("]"), nullptr,
      false);
  };
  const auto escaped = log(R"("GET /a\"b HTTP/1.0" 200 0 "-" "say \"hi\" \\ \xe4")")[0];
  EXPECT_EQ(escaped["path"], "/a\"b");
  EXPECT_EQ(escaped["user_agent"], R"(say "hi" \ \xe4)");
  EXPECT_EQ(escaped["bytes"], 0);
  EXPECT_EQ(log(R"("\x16\x03" 400 - "-" "-")")[0]["request"], R"(\x16\x03)");
  EXPECT_EQ(log(R"("" 400 - "-" "-")")[0]["request"], "");
  EXPECT_EQ(log(R"("GET / HTTP/1.1" 200 5 "-" "cut off)")[0]["user_agent"], "cut off");
  EXPECT_EQ(log(R"("GET /a b HTTP/2" 200 5 "-" "x")")[0]["path"], "/a b");
  for (const char* const bad :
       {R"("GET / HTTP/1.1" 20 5 "-" "x")", R"("GET / HTTP/1.1" 200 x "-" "x")",
        R"("GET / HTTP/1.1" 200 5 "-")", R"("GET / HTTP/1.1" 200 5 "-" "x" y)",
        R"("GET / HTTP/1.1" 200 00 "-" "x")", R"("GET / 200 5)", ""})
    EXPECT_TRUE(log(bad).is_discarded()) << bad;
  EXPECT_NE(
    parsed(R"("as":"common_log")", "h - - [17/Foo/2015:10:05:03 +0000] \"-\" 200 1")
      .find("the time is not like"),
    std::string::npos);
}

TEST(step_parse, of_access_logs_refuses_what_is_another_format) {
  const std::string rest =
    R"( [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "x")";
  const auto refused = [&](const std::string& format, const std::string& line) {
    return parsed("\"as\":\"" + format + "\"", line).find(" is no " + format)
           != std::string::npos;
  };
  for (const char* const head :
       {"shop.example.org:443 198.51.100.7 - -", "198.51.100.7, 203.0.113.9 - -",
        "198.51.100.7,203.0.113.9 - -", "198.51.100.7 203.0.113.9 - -",
        "\"198.51.100.7\" - -", "h - - -", "h - ann smith", "h -", "h", "h  - -",
        " h - -", "h - -  "})
    EXPECT_TRUE(refused("combined_log", head + rest)) << head;
  EXPECT_TRUE(refused("combined_log", "h - -" + rest + R"( "203.0.113.9")"));
  EXPECT_TRUE(refused("combined_log", "h - -" + rest + " 0.005"));
  EXPECT_TRUE(refused("common_log", "h - -" + rest));
  EXPECT_TRUE(refused("vhost_combined_log", "h - -" + rest));
  EXPECT_TRUE(refused("vhost_combined_log", "v:port h - -" + rest));
  EXPECT_TRUE(refused("vhost_combined_log", "v: h - -" + rest));
  EXPECT_TRUE(refused("vhost_common_log", "v:80 h - -" + rest));
  EXPECT_TRUE(refused("nginx_main_log", "h - -" + rest));
  EXPECT_TRUE(refused("nginx_main_log", "h - -" + rest + R"( "-" "-")"));
}

TEST(step_parse, of_access_logs_knows_the_variants_that_are_named) {
  const std::string tail = R"( [17/May/2015:10:05:03 +0000] "-" 000 0)";
  const std::string parts =
    R"("host":"::1","ident":null,"user":null,"time":"2015-05-17T10:05:03Z","request":"-",)"
    R"("method":null,"path":null,"protocol":null,"status":0,"bytes":0)";
  EXPECT_EQ(parsed(R"("as":"vhost_common_log")", "shop.example.org:443 ::1 - -" + tail),
            R"({"vhost":"shop.example.org","port":443,)" + parts + "}");
  EXPECT_EQ(parsed(R"("as":"vhost_common_log")", "[2001:db8::1] ::1 - -" + tail),
            R"({"vhost":"[2001:db8::1]","port":null,)" + parts + "}");
  EXPECT_EQ(parsed(R"("as":"vhost_combined_log")",
                   "[2001:db8::1]:80 ::1 - -" + tail + R"( "-" "x")"),
            R"({"vhost":"[2001:db8::1]","port":80,)" + parts
              + R"(,"referrer":null,"user_agent":"x"})");
  EXPECT_EQ(
    parsed(R"("as":"nginx_main_log")",
           "::1 - -" + tail + R"( "-" "x" "203.0.113.9, 10.0.0.1")"),
    "{" + parts
      + R"(,"referrer":null,"user_agent":"x","forwarded_for":"203.0.113.9, 10.0.0.1"})");
}

TEST(step_parse, of_access_logs_reads_names_statuses_and_escapes_as_they_are_meant) {
  const auto log = [&](const std::string& line) {
    return nlohmann::json::parse(parsed(R"("as":"combined_log")", line));
  };
  const auto odd =
    log(R"(- - "" [17/May/2015:10:05:03 +0000] "GET / HTTP/1.0" 099 - "-" "x")");
  EXPECT_EQ(odd["host"], nullptr);
  EXPECT_EQ(odd["user"], "");
  EXPECT_EQ(odd["status"], 99);
  const auto agent = [&](const std::string& text) {
    return log(R"(h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.0" 200 - "-" ")" + text
               + "\"")["user_agent"]
      .get<std::string>();
  };
  EXPECT_EQ(agent(R"(\x22say\x22 \x5Cx41 \\x41)"), R"("say" \x41 \x41)");
  EXPECT_EQ(agent(R"(caf\xC3\xA9 \xF0\x9F\x98\x80)"), "café 😀");
  EXPECT_EQ(agent(R"(\xc3( \xe2\x82 \xc0\x80 \x1b\x00\x7f \xc2\x9b \n \x4)"),
            R"(\xc3( \xe2\x82 \xc0\x80 \x1b\x00\x7f \xc2\x9b \n \x4)");
  EXPECT_EQ(agent(R"(\xed\xa0\x80)"), R"(\xed\xa0\x80)"); // a surrogate
}

TEST(step_parse, of_pairs_resolves_the_escapes_of_json) {
  const auto value = [](const std::string& text) {
    return nlohmann::json::parse(parsed(R"("as":"key_value")", "a=\"" + text + "\""))["a"]
      .get<std::string>();
  };
  EXPECT_EQ(value(R"(caf\u00e9 \u00E9 \ud83d\ude00 \u0041\/\b\f\n\r\t\"\\)"),
            "café é 😀 A/\b\f\n\r\t\"\\");
  EXPECT_EQ(value(R"(\ud83d \ude00 \ud83d\u0041 \u00g1 \u12 \x41 \q)"),
            R"(\ud83d \ude00 \ud83dA \u00g1 \u12 \x41 \q)");
  EXPECT_EQ(value(R"(\\u00e9)"), R"(\u00e9)");
}

TEST(step_parse, of_pairs_handles_quotes_escapes_and_bounds) {
  EXPECT_EQ(parsed(R"("as":"key_value")", R"(a="x \"y\"\n" b= c "q"=1)"),
            R"({"a":"x \"y\"\n","b":"","c":true,"\"q\"":"1"})");
  EXPECT_EQ(parsed(R"("as":"key_value","delimiter":",","separator":":")",
                   " a : 1 , b: \"x,y\" ,c:"),
            R"({"a":"1","b":"x,y","c":""})");
  for (const char* const bad : {"a=\"x", "=1", "hello world", "", "a=\"x\"y"})
    EXPECT_NE(parsed(R"("as":"key_value")", bad).find("is no key_value"),
              std::string::npos)
      << bad;
  std::string many;
  for (int i = 0; i < 1025; ++i)
    many += "k" + std::to_string(i) + "=v ";
  EXPECT_NE(parsed(R"("as":"key_value")", many).find("more than 1024"),
            std::string::npos);
}

TEST(step_parse, of_json_takes_objects_and_below_a_field_anything) {
  EXPECT_EQ(parsed(R"("as":"json")", "[1]").substr(0, 4), "/m: ");
  EXPECT_EQ(parsed(R"("as":"json")", "{\"a\":1} x").substr(0, 4), "/m: ");
  EXPECT_EQ(parsed(R"("as":"json","into":"/x/y")", " [1, 2] "), R"({"x":{"y":[1,2]}})");
  EXPECT_EQ(parsed(R"("as":"json","into":"m")", "\"\\u0041\""), R"({"m":"\u0041"})");
}

TEST(step_parse, of_json_says_what_makes_it_none) {
  const auto why = [](const std::string& text) {
    const auto result = parsed(R"("as":"json","into":"/x/y")", text);
    return result.substr(std::min(result.rfind(": ") + 2, result.size()));
  };
  EXPECT_EQ(why("[1"), "it is not JSON");
  for (const char* const number :
       {"1e999", "[1,-1E+400]", "18446744073709551616", "-9223372036854775809"})
    EXPECT_EQ(why(number), "it has a number outside of what 64 bits or a double hold");
  for (const char* const number : {"1e-999", "0e999", "18446744073709551615",
                                   "0.123456789012345678901", "\"1e999\""})
    EXPECT_EQ(parsed(R"("as":"json","into":"m")", number),
              R"({"m":)" + std::string{number} + "}");
  const auto deep = [](size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_EQ(parsed(R"("as":"json","into":"/x/y")", deep(62)).substr(0, 10),
            R"({"x":{"y":)");
  EXPECT_EQ(why(deep(63)), "it would nest the record deeper than 64 levels");
}

TEST(step_parse, of_what_is_no_text_rejects) {
  EXPECT_EQ(result_of(R"([{"parse":{"field":"m","as":"json"}}])", R"({"m":{"a":1}})"),
            R"(/m: step 1 (parse): {"a":1} is not text)");
  EXPECT_EQ(
    result_of(R"([{"parse":{"field":"m","as":"json","on_missing":"reject"}}])", "{}"),
    "/m: step 1 (parse): the field is missing");
}

TEST(step_set, opens_its_own_literals_again_when_later_steps_edit_them) {
  const auto steps = compiled(R"([{"set":{"field":"a","value":{"b":{"c":"x"}}}},
                                  {"copy":{"a":"d"}}, {"uppercase":"/a/b/c"}])");
  const auto scratch = make_plan_scratch(1);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(run(*steps, "{}", *scratch).out,
              R"({"a":{"b":{"c":"X"}},"d":{"b":{"c":"x"}}})");
}

TEST(step_text, works_on_what_escapes_mean) {
  EXPECT_EQ(result_of(R"([{"trim":"a"}])", R"({"a":"\u0020\t x\\ \n"})"),
            R"({"a":"x\\"})");
  EXPECT_EQ(
    result_of(R"([{"redact":{"field":"a","pattern":"b*"}}])", R"({"a":"abbc\u00e9b"})"),
    R"({"a":"a***cé***"})");
  EXPECT_EQ(
    result_of(R"([{"truncate":{"field":"a","bytes":3}}])", R"({"a":"\ud83d\ude00x"})"),
    R"({"a":""})");
  EXPECT_EQ(result_of(R"([{"lowercase":"a"}])", R"({"a":1})"),
            "/a: step 1 (lowercase): 1 is not text");
}

TEST(step_text, hashes_salt_and_text) {
  EXPECT_EQ(result_of(R"([{"hash":{"field":"a","salt":"ab"}}])", R"({"a":"c"})"),
            result_of(R"([{"hash":{"field":"a"}}])", R"({"a":"abc"})"));
  EXPECT_EQ(result_of(R"([{"hash":{"field":"a"}}])", R"({"a":1})"),
            result_of(R"([{"hash":{"field":"a"}}])", R"({"a":"1"})"));
}

TEST(step_sample, equal_numbers_share_one_fate) {
  const auto keyed = compiled(R"([{"sample":{"rate":0.5,"key":"k"}}])");
  const auto scratch = make_plan_scratch(7);
  for (int i = 1; i < 50; ++i) {
    const auto stays = [&](const std::string& key) {
      return !run(*keyed, "{\"k\":" + key + "}", *scratch).out.empty();
    };
    const auto digits = std::to_string(i);
    EXPECT_EQ(stays(digits), stays(digits + ".0")) << i;
    EXPECT_EQ(stays(digits), stays(digits + "00e-2")) << i;
    EXPECT_EQ(stays(digits + ".50"), stays(digits + "5e-1")) << i;
  }
}

TEST(step_sample, keeps_about_its_rate_and_keyed_records_together) {
  const auto random = compiled(R"([{"sample":{"rate":0.25}}])");
  const auto keyed = compiled(R"([{"sample":{"rate":0.25,"key":"k"}}])");
  const auto scratch = make_plan_scratch(7);
  int kept = 0, kept_keys = 0;
  for (int i = 0; i < 4000; ++i) {
    const auto record = R"({"k":")" + std::to_string(i) + "\"}";
    kept += run(*random, record, *scratch).out.empty() ? 0 : 1;
    const bool stays = !run(*keyed, record, *scratch).out.empty();
    EXPECT_EQ(
      stays,
      !run(*keyed, record, *make_plan_scratch(static_cast<uint64_t>(i))).out.empty());
    kept_keys += stays ? 1 : 0;
  }
  EXPECT_NEAR(kept, 1000, 150);
  EXPECT_NEAR(kept_keys, 1000, 150);
}

TEST(step_texts, each_letter_of_ascii_changes_its_case_and_nothing_else_does) {
  const std::string lower = "abcdefghijklmnopqrstuvwxyz",
                    upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", other = "@[`{0 9\u00e4\u00c4";
  const auto object = [](const std::string& text) { return R"({"a":")" + text + "\"}"; };
  const auto all = object(lower + upper + other);
  EXPECT_EQ(result_of(R"([{"lowercase":"a"}])", all), object(lower + lower + other));
  EXPECT_EQ(result_of(R"([{"uppercase":"a"}])", all), object(upper + upper + other));
}

TEST(step_texts, white_space_of_every_kind_is_trimmed_on_both_sides) {
  EXPECT_EQ(result_of(R"([{"trim":"a"}])",
                      R"({"a":" \t\n\u000b\f\r x \u000b y \r\f\u000b\n\t "})"),
            R"({"a":"x \u000b y"})");
}

TEST(step_texts, what_is_around_a_redacted_place_stays) {
  for (const auto& [before, after] :
       {std::pair{"1", "***"}, std::pair{"a1", "a***"}, std::pair{"1yz", "***yz"},
        std::pair{"a1b2yz", "a***b***yz"}, std::pair{"ayz", "ayz"}})
    EXPECT_EQ(result_of(R"([{"redact":{"field":"a","pattern":"[0-9]"}}])",
                        std::string{R"({"a":")"} + before + "\"}"),
              std::string{R"({"a":")"} + after + "\"}");
}
