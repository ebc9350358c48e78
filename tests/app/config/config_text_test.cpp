// What the texts of a configuration may be, at the very edge of it.
#include "app/config/config_text.hpp"

#include <filesystem>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

using namespace weir;

TEST(config_text, a_label_has_up_to_64_small_letters_digits_and_dashes) {
  for (const auto& good :
       std::vector<std::string>{"a", "0", "a-b_c", "z9-", "a--", std::string(64, 'a')})
    EXPECT_TRUE(is_label(good)) << good;
  for (const auto& bad :
       std::vector<std::string>{"", "-a", "_a", "A", "aB", "a.b", "a/b", "a b", "a\n",
                                "\xc3\xa4", std::string(65, 'a')})
    EXPECT_FALSE(is_label(bad)) << bad;
}

TEST(config_text, a_node_s_name_has_up_to_64_letters_digits_dots_and_dashes) {
  for (const auto& good :
       std::vector<std::string>{"a", "A", "-", ".", "_", "a.B-c_9", std::string(64, 'Z')})
    EXPECT_TRUE(is_node_name(good)) << good;
  for (const auto& bad :
       std::vector<std::string>{"", "a/b", "a b", "a:1", "a@b", "a[", "a`", "a{",
                                "\xc3\xa4", std::string(65, 'a')})
    EXPECT_FALSE(is_node_name(bad)) << bad;
}

TEST(config_text, a_digest_has_64_hex_digits_and_becomes_small) {
  std::string digest = std::string(58, '0') + "aAfF90";
  EXPECT_TRUE(lower_digest(digest));
  EXPECT_EQ(digest, std::string(58, '0') + "aaff90");
  for (const size_t size : {0, 1, 63, 65, 128}) {
    std::string other(size, '0');
    EXPECT_FALSE(lower_digest(other)) << size;
  }
  for (const char c : {'g', 'G', '/', ':', '@', '`', ' '}) {
    std::string bad(64, '0');
    bad[63] = c;
    EXPECT_FALSE(lower_digest(bad)) << c;
  }
}

TEST(config_text, who_listens_on_all_addresses_is_found_on_the_loopback_one) {
  const auto found = [](std::string host) {
    const auto at = from_here({std::move(host), 7});
    EXPECT_EQ(at.port, 7);
    return at.host;
  };
  EXPECT_EQ(found("0.0.0.0"), "127.0.0.1");
  EXPECT_EQ(found("::"), "::1");
  EXPECT_EQ(found("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(found("::2"), "::2");
}

TEST(config_text, only_127_and_one_of_ipv6_are_loopback) {
  for (const auto* host : {"127.0.0.1", "127.255.0.9", "::1"})
    EXPECT_TRUE((listen_address{host, 1}.loopback())) << host;
  for (const auto* host : {"0.0.0.0", "10.0.0.1", "126.0.0.1", "128.0.0.1", "192.168.0.1",
                           "255.0.0.1", "::", "::2", "fe80::1", "localhost", ""})
    EXPECT_FALSE((listen_address{host, 1}.loopback())) << host;
}

TEST(config_text, a_file_is_read_whole_up_to_its_bound_and_not_beyond) {
  const auto path = std::filesystem::temp_directory_path()
                    / ("weir_config_text_" + std::to_string(::getpid()));
  for (const size_t size : {0, 100, 16 * 1024, 40'000}) {
    const std::string text(size, 'x');
    std::ofstream{path} << text;
    EXPECT_EQ(read_file(path.string(), size).value_or("refused"), text) << size;
    if (size == 0)
      continue;
    const auto refused = read_file(path.string(), size - 1);
    ASSERT_FALSE(refused) << size;
    EXPECT_NE(refused.error().text.find("larger than"), std::string::npos);
  }
  std::filesystem::remove(path);
  EXPECT_FALSE(read_file(path.string(), 1));
}
