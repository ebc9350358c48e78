// The plain matcher must answer as RE2 does, for every pattern it takes on.
#include "records/schema/pattern.hpp"
#include "tests/records/schema/support.hpp"

using namespace weir;
using schema_detail::parse_plain;
using schema_detail::pattern;
using schema_detail::plain_pattern;

namespace {

constexpr std::string_view alphabet[] = {
  "a", "b", "c", "z", "A",  "Z",  "0",      "5",      "9",      ".",
  "/", "-", "_", " ", "\n", "\t", "é",      "😀",      "^",      "$",
  "]", "[", "{", "}", "\\", "\v", "\u00a0", "\u2003", "\u200b", "\ufeff"};

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
    return pick({"a",
                 "b",
                 "z",
                 "0",
                 ".",
                 "\\.",
                 "/",
                 "-",
                 "\\d",
                 "\\w",
                 "\\s",
                 "\\D",
                 "\\W",
                 "\\S",
                 "\\n",
                 "\\/",
                 "[a-z]",
                 "[^a-z]",
                 "[0-9a]",
                 "[ab.]",
                 "[-a]",
                 "[a-]",
                 "[^ ]",
                 "[^\\s/]",
                 "[\\w.-]",
                 "[\\]]",
                 "[^\\]a]",
                 "[A-Za-z0-9_]",
                 "[[:alpha:]]",
                 "[]a]",
                 "[^\n]",
                 "é",
                 "[\\s\\S]",
                 "[^\\S]",
                 "[\\S]",
                 "[^\\s]",
                 "[\\D]",
                 "[^\\sa]",
                 "[é]",
                 " ",
                 "\\_",
                 "}",
                 "\\x41",
                 "[$^]",
                 "_"});
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

/// A slow reading of ECMA-262: WhiteSpace and LineTerminator, code point by code point.
TEST(schema_pattern, white_space_is_that_of_ecma_262) {
  const auto is_space = [](char32_t c) {
    for (const auto& [first, last] : {std::pair<char32_t, char32_t>{0x09, 0x0d},
                                      {0x20, 0x20},
                                      {0xa0, 0xa0},
                                      {0x1680, 0x1680},
                                      {0x2000, 0x200a},
                                      {0x2028, 0x2029},
                                      {0x202f, 0x202f},
                                      {0x205f, 0x205f},
                                      {0x3000, 0x3000},
                                      {0xfeff, 0xfeff}})
      if (c >= first && c <= last)
        return true;
    return false;
  };
  const auto utf8 = [](char32_t c) {
    std::string out;
    if (c < 0x80)
      return std::string(1, static_cast<char>(c));
    const int tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    out += static_cast<char>((c < 0x800     ? 0xc0
                              : c < 0x10000 ? 0xe0
                                            : 0xf0)
                             | c >> (6 * tail));
    for (int i = tail; i-- > 0;)
      out += static_cast<char>(0x80 | (c >> (6 * i) & 63));
    return out;
  };
  struct probe {
    const char* regex;
    bool of_space;
    bool of_others;
  };
  constexpr probe probes[] = {{"^\\s$", true, false},
                              {"^\\S$", false, true},
                              {"^\\S+$", false, true},
                              {"^[\\s]$", true, false},
                              {"^[^\\s]*$", false, true},
                              {"^[\\S]$", false, true},
                              {"^[^\\S]$", true, false},
                              {"^[\\s\\S]$", true, true},
                              {"^[\\s-]$", true, false},
                              {"^(?:x|\\s)$", true, false},
                              {"^x?\\s+y?$", true, false},
                              {"^\\Q\\\\E?\\s$", true, false},
                              {"^[]\\s[:punct:]]$", true, false},
                              {"^\\s{1,2}$", true, false},
                              {"^\\S", false, true},
                              {"^[^\\s/]+$", false, true}};
  for (const auto& [regex, of_space, of_others] : probes) {
    const auto fast = pattern::compile(regex);
    const auto slow = pattern::compile(regex, false);
    ASSERT_TRUE(fast && slow) << regex;
    for (char32_t c = 0x80; c <= 0x3001; ++c) {
      ASSERT_EQ(fast->matches(utf8(c)), is_space(c) ? of_space : of_others)
        << regex << " " << uint32_t{c};
      ASSERT_EQ(slow->matches(utf8(c)), is_space(c) ? of_space : of_others)
        << regex << " " << uint32_t{c};
    }
    for (const char32_t c : {U'\v', U'\t', U'a', U'\ufeff', U'\ufefe', U'\uffff',
                             U'\U0001f600', U'\U0010ffff'})
      ASSERT_EQ(fast->matches(utf8(c)), is_space(c) ? of_space : of_others)
        << regex << " " << uint32_t{c};
  }
}

TEST(schema_pattern, a_dash_beside_white_space_in_a_class_is_a_dash_or_an_error) {
  EXPECT_TRUE(pattern::compile("^[\\s-a]$")->matches("-"));
  EXPECT_FALSE(pattern::compile("^[\\s-a]$")->matches("b"));
  EXPECT_FALSE(pattern::compile("^[a-\\s]$").has_value());
  EXPECT_FALSE(pattern::compile("^[\\x00-\\s]$").has_value());
  EXPECT_TRUE(pattern::compile("^\\\\s$")->matches("\\s")); // an escaped backslash
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
