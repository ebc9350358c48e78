#include "cluster/batch_codec.hpp"

#include "tests/cluster/batches.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

using namespace weir;
using namespace std::chrono_literals;

namespace {

const test_clock::time_point now{1000s};

uint64_t property_seed() {
  const char* given = std::getenv("WEIR_SEED");
  return given ? std::strtoull(given, nullptr, 10) : 20240517;
}

void expect_same(const record_batch& sent, const record_batch& came) {
  const auto& a = *sent.source;
  const auto& b = *came.source;
  EXPECT_EQ(a.stream, b.stream);
  EXPECT_EQ(a.level, b.level);
  EXPECT_EQ(a.received_at_us, b.received_at_us);
  EXPECT_EQ(a.deadline, b.deadline);
  EXPECT_EQ(*sent.text, *came.text);
  EXPECT_GE(came.text->capacity(), came.text->size() + text_padding);
  const bool raw = sent.text.get() == &a.bytes;
  EXPECT_EQ(raw, came.text.get() == &b.bytes);
  ASSERT_EQ(a.parts.size(), b.parts.size());
  for (size_t i = 0; i < a.parts.size(); ++i) {
    const auto& x = a.parts[i];
    const auto& y = b.parts[i];
    EXPECT_EQ(x.request, y.request);
    EXPECT_EQ(x.key, y.key);
    EXPECT_EQ(x.keyed, y.keyed);
    EXPECT_EQ(x.fingerprint, y.fingerprint);
    EXPECT_EQ(x.format, y.format);
    EXPECT_EQ(x.ack, y.ack);
    EXPECT_EQ(x.record_base, y.record_base);
    EXPECT_EQ(x.line_base, y.line_base);
    EXPECT_EQ(x.records, y.records);
    EXPECT_EQ(x.client, y.client);
    EXPECT_EQ(x.trace, y.trace);
    EXPECT_EQ(raw && x.header, y.header != nullptr) << "only the raw rows need it";
    if (y.header) {
      EXPECT_EQ(*x.header, *y.header);
    }
  }
  ASSERT_EQ(sent.records.size(), came.records.size());
  for (size_t i = 0; i < sent.records.size(); ++i) {
    EXPECT_EQ(sent.text_of(sent.records[i]), came.text_of(came.records[i]));
    EXPECT_EQ(sent.records[i].part, came.records[i].part);
    EXPECT_EQ(sent.records[i].record, came.records[i].record);
    EXPECT_EQ(sent.records[i].line, came.records[i].line);
  }
  ASSERT_EQ(sent.rejections.size(), came.rejections.size());
  for (size_t i = 0; i < sent.rejections.size(); ++i) {
    const auto& x = sent.rejections[i];
    const auto& y = came.rejections[i];
    EXPECT_EQ(x.part, y.part);
    EXPECT_EQ(x.record, y.record);
    EXPECT_EQ(x.line, y.line);
    EXPECT_EQ(x.code, y.code);
    const bool dead_letter = !x.body.empty() || x.code == reject::quarantined;
    EXPECT_EQ(y.pointer, dead_letter ? x.pointer : "") << "only these are kept there";
    EXPECT_EQ(y.detail, dead_letter ? x.detail : "");
    EXPECT_EQ(x.body, y.body);
  }
  EXPECT_EQ(sent.dropped, came.dropped);
}

std::string encoded(const record_batch& batch, test_clock::time_point at = now) {
  return encode_batch(batch, at).joined();
}

result<arrived_batch> decoded(std::string_view bytes, test_clock::time_point at = now) {
  return decode_batch(bytes, {}, at);
}

} // namespace

TEST(batch_codec_test, any_batch_arrives_as_it_was_sent) {
  const auto seed = property_seed();
  random_source random{seed};
  for (int i = 0; i < 500; ++i) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " round " + std::to_string(i));
    const auto sent = make_random_batch(random, now);
    const auto frame = encode_batch(*sent, now);
    EXPECT_LE(frame.size(), encoded_batch_bytes(*sent));
    const auto came = decoded(frame.joined());
    ASSERT_TRUE(came) << came.error().text;
    expect_same(*sent, *came->batch);
    const auto beside = decode_batch(frame.head, *frame.text, now);
    ASSERT_TRUE(beside) << beside.error().text;
    expect_same(*sent, *beside->batch);
  }
}

TEST(batch_codec_test, records_that_lie_one_behind_the_other_take_three_bytes_each) {
  const auto few = encoded(*make_test_batch(1, 10, now)).size();
  const auto many = encoded(*make_test_batch(1, 1010, now)).size();
  EXPECT_EQ(many - few, 1000 * (10 + 3));
}

TEST(batch_codec_test, records_apart_from_each_other_arrive) {
  auto sent = make_test_batch(1, 0, now);
  auto source = std::make_shared<envelope>(*sent->source);
  source->parts.resize(2);
  source->bytes.assign(200'000, 'x');
  source->bytes.reserve(200'000 + text_padding);
  sent->source = source;
  sent->text = std::shared_ptr<const std::string>(source, &source->bytes);
  sent->dropped.resize(2);
  sent->records = {{0, 65'535, 0, 0, 0},
                   {65'535 + 254, 9, 0, 1, 1},
                   {65'798 + 255, 9, 0, 2, 2},
                   {70'000, 65'536, 0, 3, 3},
                   {0, 5, 0, 4, 4},
                   {5, 5, 0, 6, 5},
                   {10, 5, 0, 7, 7},
                   {15, 5, 1, 8, 8}};
  for (auto& part : source->parts)
    part.records = 9;
  const auto came = decoded(encoded(*sent));
  ASSERT_TRUE(came) << came.error().text;
  expect_same(*sent, *came->batch);
}

TEST(batch_codec_test, records_as_long_as_two_bytes_say_and_longer_arrive) {
  for (const uint32_t size : {65'534u, 65'535u, 65'536u, 65'537u, 131'072u}) {
    auto sent = make_test_batch(1, 0, now);
    auto source = std::make_shared<envelope>(*sent->source);
    source->bytes.assign(2 * size + 3, 'x');
    source->bytes.reserve(source->bytes.size() + text_padding);
    source->parts[0].records = 3;
    sent->source = source;
    sent->text = std::shared_ptr<const std::string>(source, &source->bytes);
    sent->records = {{0, size, 0, 0, 0}, {size, size, 0, 1, 1}, {2 * size, 3, 0, 2, 2}};
    const auto came = decoded(encoded(*sent));
    ASSERT_TRUE(came) << size << ": " << came.error().text;
    expect_same(*sent, *came->batch);
  }
}

TEST(batch_codec_test, parts_of_a_record_arrive_side_by_side) {
  auto sent = make_test_batch(1, 5, now);
  for (size_t i = 1; i < 4; ++i)
    sent->records[i].record = 1;
  sent->text = std::make_shared<const std::string>(*sent->text);
  const auto came = decoded(encoded(*sent));
  ASSERT_TRUE(came) << came.error().text;
  expect_same(*sent, *came->batch);
  EXPECT_LE(encoded(*sent).size(), encoded_batch_bytes(*sent));
  std::swap(sent->records[1].record, sent->records[4].record);
  EXPECT_FALSE(decoded(encoded(*sent))) << "the journal counts neighbours";
}

TEST(batch_codec_test, a_text_beside_that_is_not_as_long_as_promised_is_refused) {
  const auto frame = encode_batch(*make_test_batch(1, 3, now), now);
  EXPECT_TRUE(decode_batch(frame.head, *frame.text, now));
  EXPECT_FALSE(decode_batch(frame.head, *frame.text + "x", now));
  EXPECT_FALSE(decode_batch(frame.head, frame.text->substr(1), now));
  EXPECT_FALSE(decode_batch(frame.joined(), *frame.text, now)) << "twice";
}

TEST(batch_codec_test, a_batch_of_which_no_record_stands_arrives) {
  const auto sent = make_test_batch(1, 0, now);
  const auto came = decoded(encoded(*sent));
  ASSERT_TRUE(came) << came.error().text;
  expect_same(*sent, *came->batch);
}

TEST(batch_codec_test, what_is_left_of_the_deadline_counts_not_the_senders_clock) {
  const auto sent = make_test_batch(1, 3, now);
  const auto there = test_clock::time_point{77s};
  const auto came = decoded(encoded(*sent, now + 10s), there);
  ASSERT_TRUE(came);
  EXPECT_EQ(came->source->deadline, there + 20s);
  const auto late = decoded(encoded(*sent, now + 100s), there);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->source->deadline, there);
}

TEST(batch_codec_test, a_cut_batch_is_refused_wherever_it_is_cut) {
  random_source random{1};
  const auto bytes = encoded(*make_random_batch(random, now));
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decoded(std::string_view{bytes}.substr(0, size))) << size;
  EXPECT_FALSE(decoded(bytes + "x"));
}

TEST(batch_codec_test, a_damaged_batch_is_refused_or_consistent_in_itself) {
  const auto seed = property_seed();
  random_source random{seed};
  for (int i = 0; i < 3000; ++i) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " round " + std::to_string(i));
    auto bytes = encoded(*make_random_batch(random, now));
    for (int flips = 0; flips < 3; ++flips)
      bytes[random.next() % bytes.size()] = static_cast<char>(random.next());
    const auto came = decoded(bytes);
    if (!came)
      continue;
    const auto& batch = *came->batch;
    for (const auto& ref : batch.records) {
      ASSERT_LE(size_t{ref.offset} + ref.size, batch.text->size());
      ASSERT_LT(ref.part, batch.source->parts.size());
    }
    for (const auto& r : batch.rejections)
      ASSERT_LT(r.part, batch.source->parts.size());
    ASSERT_EQ(batch.dropped.size(), batch.source->parts.size());
  }
}

TEST(batch_codec_test, a_record_of_a_part_or_number_that_is_not_there_is_refused) {
  const auto taken = [](uint32_t part, uint32_t record) {
    auto sent = make_test_batch(1, 1, now); // one part of one record
    sent->records[0].part = part;
    sent->records[0].record = record;
    return decoded(encoded(*sent)).has_value();
  };
  EXPECT_TRUE(taken(0, 0));
  for (const uint32_t part : {1u, 2u, 255u, UINT32_MAX})
    EXPECT_FALSE(taken(part, 0)) << part;
  for (uint32_t parts = 1; parts <= 64;
       ++parts) { // the one behind the last, of any number
    auto sent = make_test_batch(1, 1, now);
    auto source = std::make_shared<envelope>(*sent->source);
    source->parts.resize(parts);
    for (auto& part : source->parts)
      part.records = 1;
    sent->source = source;
    sent->text = std::shared_ptr<const std::string>(source, &source->bytes);
    sent->dropped.resize(parts);
    sent->records[0].part = parts - 1;
    EXPECT_TRUE(decoded(encoded(*sent))) << parts;
    sent->records[0].part = parts;
    EXPECT_FALSE(decoded(encoded(*sent))) << parts;
  }
  for (const uint32_t record : {1u, 2u, UINT32_MAX})
    EXPECT_FALSE(taken(0, record)) << record;
}

TEST(batch_codec_test, a_count_that_promises_more_than_follows_allocates_nothing) {
  auto bytes = encoded(*make_test_batch(1, 0));
  // the number of records is the four bytes before rejections, dropped and the text's size
  for (size_t i = bytes.size() - 16; i < bytes.size() - 12; ++i)
    bytes[i] = '\xff';
  EXPECT_FALSE(decoded(bytes));
}
