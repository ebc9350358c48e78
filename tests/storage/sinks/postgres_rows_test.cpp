// Records as PostgreSQL's bytes, and journals' identities: no server is needed for these.
#include "storage/journal/identity.hpp"
#include "storage/sinks/postgres/partitions.hpp"
#include "storage/sinks/postgres/rows.hpp"
#include "tests/storage/sinks/sink_frames.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;
using namespace weir::postgres;
using namespace weir::sink_test;

TEST(postgres_rows, what_jsonb_refuses_is_known_before_it_is_asked) {
  for (const auto* body : {R"({"a":"\u0000"})", R"({"\u0000":1})", R"({"a":"\\\u0000"})",
                           R"({"a":"\ud800"})", R"({"a":"\uD83D\n\uDE00"})",
                           R"({"a":"\udc00"})", R"({"a":"\ud83d\ud83d\ude00"})"})
    EXPECT_NE(unfit_for_jsonb(body), nullptr) << body;
  for (const auto* body :
       {R"({})", R"({"a":"\\u0000"})", R"({"a":"\ud83d\ude00 \u00e9 \" \\"})",
        R"({"a":"\u0001\u1000"})"})
    EXPECT_EQ(unfit_for_jsonb(body), nullptr) << body;
  EXPECT_EQ(unfit_for_jsonb("\\"), nullptr); // never valid JSON, and no reason to read on
  EXPECT_EQ(unfit_for_jsonb("\\u00"), nullptr);
}

TEST(postgres_rows, a_row_is_encoded_as_copy_binary_wants_it) {
  frame_list frames;
  auto& frame = frames.add(1, "web", 946'684'800'000'001);
  frame.key = {0x0102030405060708, 0x090a0b0c0d0e0f10};
  const row one{5, &frame, frame.received_at_us, R"({"n":1})"};
  std::string bytes;
  encode_copy(bytes, std::span{&one, 1});
  const std::string expected =
    std::string("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19) + std::string("\0\5", 2)
    + std::string("\0\0\0\10\0\0\0\0\0\0\0\5", 12)
    + std::string("\0\0\0\10\0\0\0\0\0\0\0\1", 12)
    + std::string("\0\0\0\20\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20", 20)
    + std::string("\0\0\0\3web", 7) + std::string("\0\0\0\10\1{\"n\":1}", 12)
    + std::string("\377\377", 2);
  EXPECT_EQ(bytes, expected);
}

TEST(postgres_rows, keys_and_times_survive_their_texts) {
  const batch_key key{0x8000000000000001, 0x00000000000000ff};
  EXPECT_EQ(key_of_uuid(uuid_of(key)), key);
  EXPECT_EQ(key_of_uuid("80000000-0000-0001-0000-0000000000ff"), key);
  EXPECT_EQ(timestamp(start_us + 1), "2023-11-14 22:13:20.000001+00");
  EXPECT_EQ(timestamp(-1), "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(partition_name(day_of(start_us)), "records_20231114");
  EXPECT_EQ(day_of(-1), -1);
  EXPECT_EQ(day_of(0), 0);
  EXPECT_EQ(day_of(86'399'999'999), 0);
  EXPECT_EQ(partition_name(day_of(-86'400'000'000)), "records_19691231");
}

namespace {

void add_segment(const std::string& journal) {
  std::ofstream{journal + "/journal-00000000000000000007.wj"} << 'x';
}

} // namespace

TEST(journal_identity, stays_as_long_as_there_are_segments) {
  scratch_directory directory;
  const auto journal = directory / "journal";
  auto& files = posix_file_system();
  const auto first = claim_journal_identity(journal, files);
  ASSERT_TRUE(first) << first.error().text;
  add_segment(journal);
  EXPECT_EQ(*claim_journal_identity(journal, files), *first);
  EXPECT_EQ(**read_journal_identity(journal, files), *first);
  std::filesystem::remove(journal + "/journal-00000000000000000007.wj");
  EXPECT_FALSE(read_journal_identity(journal, files)->has_value());
  EXPECT_NE(*claim_journal_identity(journal, files), *first);
}

TEST(journal_identity, of_a_journal_from_before_there_were_any_is_made) {
  scratch_directory directory;
  const auto journal = directory / "journal";
  std::filesystem::create_directories(journal);
  add_segment(journal);
  const auto made = claim_journal_identity(journal, posix_file_system());
  ASSERT_TRUE(made);
  EXPECT_EQ(*claim_journal_identity(journal, posix_file_system()), *made);
}

TEST(journal_identity, that_is_damaged_is_told_and_not_replaced) {
  scratch_directory directory;
  const auto journal = directory / "journal";
  ASSERT_TRUE(claim_journal_identity(journal, posix_file_system()));
  add_segment(journal);
  for (const auto* text : {"", "12", "zz345678901234567890123456789012\n"}) {
    std::ofstream{journal + "/identity", std::ios::trunc} << text;
    const auto refused = claim_journal_identity(journal, posix_file_system());
    ASSERT_FALSE(refused) << text;
    EXPECT_THAT(refused.error().text, testing::HasSubstr("identity: is damaged"));
  }
}

TEST(journal_identity, is_whole_or_absent_when_the_disk_fails) {
  for (uint64_t operations = 0; operations < 12; ++operations) {
    scratch_directory directory;
    const auto journal = directory / "journal";
    faulty_disk disk;
    disk.operations_left = operations;
    const auto made = claim_journal_identity(journal, disk);
    disk.operations_left = UINT64_MAX;
    const auto again = claim_journal_identity(journal, disk);
    ASSERT_TRUE(again) << again.error().text;
    add_segment(journal);
    EXPECT_EQ(*claim_journal_identity(journal, disk), *again);
    if (made)
      return;
  }
  FAIL() << "never succeeds";
}
