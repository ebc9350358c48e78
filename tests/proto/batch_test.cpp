#include "proto/batch.hpp"

#include "base/clock.hpp"
#include "proto/asks.hpp"
#include "proto/body_hash.hpp"

#include <gtest/gtest.h>

#include <set>

using namespace weir;

TEST(batch_key, is_the_same_for_the_same_request_and_differs_in_every_part_of_it) {
  const auto key = make_batch_key("web", "acme", "k1");
  EXPECT_EQ(key, make_batch_key("web", "acme", "k1"));
  EXPECT_NE(key, make_batch_key("wea", "acme", "k1"));
  EXPECT_NE(key, make_batch_key("web", "", "k1"));
  EXPECT_NE(key, make_batch_key("web", "acme", "k2"));
}

TEST(batch_key, of_a_request_is_what_version_0_1_0_made_of_it) {
  // SHA-256 over the three texts, each after its length, and 32 bits of zero.
  EXPECT_EQ(to_hex(make_batch_key("web", "acme", "k1")),
            "473d530ba5bdaec143734e3d667102b5");
}

TEST(batch_key, of_a_later_batch_tells_the_request_and_the_place_in_it) {
  const auto first = make_batch_key("web", "", "k1");
  EXPECT_EQ(continued_key(first, 0), first);
  EXPECT_NE(continued_key(first, 1), first);
  EXPECT_NE(continued_key(first, 1), continued_key(first, 2));
  EXPECT_NE(continued_key(first, 1), continued_key(make_batch_key("web", "", "k2"), 1));
  EXPECT_EQ(continued_key(first, 5), continued_key(first, 5));
}

TEST(fingerprint, of_a_part_after_which_the_body_goes_on_is_another_and_tells_its_own) {
  for (const uint64_t closed :
       {uint64_t{0}, uint64_t{1}, ~uint64_t{0}, uint64_t{0xabcdef}}) {
    EXPECT_NE(open_fingerprint(closed), closed);
    EXPECT_NE(open_fingerprint(closed), open_fingerprint(closed + 1));
  }
}

TEST(body_hash, of_pieces_is_that_of_the_whole_and_a_copy_goes_on_alone) {
  body_hash hash;
  EXPECT_EQ(hash.value(), body_fingerprint(""));
  hash.add("ab");
  auto copy = hash;
  hash.add("c");
  copy.add("x");
  EXPECT_EQ(hash.value(), body_fingerprint("abc"));
  EXPECT_EQ(copy.value(), body_fingerprint("abx"));
  copy = hash;
  EXPECT_EQ(copy.value(), body_fingerprint("abc"));
}

TEST(batch_key, does_not_confuse_where_one_field_ends_and_the_next_begins) {
  EXPECT_NE(make_batch_key("ab", "c", ""), make_batch_key("a", "bc", ""));
}

TEST(batch_key, prints_as_32_hex_digits) {
  EXPECT_EQ(to_hex({0x0123456789abcdefULL, 0x10}), "0123456789abcdef0000000000000010");
}

TEST(batch_key, of_a_later_batch_never_changes_either) {
  // printf '\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\1\1\0\0\0\0\0' | sha256sum
  EXPECT_EQ(to_hex(continued_key({1, 2}, 0x10100)), "e4175c3ea5cca0f9c1bb6bcb84c6aecc");
  EXPECT_EQ(body_fingerprint("abc"), 0xba7816bf8f01cfeaULL) << "SHA-256 of abc begins so";
  EXPECT_NE(body_fingerprint("abcd"), body_fingerprint("abce"));
}

TEST(batch_key, each_nibble_has_its_digit_and_its_place) {
  for (uint64_t nibble = 0; nibble < 16; ++nibble)
    for (size_t at = 0; at < 32; ++at) {
      batch_key key;
      (at < 16 ? key.high : key.low) = nibble << (60 - 4 * (at % 16));
      std::string expected(32, '0');
      expected[at] = "0123456789abcdef"[nibble];
      EXPECT_EQ(to_hex(key), expected);
    }
}

TEST(batch_key, drawn_at_random_has_chance_in_both_words) {
  std::set<uint64_t> words;
  for (int i = 0; i < 50; ++i) {
    const auto key = random_batch_key();
    words.insert(key.high);
    words.insert(key.low);
  }
  EXPECT_EQ(words.size(), 100u);
  EXPECT_FALSE(words.contains(0));
}

TEST(envelope_id, is_never_nought_and_never_twice_the_same) {
  const auto first = next_envelope_id();
  EXPECT_NE(first, 0u);
  EXPECT_GT(next_envelope_id(), first);
}

TEST(body_format, has_the_number_that_peers_and_journals_know_it_by) {
  EXPECT_EQ(static_cast<int>(body_format::json), 0);
  EXPECT_EQ(static_cast<int>(body_format::ndjson), 1);
  EXPECT_EQ(static_cast<int>(body_format::csv), 2);
  EXPECT_EQ(static_cast<int>(body_format::text), 3);
}

TEST(body_format, of_records_is_another_one_only_for_bodies_that_hold_json_otherwise) {
  EXPECT_EQ(framed_as(body_format::json_seq), body_format::json);
  EXPECT_FALSE(is_of_records(body_format::json_seq));
  for (const auto same :
       {body_format::json, body_format::ndjson, body_format::csv, body_format::text}) {
    EXPECT_EQ(framed_as(same), same);
    EXPECT_TRUE(is_of_records(same));
  }
  EXPECT_FALSE(is_of_records(static_cast<body_format>(200))) << "a peer may say anything";
}

TEST(words_of_a_batch, are_written_as_clients_write_them) {
  EXPECT_EQ(to_string(priority::low), "low");
  EXPECT_EQ(to_string(priority::normal), "normal");
  EXPECT_EQ(to_string(priority::high), "high");
  EXPECT_EQ(to_string(ack_level::accepted), "accepted");
  EXPECT_EQ(to_string(ack_level::durable), "durable");
  EXPECT_EQ(to_string(ack_level::stored), "stored");
}

TEST(footprint, counts_all_that_a_batch_holds_and_a_shared_text_once) {
  auto source = std::make_shared<envelope>();
  source->bytes.assign(10'000, 'x');
  record_batch batch;
  const auto empty = batch.footprint();
  batch.source = source;
  const auto with_source = batch.footprint();
  EXPECT_GE(with_source, empty + 10'000);
  batch.text = std::shared_ptr<const std::string>(source, &source->bytes);
  EXPECT_EQ(batch.footprint(), with_source) << "the text is the source's";
  batch.text = std::make_shared<const std::string>(20'000, 'y');
  EXPECT_GE(batch.footprint(), with_source + 20'000);
  const auto before = batch.footprint();
  batch.records.reserve(1000);
  EXPECT_GE(batch.footprint(), before + 1000 * sizeof(record_ref));
  const auto with_records = batch.footprint();
  batch.rejections.push_back({0, 0, 0, reject::too_deep, std::string(100, 'p'),
                              std::string(200, 'd'), std::string(400, 'b')});
  EXPECT_GE(batch.footprint(), with_records + 700);
}

TEST(copy_mark, stays_set_and_goes_with_a_copy) {
  copy_mark mark;
  EXPECT_FALSE(mark.is_set());
  EXPECT_FALSE(copy_mark{mark}.is_set());
  mark.set();
  EXPECT_TRUE(mark.is_set());
  EXPECT_TRUE(copy_mark{mark}.is_set());
}

TEST(asks_for, one_part_is_enough_and_none_is_not) {
  envelope source;
  source.parts.resize(2);
  source.parts[1].ack = ack_level::stored;
  EXPECT_TRUE(asks_for(source, ack_level::stored));
  EXPECT_TRUE(asks_for(source, ack_level::durable));
  EXPECT_FALSE(asks_for(source, ack_level::accepted));
}

TEST(random_source, draws_from_nought_to_below_one_and_never_repeats_itself) {
  random_source random{3};
  std::set<uint64_t> drawn;
  double least = 1, most = 0;
  for (int i = 0; i < 10'000; ++i) {
    drawn.insert(random.next());
    const auto share = random.fraction();
    ASSERT_GE(share, 0);
    ASSERT_LT(share, 1);
    least = std::min(least, share);
    most = std::max(most, share);
  }
  EXPECT_EQ(drawn.size(), 10'000u);
  EXPECT_LT(least, 0.01);
  EXPECT_GT(most, 0.99);
}

TEST(system_clock, counts_microseconds_since_1970) {
  const auto now = system_clock_source{}.unix_us();
  EXPECT_GT(now, int64_t{1'700'000'000} * 1'000'000);
  EXPECT_LT(now, int64_t{4'000'000'000} * 1'000'000);
}
