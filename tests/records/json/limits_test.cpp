// What is refused though JSON allows it, at the very edge of it.
#include "records/json/limits.hpp"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

using namespace weir;

TEST(json_limits, only_what_is_open_at_once_counts_as_depth) {
  EXPECT_FALSE(nests_deeper(R"({"a":[],"b":{},"c":[{},{},[]]})", 3));
  EXPECT_TRUE(nests_deeper(R"({"a":[],"b":{},"c":[{},{},[]]})", 2));
  EXPECT_FALSE(nests_deeper("1", 0));
  EXPECT_TRUE(nests_deeper("[]", 0));
  EXPECT_FALSE(nests_deeper(R"({"[[[{{{":"\"]]}[[["})", 1));
  EXPECT_FALSE(nests_deeper("]]]][", 1));
}

TEST(json_limits,
     what_is_too_small_is_nought_with_its_sign_and_what_is_too_large_nothing) {
  for (const std::string tiny :
       {"1e-400", "0.1e-99999999999999999999", "123456789e-99999999999999999999999999",
        "0.000e999999999999999999999", "0e99999999999999999999"}) {
    EXPECT_EQ(read_double(tiny), 0.0) << tiny;
    EXPECT_FALSE(std::signbit(read_double(tiny).value_or(-1))) << tiny;
    EXPECT_EQ(read_double("-" + tiny), 0.0) << tiny;
    EXPECT_TRUE(std::signbit(read_double("-" + tiny).value_or(1))) << tiny;
  }
  for (const std::string huge : {"1e400", "1e+400", "0.001e99999999999999999999",
                                 "9e99999999999999999999999999", "1.0E309"}) {
    EXPECT_FALSE(read_double(huge)) << huge;
    EXPECT_FALSE(read_double("-" + huge)) << huge;
  }
}

TEST(json_limits, an_integer_is_held_by_64_bits_with_or_without_a_sign) {
  for (const auto* held : {"18446744073709551615", "-9223372036854775808", "0", "-0",
                           "18446744073709551616.0", "1e308"})
    EXPECT_TRUE(is_held(held)) << held;
  for (const auto* other :
       {"18446744073709551616", "-9223372036854775809", "1e309", "-1e309"})
    EXPECT_FALSE(is_held(other)) << other;
}
