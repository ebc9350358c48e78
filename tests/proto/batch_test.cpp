#include "proto/batch.hpp"

#include <gtest/gtest.h>

using namespace weir;

TEST(batch_key, is_the_same_for_the_same_request_and_differs_in_every_part_of_it) {
  const auto key = make_batch_key("web", "acme", "k1", 0);
  EXPECT_EQ(key, make_batch_key("web", "acme", "k1", 0));
  EXPECT_NE(key, make_batch_key("wea", "acme", "k1", 0));
  EXPECT_NE(key, make_batch_key("web", "", "k1", 0));
  EXPECT_NE(key, make_batch_key("web", "acme", "k2", 0));
  EXPECT_NE(key, make_batch_key("web", "acme", "k1", 1));
}

TEST(batch_key, does_not_confuse_where_one_field_ends_and_the_next_begins) {
  EXPECT_NE(make_batch_key("ab", "c", "", 0), make_batch_key("a", "bc", "", 0));
}

TEST(batch_key, prints_as_32_hex_digits) {
  EXPECT_EQ(to_hex({0x0123456789abcdefULL, 0x10}), "0123456789abcdef0000000000000010");
}
