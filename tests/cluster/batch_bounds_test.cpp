// What a certified peer may not say: every name, number and text of a batch has a bound where it
// enters.
#include "cluster/batch_codec.hpp"
#include "cluster/bytes.hpp"
#include "cluster/wire_words.hpp"
#include "tests/cluster/batches.hpp"

#include <gtest/gtest.h>

#include <functional>

using namespace weir;
using namespace std::chrono_literals;

namespace {

const test_clock::time_point now{1000s};

/// A batch of two parts with three records each, in which anything may be changed.
struct draft {
  std::shared_ptr<envelope> source;
  std::shared_ptr<record_batch> batch;

  draft() : batch(make_test_batch(1, 6, now)) {
    source = std::make_shared<envelope>(*batch->source);
    source->parts.resize(2, source->parts[0]);
    for (auto& part : source->parts)
      part.records = 3;
    for (uint32_t i = 0; i < 6; ++i) {
      batch->records[i].part = i / 3;
      batch->records[i].record = i % 3;
    }
    batch->dropped.resize(2);
    batch->source = source;
    batch->text = std::shared_ptr<const std::string>(source, &source->bytes);
  }
  result<arrived_batch> arrive() const {
    return decode_batch(encode_batch(*batch, now).joined(), {}, now);
  }
};

bool taken(const std::function<void(draft&)>& change) {
  draft made;
  change(made);
  const auto came = made.arrive();
  EXPECT_TRUE(came || came.error().code == ec::malformed_request);
  return came.has_value();
}

bool stream_is_taken(const std::string& name) {
  return taken([&](draft& d) { d.source->stream = name; });
}

} // namespace

TEST(batch_bounds_test, a_stream_has_the_name_that_a_configuration_could_give_it) {
  for (const auto* name : {"a", "0", "web-1", "a_b", "z9"})
    EXPECT_TRUE(stream_is_taken(name)) << name;
  EXPECT_TRUE(stream_is_taken(std::string(64, 'a')));
  EXPECT_FALSE(stream_is_taken(std::string(65, 'a')));
  for (const auto* name : {"", "a\"b", "a'b", "a\\", "-a", "_a", "A", "a b", "a\n", "a/b",
                           "..", "ä", "a;b", "{", "`", "a:"})
    EXPECT_FALSE(stream_is_taken(name)) << name;
  EXPECT_FALSE(stream_is_taken(std::string{"a\0b", 3}));
}

TEST(batch_bounds_test, client_and_trace_are_short_and_plain) {
  const auto with = [](const std::string& text, bool trace) {
    return taken([&](draft& d) {
      (trace ? d.source->parts[1].trace : d.source->parts[1].client) = text;
    });
  };
  EXPECT_TRUE(with("", false));
  EXPECT_TRUE(with("fe80::1%eth0", false));
  EXPECT_TRUE(with(std::string(128, '1'), false));
  EXPECT_FALSE(with(std::string(129, '1'), false));
  EXPECT_TRUE(with(std::string(256, '1'), true));
  EXPECT_FALSE(with(std::string(257, '1'), true));
  for (const auto* text : {"\"", "\\", "a b", "\n", "\x7f", "\x1b[0m", "ä", "'"})
    for (const bool trace : {false, true})
      EXPECT_FALSE(with(text, trace)) << text;
}

TEST(batch_bounds_test, codes_beyond_the_last_are_refused) {
  EXPECT_TRUE(taken([](draft& d) { d.source->level = priority::high; }));
  EXPECT_FALSE(taken([](draft& d) { d.source->level = static_cast<priority>(3); }));
  EXPECT_TRUE(taken([](draft& d) { d.source->parts[1].format = body_format::text; }));
  EXPECT_FALSE(
    taken([](draft& d) { d.source->parts[1].format = static_cast<body_format>(4); }));
  EXPECT_TRUE(taken([](draft& d) { d.source->parts[1].ack = ack_level::stored; }));
  EXPECT_FALSE(
    taken([](draft& d) { d.source->parts[1].ack = static_cast<ack_level>(3); }));
  for (const int code : {0, int{reject_codes}, 127})
    EXPECT_FALSE(taken([&](draft& d) {
      d.batch->rejections.push_back({0, 0, 0, static_cast<reject>(code), "", "", "x"});
    }))
      << code;
}

TEST(batch_bounds_test, times_lie_where_every_sink_can_write_them) {
  const auto at = [](int64_t us) {
    return taken([&](draft& d) { d.source->received_at_us = us; });
  };
  EXPECT_TRUE(at(0));
  EXPECT_FALSE(at(-1));
  EXPECT_FALSE(at(INT64_MIN));
  EXPECT_TRUE(at(unix_us_max));
  EXPECT_FALSE(at(unix_us_max + 1));
}

TEST(batch_bounds_test, positions_are_counted_without_coming_round) {
  for (const bool line : {false, true}) {
    const auto at = [&](uint64_t base) {
      return taken([&](draft& d) {
        auto& part = d.source->parts[1];
        (line ? part.line_base : part.record_base) = base;
      });
    };
    EXPECT_TRUE(at(position_max));
    EXPECT_FALSE(at(position_max + 1));
    EXPECT_FALSE(at(UINT64_MAX));
  }
}

TEST(batch_bounds_test, no_part_has_more_records_than_it_says) {
  EXPECT_TRUE(taken([](draft& d) { d.batch->records.pop_back(); }));
  EXPECT_FALSE(taken([](draft& d) { d.source->parts[1].records = 2; }));
  EXPECT_FALSE(taken([](draft& d) { d.source->parts[1].records = (1u << 24) + 1; }));
  EXPECT_TRUE(taken([](draft& d) { d.source->parts[1].records = 1u << 24; }));
  EXPECT_TRUE(taken([](draft& d) { d.batch->dropped[1] = 3; }));
  EXPECT_FALSE(taken([](draft& d) { d.batch->dropped[1] = 4; }));
  const auto refused = [](uint32_t record) {
    return [record](draft& d) {
      d.batch->rejections.push_back({1, record, 0, reject::too_deep, "", "", ""});
    };
  };
  EXPECT_TRUE(taken(refused(2)));
  EXPECT_FALSE(taken(refused(3)));
}

TEST(batch_bounds_test, records_lie_in_the_order_the_journal_goes_by) {
  EXPECT_FALSE(taken(
    [](draft& d) { std::swap(d.batch->records[2].part, d.batch->records[3].part); }));
  EXPECT_FALSE(
    taken([](draft& d) { std::swap(d.batch->records[0], d.batch->records[1]); }));
  EXPECT_TRUE(taken([](draft& d) { d.batch->records[1].record = 0; }))
    << "two of one record";
  EXPECT_FALSE(taken([](draft& d) { d.batch->records[5].part = 2; }));
}

TEST(batch_bounds_test, no_record_reaches_beyond_the_text) {
  EXPECT_TRUE(taken([](draft& d) { d.batch->records[5] = {60, 0, 1, 2, 5}; }));
  EXPECT_FALSE(taken([](draft& d) { d.batch->records[5] = {61, 0, 1, 2, 5}; }));
  EXPECT_FALSE(taken([](draft& d) { d.batch->records[5] = {59, 2, 1, 2, 5}; }));
  EXPECT_FALSE(taken([](draft& d) { d.batch->records[5] = {1, UINT32_MAX, 1, 2, 5}; }));
}

TEST(batch_bounds_test, a_batch_has_parts_and_each_rejection_belongs_to_one) {
  EXPECT_FALSE(taken([](draft& d) {
    d.source->parts.clear();
    d.batch->records.clear();
    d.batch->dropped.clear();
  }));
  EXPECT_TRUE(taken([](draft& d) {
    d.batch->rejections.push_back({1, 0, 0, reject::too_deep, "", "", ""});
  }));
  EXPECT_FALSE(taken([](draft& d) {
    d.batch->rejections.push_back({2, 0, 0, reject::too_deep, "", "", ""});
  }));
}

TEST(batch_bounds_test, a_deadline_is_neither_past_nor_further_than_an_hour) {
  const auto bytes = encode_batch(*draft{}.batch, now).joined();
  // version, length and name of the stream, level, received_at_us
  constexpr size_t place = 1 + 4 + 7 + 1 + 8;
  const auto with = [&](int64_t left) {
    auto changed = bytes;
    std::memcpy(changed.data() + place, &left, sizeof left);
    return decode_batch(changed, {}, now);
  };
  EXPECT_EQ(with(30'000)->source->deadline, now + 30s);
  EXPECT_EQ(with(0)->source->deadline, now);
  EXPECT_EQ(with(3'600'000)->source->deadline, now + 1h);
  for (const int64_t left : {int64_t{-1}, int64_t{3'600'001}, INT64_MAX, INT64_MIN})
    EXPECT_FALSE(with(left)) << left;
}

TEST(batch_bounds_test, a_sender_never_promises_more_than_an_hour) {
  draft made;
  made.source->deadline = now + 100h;
  const auto came = made.arrive();
  ASSERT_TRUE(came);
  EXPECT_EQ(came->source->deadline, now + 1h);
}

TEST(batch_bounds_test, another_version_is_refused_whether_older_or_newer) {
  auto bytes = encode_batch(*draft{}.batch, now).joined();
  for (const int by : {-1, 1}) {
    auto other = bytes;
    other[0] = static_cast<char>(other[0] + by);
    EXPECT_FALSE(decode_batch(other, {}, now));
  }
}

TEST(byte_reader_test, a_text_is_as_long_as_allowed_and_no_longer) {
  std::string bytes;
  byte_writer{bytes}.text("12345");
  EXPECT_EQ(byte_reader{bytes}.text(5), "12345");
  byte_reader from{bytes};
  EXPECT_EQ(from.text(4), "");
  EXPECT_FALSE(from.good());
}

TEST(byte_reader_test, a_code_is_below_its_end) {
  const std::string bytes{"\2"};
  EXPECT_EQ(byte_reader{bytes}.code<uint8_t>(3), 2);
  byte_reader from{bytes};
  EXPECT_EQ(from.code<uint8_t>(2), 0);
  EXPECT_FALSE(from.good());
}

TEST(byte_reader_test, a_count_promises_no_more_than_its_bound_and_what_follows) {
  std::string bytes;
  byte_writer{bytes}.number(uint32_t{3});
  bytes += "123456";
  EXPECT_EQ(byte_reader{bytes}.count(3, 2), 3u);
  EXPECT_EQ(byte_reader{bytes}.count(2, 2), 0u);
  EXPECT_EQ(byte_reader{bytes}.count(3, 3), 0u);
}

TEST(byte_reader_test, what_is_not_all_there_is_not_there_at_all) {
  byte_reader from{"123"};
  EXPECT_EQ(from.number<uint32_t>(), 0u);
  EXPECT_FALSE(from.good());
  EXPECT_EQ(from.take(1), "");
  EXPECT_EQ(from.rest(), "");
  EXPECT_FALSE(from.complete());
}
