#include "cluster/assembler.hpp"
#include "cluster/batch_codec.hpp"
#include "cluster/link_frame.hpp"
#include "tests/cluster/batches.hpp"

#include <gtest/gtest.h>

#include <set>

using namespace weir;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view detail = "is no number";

rejection refused(uint32_t part, uint32_t record, std::string pointer = "/a") {
  return {part,
          record,
          record + 7,
          reject::schema_violation,
          std::move(pointer),
          std::string{detail},
          "the record"};
}

part_receipt any_receipt(random_source& random, uint32_t part) {
  const auto number = [&] { return static_cast<uint32_t>(random.next()); };
  part_receipt made;
  made.request = random.next();
  made.part = part;
  made.outcome = part % 2 == 0 ? ec::none : ec::key_reused;
  made.detail = std::string(random.next() % 50, 'd');
  made.key = {random.next(), random.next()};
  made.duplicate = number() % 2 == 1;
  made.accepted = number();
  made.rejected = number();
  made.quarantined = number();
  made.dropped = number();
  made.last_sequence = 4711;
  return made;
}

void expect_same(const part_receipt& sent, const part_receipt& came) {
  EXPECT_EQ(came.request, sent.request);
  EXPECT_EQ(came.part, sent.part);
  EXPECT_EQ(came.outcome, sent.outcome);
  EXPECT_EQ(came.detail, sent.detail);
  EXPECT_EQ(came.key, sent.key);
  EXPECT_EQ(came.duplicate, sent.duplicate);
  EXPECT_EQ(came.accepted, sent.accepted);
  EXPECT_EQ(came.rejected, sent.rejected);
  EXPECT_EQ(came.quarantined, sent.quarantined);
  EXPECT_EQ(came.dropped, sent.dropped);
  EXPECT_EQ(came.last_sequence, 0u) << "it means something only where it was given";
}

batch_receipt receipt_of(std::shared_ptr<record_batch> batch, size_t parts = 1) {
  batch_receipt made{std::move(batch), {}};
  for (uint32_t i = 0; i < parts; ++i) {
    made.parts.emplace_back().part = i;
    made.parts.back().key = made.batch->source->parts[i].key;
  }
  return made;
}

/// One batch of `parts` × `records`, of which none stands.
std::shared_ptr<record_batch> all_refused(size_t parts, uint32_t records) {
  auto batch = make_test_batch(1, 0);
  auto source = std::make_shared<envelope>(*batch->source);
  source->parts.assign(parts, source->parts[0]);
  for (auto& part : source->parts)
    part.records = records;
  batch->source = source;
  return batch;
}

} // namespace

TEST(receipt_codec_test, every_field_of_any_receipt_arrives) {
  random_source random{5};
  for (int round = 0; round < 200; ++round) {
    const auto parts = static_cast<uint32_t>(1 + random.next() % 5);
    batch_receipt sent{all_refused(parts, 9), {}};
    for (uint32_t i = 0; i < parts; ++i)
      sent.parts.push_back(any_receipt(random, i));
    const auto came = decode_receipt(encode_receipt(sent, 0));
    ASSERT_TRUE(came) << came.error().text;
    ASSERT_EQ(came->parts.size(), parts);
    for (uint32_t i = 0; i < parts; ++i)
      expect_same(sent.parts[i], came->parts[i]);
  }
}

TEST(receipt_codec_test, every_field_of_a_rejection_arrives_but_for_its_record) {
  auto batch = all_refused(2, 9);
  batch->rejections = {refused(1, 2, "/b"), refused(0, 8, "")};
  const auto came = decode_receipt(encode_receipt(receipt_of(batch, 2), 0));
  ASSERT_TRUE(came) << came.error().text;
  ASSERT_EQ(came->rejections.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const auto& x = batch->rejections[i];
    const auto& y = came->rejections[i];
    EXPECT_EQ(y.part, x.part);
    EXPECT_EQ(y.record, x.record);
    EXPECT_EQ(y.line, x.line);
    EXPECT_EQ(y.code, x.code);
    EXPECT_EQ(y.pointer, x.pointer);
    EXPECT_EQ(y.detail, x.detail);
    EXPECT_EQ(y.body, "");
  }
}

TEST(receipt_codec_test, what_the_batch_brought_along_is_not_sent_back) {
  auto batch = all_refused(1, 9);
  batch->rejections = {refused(0, 1), refused(0, 2)};
  const auto receipt = receipt_of(batch);
  const auto came = decode_receipt(encode_receipt(receipt, 1));
  ASSERT_TRUE(came);
  ASSERT_EQ(came->rejections.size(), 1u);
  EXPECT_EQ(came->rejections[0].record, 2u);
  EXPECT_TRUE(decode_receipt(encode_receipt(receipt, 2))->rejections.empty());
  EXPECT_TRUE(decode_receipt(encode_receipt(receipt, 3))->rejections.empty());
}

TEST(receipt_codec_test,
     of_each_part_the_first_records_that_were_refused_have_their_texts) {
  constexpr uint32_t records = 3 * receipt_errors_per_part;
  auto batch = all_refused(2, records);
  for (uint32_t i = records; i > 0; --i) // as they were found, in whatever order
    for (const uint32_t part : {1, 0})
      batch->rejections.push_back(refused(part, i - 1));
  const auto came = decode_receipt(encode_receipt(receipt_of(batch, 2), 0));
  ASSERT_TRUE(came) << came.error().text;
  ASSERT_EQ(came->rejections.size(), batch->rejections.size());
  for (const auto& r : came->rejections)
    EXPECT_EQ(r.detail, r.record < receipt_errors_per_part ? detail : "") << r.record;
}

TEST(receipt_codec_test, texts_of_any_length_are_cut_between_two_characters) {
  auto batch = all_refused(1, 9);
  std::string pointer(4095, '/');
  pointer += "€ and more";
  batch->rejections = {refused(0, 0, pointer)};
  batch->rejections[0].detail = "x" + pointer;
  auto sent = receipt_of(batch);
  sent.parts[0].detail = std::string(4094, 'd') + "€€";
  const auto came = decode_receipt(encode_receipt(sent, 0));
  ASSERT_TRUE(came) << came.error().text;
  EXPECT_EQ(came->parts[0].detail, std::string(4094, 'd'));
  EXPECT_EQ(came->rejections[0].pointer, std::string(4095, '/'));
  EXPECT_EQ(came->rejections[0].detail, "x" + std::string(4095, '/'));
}

/// A batch has at most a quarter of the window in bytes, and a record takes two. Small windows
/// have room for all that is beside the records.
TEST(receipt_codec_test, the_receipt_of_any_legal_batch_is_taken_by_its_sender) {
  random_source random{21};
  constexpr size_t window = size_t{1} << 20, batch_bytes = window / 4;
  for (int round = 0; round < 60; ++round) {
    const auto parts = 1 + random.next() % (round % 2 == 0 ? 3 : 400);
    const auto records =
      static_cast<uint32_t>(1 + random.next() % (batch_bytes / 2 / parts));
    auto batch = all_refused(parts, records);
    const auto pointer = random.next() % 3 == 0 ? 100'000 / (1 + records / 50) : 30;
    for (uint32_t part = 0; part < parts; ++part)
      for (uint32_t i = 0; i < records; ++i)
        batch->rejections.push_back(refused(part, i, std::string(pointer, 'p')));
    auto whole = encode_receipt(receipt_of(batch, parts), 0, piece_head_bytes);
    assembler sender{2 * window + frame_bytes_max};
    bool arrived = false;
    for (const auto& frame :
         cut_in_pieces(piece_of::receipt, link_flow::work, 1, std::move(whole))) {
      const auto added = sender.add(std::get<piece_frame>(*decode_frame(frame.head)));
      ASSERT_TRUE(added) << added.error().text << ": " << parts << " × " << records;
      if (!*added)
        continue;
      const auto came = decode_receipt(**added);
      ASSERT_TRUE(came) << came.error().text;
      EXPECT_TRUE(belongs_to(*came, *batch));
      EXPECT_EQ(came->rejections.size(), batch->rejections.size());
      arrived = true;
    }
    EXPECT_TRUE(arrived);
  }
}

TEST(receipt_codec_test,
     a_receipt_that_is_cut_or_longer_or_of_another_version_is_refused) {
  auto batch = all_refused(1, 9);
  batch->rejections = {refused(0, 1)};
  auto bytes = encode_receipt(receipt_of(batch), 0);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_receipt(std::string_view{bytes}.substr(0, size))) << size;
  EXPECT_FALSE(decode_receipt(bytes + "x"));
  --bytes[0];
  EXPECT_FALSE(decode_receipt(bytes));
  bytes[0] += 2;
  EXPECT_FALSE(decode_receipt(bytes));
}

TEST(receipt_codec_test, codes_and_parts_that_are_not_there_are_refused) {
  auto batch = all_refused(2, 9);
  batch->rejections = {refused(1, 1)};
  auto sent = receipt_of(batch, 2);
  ASSERT_TRUE(decode_receipt(encode_receipt(sent, 0)));
  sent.parts[1].part = 2;
  EXPECT_FALSE(decode_receipt(encode_receipt(sent, 0)));
  sent.parts[1].part = 1;
  sent.parts[1].outcome = static_cast<ec>(200);
  EXPECT_FALSE(decode_receipt(encode_receipt(sent, 0)));
  sent.parts[1].outcome = ec::none;
  for (const int code : {0, int{reject_codes}, 127}) {
    batch->rejections[0].code = static_cast<reject>(code);
    EXPECT_FALSE(decode_receipt(encode_receipt(sent, 0))) << code;
  }
  batch->rejections[0].code = static_cast<reject>(reject_codes - 1);
  EXPECT_TRUE(decode_receipt(encode_receipt(sent, 0)));
  batch->rejections[0].part = 2;
  EXPECT_FALSE(decode_receipt(encode_receipt(sent, 0)));
}

TEST(receipt_codec_test, a_receipt_belongs_to_its_batch_only) {
  auto batch = all_refused(2, 9);
  batch->rejections = {refused(1, 8)};
  auto sent = receipt_of(batch, 2);
  sent.parts[1].rejected = 3;
  sent.parts[1].quarantined = 3;
  sent.parts[1].dropped = 3;
  const auto good = *decode_receipt(encode_receipt(sent, 0));
  EXPECT_TRUE(belongs_to(good, *batch));
  const auto spoiled = [&](auto change) {
    auto other = good;
    change(other);
    return !belongs_to(other, *batch);
  };
  EXPECT_TRUE(spoiled([](auto& x) { x.parts.pop_back(); }));
  EXPECT_TRUE(spoiled([](auto& x) { x.parts[1].part = 0; }));
  EXPECT_TRUE(spoiled([](auto& x) { ++x.parts[0].key.low; }));
  EXPECT_TRUE(spoiled([](auto& x) { ++x.parts[0].request; }));
  EXPECT_TRUE(spoiled([](auto& x) { ++x.parts[1].rejected; }));
  EXPECT_TRUE(spoiled([](auto& x) { ++x.parts[1].quarantined; }));
  EXPECT_TRUE(spoiled([](auto& x) { x.parts[1].dropped = UINT32_MAX; }));
  EXPECT_TRUE(spoiled([](auto& x) { x.rejections[0].record = 9; }));
  EXPECT_FALSE(spoiled([](auto& x) {
    x.parts[1].duplicate = true;
    x.parts[1].rejected = 90;
  }))
    << "a repeat hears what its first time came to";
}
