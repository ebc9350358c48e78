// What a newer weir has written is no damage: it is refused by name, with both versions, and left
// as it is. And what recovery does to damage is on the disk before anything relies on it.
#include "storage/dead_letters.hpp"
#include "storage/journal/codec.hpp"
#include "storage/journal/journal.hpp"
#include "storage/journal/segment.hpp"
#include "storage/open_sink.hpp"
#include "storage/sqlite/sqlite.hpp"
#include "tests/storage/files/recording_disk.hpp"
#include "tests/storage/journal/batches.hpp"

#include <cstring>
#include <filesystem>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;
using testing::HasSubstr;

namespace {

struct newer_journal : ::testing::Test {
  simulated_disk disk;
  manual_clock clock;
  journal_config config = small_journal(uint64_t{64} << 10, 20);
  recovery_report report;
  std::unique_ptr<journal_writer> writer;

  void SetUp() override {
    ASSERT_TRUE(try_open());
    for (uint64_t i = 1; i <= 3; ++i) {
      writer->add(simple_batch({1, i}, {std::string(1000, 'a')}));
      ASSERT_EQ(writer->commit()[0]->parts[0].outcome, ec::none);
    }
    writer.reset();
  }
  result<void> try_open() {
    writer.reset();
    auto opened = journal_writer::open(config, disk, clock, 0, report);
    if (!opened)
      return tl::unexpected(opened.error());
    writer = std::move(*opened);
    return {};
  }
  std::string path() const { return segment_path("j", 1); }
  segment_header header() {
    auto segment = disk.open(path(), false);
    segment_header found;
    EXPECT_TRUE((*segment)->read_at(0, std::as_writable_bytes(std::span{&found, 1})));
    return found;
  }
  /// Each copy that `copies` has a bit for.
  void put_header(segment_header changed, bool with_sum, unsigned copies = 3) {
    if (with_sum)
      changed.crc = crc32c(
        std::as_bytes(std::span{&changed, 1}).first(offsetof(segment_header, crc)));
    auto segment = disk.open(path(), true);
    for (unsigned i = 0; i < 2; ++i)
      if ((copies >> i & 1U) != 0) {
        ASSERT_TRUE(
          (*segment)->write_at(header_copies[i], std::as_bytes(std::span{&changed, 1})));
      }
  }
  std::string bytes() {
    auto segment = disk.open(path(), false);
    std::string all((*segment)->size().value(), '\0');
    EXPECT_TRUE((*segment)->read_at(0, std::as_writable_bytes(std::span{all})));
    return all;
  }
  void expect_refused(const std::string& version) {
    const auto before = bytes();
    const auto opened = try_open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ec::io_failed);
    EXPECT_THAT(opened.error().text, HasSubstr(version));
    EXPECT_THAT(opened.error().text, HasSubstr("this weir knows"));
    EXPECT_EQ(bytes(), before);
    const auto names = disk.list("j").value();
    EXPECT_THAT(names, testing::Not(testing::Contains(HasSubstr("corrupt"))))
      << "nothing is put aside";
    EXPECT_TRUE(report.alarms.empty());
  }
};

} // namespace

TEST_F(newer_journal, segments_are_refused_and_left_as_they_are) {
  const auto good = header();
  auto newer = good;
  newer.version = 2;
  for (const bool with_sum : {true, false}) {
    put_header(newer, with_sum);
    expect_refused("version 2");
    const auto looked = look_at_journal("j", disk);
    ASSERT_FALSE(looked);
    EXPECT_THAT(looked.error().text, HasSubstr(path() + ": is a segment of version 2"));
    EXPECT_THAT(looked.error().text, HasSubstr("knows version 1"));
    put_header(good, false);
  }
  newer = good;
  newer.magic += uint64_t{1} << 56; // WEIRRNL2
  put_header(newer, false);
  expect_refused("version 2");
  put_header(good, false);
  EXPECT_TRUE(look_at_journal("j", disk));
  EXPECT_TRUE(try_open());
  EXPECT_EQ(report.records, 3u);
}

TEST_F(newer_journal, a_bit_that_fell_over_in_one_copy_is_still_damage) {
  auto damaged = header();
  damaged.version = 3;
  put_header(damaged, false, 1);
  EXPECT_TRUE(look_at_journal("j", disk));
  EXPECT_TRUE(try_open());
  EXPECT_EQ(report.records, 3u);
}

TEST_F(newer_journal, bits_that_fell_over_in_both_copies_are_damage_too) {
  auto damaged = header();
  damaged.version = 3;
  put_header(damaged, false, 1);
  damaged.version = 5;
  put_header(damaged, false, 2);
  EXPECT_TRUE(look_at_journal("j", disk));
  EXPECT_TRUE(try_open());
  EXPECT_EQ(report.alarms.size(), 1u);
  EXPECT_TRUE(disk.exists(corrupt_path("j", 1, 0)));
}

TEST_F(newer_journal, a_version_that_nobody_reaches_is_damage) {
  auto damaged = header();
  damaged.version = 0x10000;
  put_header(damaged, false);
  EXPECT_TRUE(look_at_journal("j", disk));
  EXPECT_TRUE(try_open());
  EXPECT_EQ(report.alarms.size(), 1u);
}

TEST_F(newer_journal, a_segment_under_the_name_of_another_is_not_read_as_that) {
  ASSERT_TRUE(disk.rename(path(), segment_path("j", 9)));
  ASSERT_TRUE(disk.sync_directory("j"));
  EXPECT_TRUE(try_open());
  EXPECT_EQ(report.records, 0u);
  EXPECT_EQ(report.alarms.size(), 1u);
  EXPECT_TRUE(disk.exists(corrupt_path("j", 9, 0)));
}

TEST(segment_names, have_twenty_digits_and_no_other_form) {
  for (const uint64_t number : {uint64_t{1}, uint64_t{42}, UINT64_MAX})
    EXPECT_EQ(segment_number(segment_name(number)), number);
  for (const auto* other :
       {"journal-00000000000000000000.wj", "journal-0000000000000000001.wj",
        "journal-000000000000000000012.wj", "journal-00000000000000000001x.wj",
        "journal-00000000000000000001.wj.0.corrupt", "journal-99999999999999999999.wj",
        "journal--0000000000000000001.wj", "journal-.wj",
        "ournal-000000000000000000001.wj", "journal-00000000000000000001.wJ", ""})
    EXPECT_EQ(segment_number(other), std::nullopt) << other;
}

TEST_F(newer_journal, frames_of_another_type_or_version_are_refused) {
  const auto salt = header().salt;
  const auto good = bytes();
  for (const auto& [type, version] : {std::pair<uint8_t, uint8_t>{1, 3}, {2, 1}}) {
    auto segment = disk.open(path(), true);
    frame_head head;
    const auto at = frames_begin;
    std::memcpy(&head, good.data() + at, sizeof head);
    std::string frame{good.data() + at, head.length};
    head.type = type;
    head.version = version;
    std::memcpy(frame.data(), &head, sizeof head);
    head.crc = crc32c(std::as_bytes(std::span{frame}).subspan(4),
                      static_cast<uint32_t>(salt) ^ static_cast<uint32_t>(at));
    std::memcpy(frame.data(), &head, sizeof head);
    ASSERT_TRUE((*segment)->write_at(at, std::as_bytes(std::span{frame})));
    expect_refused("type " + std::to_string(type) + ", version "
                   + std::to_string(version));
  }
}

TEST(newer_databases, are_refused_by_a_look_by_a_sink_and_by_the_dead_letters) {
  sink_config config;
  const auto directory =
    std::filesystem::temp_directory_path() / ("weir-newer-" + std::to_string(::getpid()));
  manual_clock clock;
  for (const std::string kind : {"sqlite", "file", "null", "letters"}) {
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    config.kind = kind;
    config.path = directory / (kind == "sqlite" ? "weir.db" : "records");
    dead_letter_config letters{directory / "letters.db"};
    const bool of_letters = kind == "letters";
    const auto look = [&] {
      return of_letters ? dead_letter_store::look(letters) : look_at_sink_files(config);
    };
    const auto open = [&]() -> result<void> {
      if (of_letters)
        return dead_letter_store::open(letters).map([](const auto&) {});
      return open_sink(config, clock).map([](const auto&) {});
    };
    EXPECT_TRUE(look()) << kind << ": nothing is there";
    ASSERT_TRUE(open());
    EXPECT_TRUE(look()) << kind;
    const auto file = of_letters         ? letters.path
                      : kind == "sqlite" ? config.path
                                         : config.path + "/state.db";
    const auto execute = [&](const char* sql) {
      auto db = sqlite::connection::open(file, sqlite::access::read_write,
                                         std::chrono::seconds{1});
      ASSERT_TRUE(db->execute("change", sql));
    };
    execute("PRAGMA user_version = 2");
    for (const auto& refused : std::vector{look(), open()}) {
      ASSERT_FALSE(refused) << kind;
      EXPECT_THAT(refused.error().text, HasSubstr(file));
      EXPECT_THAT(refused.error().text,
                  HasSubstr("version 2, this weir knows version 1"));
    }
    execute("PRAGMA user_version = 1; PRAGMA application_id = 7");
    EXPECT_FALSE(look()) << kind << ": of another program";
  }
  std::filesystem::remove_all(directory);
}

TEST_F(newer_journal, recovery_syncs_what_it_has_cut) {
  {
    auto segment = disk.open(path(), true);
    const std::string torn(96, 'z');
    ASSERT_TRUE(try_open());
    const auto end = writer->durable_end();
    writer.reset();
    ASSERT_TRUE((*disk.open(segment_path("j", end.segment), true))
                  ->write_at(end.offset, std::as_bytes(std::span{torn})));
  }
  recording_disk recorded{disk};
  auto opened = journal_writer::open(config, recorded, clock, 0, report);
  ASSERT_TRUE(opened);
  ASSERT_EQ(report.bytes_truncated, 96u);
  const auto cut = std::find_if(recorded.done.begin(), recorded.done.end(),
                                [](auto& what) { return what.starts_with("truncate "); });
  ASSERT_NE(cut, recorded.done.end());
  EXPECT_TRUE(recorded.in_order(*cut, "sync " + cut->substr(9)));
}

TEST_F(newer_journal, a_copy_of_damage_has_its_name_when_it_is_synced_and_not_before) {
  ASSERT_TRUE(disk.rot(path(), frames_begin + 500));
  recording_disk recorded{disk};
  auto opened = journal_writer::open(config, recorded, clock, 0, report);
  ASSERT_TRUE(opened);
  const auto copy = corrupt_path("j", 1, frames_begin);
  ASSERT_TRUE(disk.exists(copy));
  const auto named = "rename " + copy + ".part " + copy;
  EXPECT_TRUE(recorded.in_order("sync " + copy + ".part", named));
  EXPECT_TRUE(recorded.in_order(named, "sync j"));
}

TEST_F(newer_journal, a_segment_that_is_put_aside_is_so_after_a_crash) {
  segment_header nothing;
  put_header(nothing, false);
  recording_disk recorded{disk};
  auto opened = journal_writer::open(config, recorded, clock, 0, report);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(
    recorded.in_order("rename " + path() + " " + corrupt_path("j", 1, 0), "sync j"));
  const auto renamed = "rename " + path() + " " + corrupt_path("j", 1, 0);
  const auto at = std::find(recorded.done.begin(), recorded.done.end(), renamed);
  ASSERT_NE(at + 1, recorded.done.end());
  EXPECT_EQ(*(at + 1), "sync j") << "before anything else is done";
}
