// The plain matcher must answer as RE2 does, for every pattern it takes on.
#include "records/schema_pattern.hpp"
#include "tests/records/schema_support.hpp"

using namespace weir;
using schema_detail::parse_plain;
using schema_detail::pattern;
using schema_detail::plain_pattern;

namespace {

constexpr std::string_view alphabet[] = {"a", "b", "c", "z", "A", "Z",  "0",  "5", "9",
                                         ".", "/", "-", "_", " ", "\n", "\t", "é", "😀",
                                         "^", "$", "]", "[", "{", "}",  "\\"};

class generator {
 public:
  explicit generator(uint64_t seed) : random_(seed) {}

  std::string regex() {
    std::string out = chance(80) ? "^" : "";
    if (chance(15))
      return out + "(?:" + words() + ")" + (chance(80) ? "$" : "");
    for (size_t i = below(5); i > 0; --i)
      out += chance(15) ? group() : atom() + quantifier();
    return out + (chance(60) ? "$" : "");
  }
  /// Random characters, and pieces of the pattern itself, which match more often.
  std::string text(std::string_view regex) {
    std::string out;
    for (size_t i = below(8); i > 0; --i) {
      if (chance(30) && !regex.empty())
        out += ascii(regex[below(regex.size())]);
      else
        out += alphabet[below(std::size(alphabet))];
    }
    return out;
  }

 private:
  static std::string ascii(char c) {
    return static_cast<unsigned char>(c) < 0x80 ? std::string(1, c) : "";
  }
  size_t below(size_t n) { return random_() % n; }
  bool chance(size_t percent) { return below(100) < percent; }
  std::string pick(std::initializer_list<const char*> from) {
    return from.begin()[below(from.size())];
  }

  std::string words() {
    std::string out = pick({"a", "ab", "GET", ""});
    for (size_t i = below(3); i > 0; --i)
      out += "|" + pick({"b", "ab", "PUT", "a\\.b", "a.b", ""});
    return out;
  }
  std::string group() {
    return "(" + atom() + quantifier() + atom() + ")"
           + pick({"{2}", "{1}", "", "{0}", "?", "{1,2}"});
  }
  std::string atom() {
    return pick(
      {"a",           "b",     "z",       "0",       ".",      "\\.",     "/",
       "-",           "\\d",   "\\w",     "\\s",     "\\D",    "\\W",     "\\S",
       "\\n",         "\\/",   "[a-z]",   "[^a-z]",  "[0-9a]", "[ab.]",   "[-a]",
       "[a-]",        "[^ ]",  "[^\\s/]", "[\\w.-]", "[\\]]",  "[^\\]a]", "[A-Za-z0-9_]",
       "[[:alpha:]]", "[]a]",  "[^\n]",   "é",       "[é]",    " ",       "\\_",
       "}",           "\\x41", "[$^]",    "_"});
  }
  std::string quantifier() {
    return pick({"", "", "", "*", "+", "?", "{2}", "{0,1}", "{1,3}", "{2,}", "{0}", "*?",
                 "+?", "{,2}"});
  }

  std::mt19937_64 random_;
};

} // namespace

TEST(schema_pattern, the_plain_matcher_agrees_with_re2) {
  generator made(schema_test::seed());
  size_t plain = 0, matched = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::string regex = made.regex();
    const auto fast = pattern::compile(regex);
    const auto slow = pattern::compile(regex, false);
    ASSERT_EQ(fast.has_value(), slow.has_value());
    if (!fast || fast->needs_regex())
      continue;
    ++plain;
    for (int j = 0; j < 40; ++j) {
      const std::string text = made.text(regex);
      const bool expected = slow->matches(text);
      matched += expected;
      ASSERT_EQ(fast->matches(text), expected)
        << "regex " << regex << " text " << text << " seed " << schema_test::seed();
    }
  }
  EXPECT_GT(plain, 500U);
  EXPECT_GT(matched, 1000U);
}

TEST(schema_pattern, the_usual_patterns_need_no_regex) {
  for (const char* const regex :
       {"^[a-z0-9]+$", "^/[^\\s]*$", "^[0-9]{1,3}(\\.[0-9]{1,3}){3}$", "^(GET|POST)$",
        "^(?:a|b\\.c)$", "^https?://", "@", "example\\.com", "^[a-z][a-z0-9_-]{0,63}$",
        "^\\d{4}-\\d{2}-\\d{2}$", "^$", "^", "", "^[A-Z]{2}$", "^\\S+$", "^.*$",
        "^[^@]+@[^@]+$", "^v[0-9]+\\.[0-9]+$"})
    EXPECT_FALSE(pattern::compile(regex)->needs_regex()) << regex;
}

TEST(schema_pattern, what_is_not_certainly_plain_goes_to_re2) {
  for (const char* const regex :
       {"a|b", "^a|b$", "^(a|b)+$", "^[a-z]+a$", "^a*ab", "a+", "[0-9]", "$", "^[^a]{2}$",
        "^.$", "(?i)^a$", "^é$", "^a+?$", "^(a+)+$", "^\\bword", "^[[:alpha:]]$",
        "^(?:a|b)", "^a{2}{3}", "^\\p{Greek}$"})
    EXPECT_TRUE(parse_plain(regex) == nullptr) << regex;
}

TEST(schema_pattern, too_long_a_sequence_goes_to_re2_and_still_matches) {
  EXPECT_FALSE(pattern::compile("^([a-z][0-9]){32}$")->needs_regex());
  const auto made = pattern::compile("^([a-z][0-9]){33}$");
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->needs_regex());
  std::string text;
  for (int i = 0; i < 33; ++i)
    text += "a1";
  EXPECT_TRUE(made->matches(text));
  EXPECT_FALSE(made->matches(text + "a1"));
}

TEST(schema_names, every_name_is_found_and_no_other) {
  std::mt19937_64 random(schema_test::seed());
  for (const size_t total : {0U, 1U, 2U, 8U, 65U, 300U, 3000U}) {
    std::vector<std::string> names;
    for (size_t i = 0; i < total; ++i) {
      std::string middle(random() % 40, 'm');
      names.push_back((i % 3 ? "prefix__" : "") + middle + std::to_string(i)
                      + (i % 2 ? "suffix__" : ""));
    }
    const schema_detail::name_table table(names);
    for (size_t i = 0; i < total; ++i) {
      EXPECT_EQ(table.find(names[i]), i) << names[i] << " seed " << schema_test::seed();
      EXPECT_EQ(table.find(names[i] + "x"), schema_detail::name_table::absent);
    }
    EXPECT_EQ(table.find(""), schema_detail::name_table::absent);
    EXPECT_EQ(table.find(std::string_view("\0", 1)), schema_detail::name_table::absent);
  }
  const schema_detail::name_table zeros(
    {"", std::string(1, '\0'), std::string(2, '\0'), "a", std::string("a\0", 2)});
  EXPECT_EQ(zeros.find(""), 0U);
  EXPECT_EQ(zeros.find(std::string_view("\0\0\0", 2)), 2U);
  EXPECT_EQ(zeros.find(std::string_view("a\0", 2)), 4U);
}
