#include "http/wire/auth.hpp"

#include <gtest/gtest.h>

using namespace weir;

namespace {

// SHA-256 of "secret" and of "other"
constexpr auto secret =
  "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

std::vector<api_key> keys() {
  api_key key;
  key.name = "acme";
  key.digest = *parse_digest(secret);
  key.streams = {"web"};
  return {api_key{"nobody", {}, {}, 0, 0}, key};
}

} // namespace

TEST(auth, finds_the_key_whose_digest_matches) {
  const auto all = keys();
  const auto found = authenticate(all, "Bearer secret");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ((*found)->name, "acme");
  EXPECT_TRUE(authenticate(all, "bearer secret").has_value());
}

TEST(auth, refuses_anything_else) {
  const auto all = keys();
  for (const auto* text : {"", "Bearer", "Bearer ", "Bearer Secret", "Basic secret",
                           "Digest secret", "secret"})
    EXPECT_EQ(authenticate(all, text).error().code, ec::unauthorized) << text;
}

TEST(auth, a_key_is_good_for_its_streams_only) {
  EXPECT_TRUE(keys()[1].may_send_to("web"));
  EXPECT_FALSE(keys()[1].may_send_to("default"));
  EXPECT_TRUE(keys()[0].may_send_to("default"));
}

TEST(auth, says_what_is_wrong_with_a_digest) {
  EXPECT_EQ(parse_digest("abc").error().code, ec::invalid_config);
  EXPECT_NE(parse_digest(std::string(64, 'g')).error().text.find("hex"),
            std::string::npos);
}

TEST(auth, refuses_a_digest_with_one_bad_digit_wherever_it_is) {
  for (size_t at = 0; at < 64; ++at)
    for (const char bad : {'g', 'G', '/', ':', '@', '`', ' ', '\0'}) {
      std::string digits(64, '7');
      digits[at] = bad;
      EXPECT_FALSE(parse_digest(digits).has_value()) << at << bad;
    }
  EXPECT_EQ(parse_digest(std::string(62, '0') + "aF")->back(), 0xaf);
}

TEST(auth, each_byte_of_a_digest_counts) {
  auto all = keys();
  ASSERT_TRUE(authenticate(all, "Bearer secret"));
  for (size_t i = 0; i < 32; ++i) {
    all[1].digest = *parse_digest(secret);
    all[1].digest[i] ^= 1;
    EXPECT_FALSE(authenticate(all, "Bearer secret")) << i;
  }
  for (const auto* wrong : {"", "2bb8",
                            "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25"
                            "fe97bf527a25",
                            "2bb80d537b1da3e38bd30361aa855686bde0eacd7162"
                            "fef6a25fe97bf527a25b0"})
    EXPECT_FALSE(parse_digest(wrong)) << wrong;
}
