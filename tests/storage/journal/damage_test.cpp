// What recovery makes of damaged files.
#include "storage/journal/codec.hpp"
#include "storage/journal/segment.hpp"
#include "tests/storage/journal/damage_fixture.hpp"

#include <gtest/gtest.h>

using namespace weir;

TEST_F(journal_damage, behind_the_last_frame_is_cut_off_and_counted) {
  store('a');
  auto segment = disk.open(segment_path("j", ends[0].segment), true);
  const std::string torn(96, 'z');
  ASSERT_TRUE((*segment)->write_at(ends[0].offset, std::as_bytes(std::span{torn})));
  open();
  EXPECT_EQ(report.bytes_truncated, 96u);
  EXPECT_EQ(report.frames_quarantined, 0u);
  EXPECT_TRUE(report.alarms.empty());
  EXPECT_EQ(read_all().value(), "a");
}

TEST_F(journal_damage,
       before_later_frames_of_the_last_segment_is_kept_aside_and_alarmed) {
  store('a');
  store('b');
  store('c');
  damage(1);
  open();
  EXPECT_EQ(report.frames_quarantined, 1u);
  ASSERT_EQ(report.alarms.size(), 1u);
  EXPECT_NE(report.alarms[0].find(segment_name(ends[0].segment)), std::string::npos);
  EXPECT_TRUE(disk.exists(corrupt_path("j", ends[0].segment, ends[0].offset)));
  EXPECT_EQ(read_all().value(), "ac");
  store('d');
  EXPECT_EQ(writer->last_sequence(), 4u);
  open();
  EXPECT_TRUE(report.alarms.empty()) << "told once";
  EXPECT_EQ(read_all().value(), "acd");
}

TEST_F(journal_damage, at_the_end_of_an_earlier_segment_is_kept_aside_and_alarmed) {
  store('a');
  store('b');
  open();
  store('c');
  damage(1);
  open();
  EXPECT_EQ(report.frames_quarantined, 1u);
  EXPECT_EQ(report.bytes_truncated, 0u);
  EXPECT_EQ(read_all().value(), "ac");
}

TEST_F(journal_damage, met_while_running_stops_the_reader_until_recovery_has_seen_it) {
  store('a');
  store('b');
  store('c');
  damage(1);
  const auto read = read_all();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ec::journal_corrupt);
  open();
  EXPECT_EQ(read_all().value(), "ac");
}

TEST_F(journal_damage, of_one_copy_of_a_header_costs_nothing) {
  store('a');
  for (const auto offset : header_copies) {
    ASSERT_TRUE(disk.rot(segment_path("j", ends[0].segment), offset + 20));
    if (offset == 0) {
      open();
      EXPECT_TRUE(report.alarms.empty());
      EXPECT_EQ(read_all().value(), "a");
    }
  }
  open();
  EXPECT_EQ(report.alarms.size(), 1u) << "both copies: the segment is kept aside";
  EXPECT_TRUE(disk.exists(corrupt_path("j", ends[0].segment, 0)));
  EXPECT_EQ(read_all().value(), "");
}

TEST_F(journal_damage, that_takes_a_whole_segment_is_alarmed) {
  store('a');
  open();
  store('b');
  open();
  store('c');
  ASSERT_TRUE(disk.remove(segment_path("j", ends[1].segment)));
  open();
  ASSERT_EQ(report.alarms.size(), 1u);
  EXPECT_NE(report.alarms[0].find("missing"), std::string::npos);
  EXPECT_EQ(read_all().value(), "ac");
}

// A client may put anything in a body that is kept as a dead letter, also a frame of its
// own.
TEST_F(journal_damage, does_not_bring_a_frame_from_inside_a_body_to_life) {
  batch_builder forged;
  forged.part({6, 6}).record("{\"forged\":true}");
  const auto inner = forged.done();
  const part_slice slice{{}, inner.get(), 0, 0, 1};
  std::vector<std::byte> frame(frame_bytes(slice));
  encode_frame(slice, frame);
  // Where the body will lie: behind head, table entry, stream, pointer and a detail of 11
  // bytes.
  const frame_place guessed{0, frames_begin + 88 + 32 + 3 + 2 + 11};
  ASSERT_EQ(guessed.offset % 8, 0u);
  seal_frame(frame, 1, 1, frames_begin, guessed);
  const std::string body{reinterpret_cast<const char*>(frame.data()), frame.size()};
  batch_builder build;
  build.part({1, 1}).reject_record(reject::quarantined, body, "eleven byte");
  writer->add(build.done());
  (void)writer->commit();
  const auto end = writer->durable_end();
  ASSERT_TRUE(disk.rot(segment_path("j", end.segment), frames_begin + 20));
  open();
  EXPECT_EQ(report.frames, 0u);
  EXPECT_EQ(read_all().value(), "");
}

TEST_F(journal_damage, anywhere_loses_only_the_record_it_is_in) {
  for (char c = 'a'; c < 'y'; ++c)
    store(c, 9'000);
  open();
  damage(3);
  damage(4);
  damage(17);
  open();
  EXPECT_EQ(read_all().value(), "abcfghijklmnopqstuvwx");
  EXPECT_EQ(report.frames_quarantined, 2u) << "neighbours are one place";
}

// What a failed sync did not store is shown by the page cache all the same, to the next process
// as well. Whatever is found there must be on the disk before something is built on it.
TEST_F(journal_damage, that_the_page_cache_hides_is_seen_before_anything_is_built_on_it) {
  for (int operations = 0; operations < 12; ++operations) {
    disk = simulated_disk{static_cast<uint64_t>(operations) + 1};
    ends.clear();
    open();
    store('a');
    disk.faults.syncs_until_error = 0;
    disk.faults.operations_until_dead = operations;
    writer->add(simple_batch({1, 2}, {std::string(30'000, 'b')}));
    ASSERT_NE(writer->commit()[0]->parts[0].outcome, ec::none);
    writer.reset();
    disk.faults = {};
    open();
    store('c');
    disk.crash(simulated_disk::loss::rolled_back);
    open();
    EXPECT_TRUE(report.alarms.empty()) << operations << ": " << report.alarms.front();
    EXPECT_EQ(read_all().value(), "ac") << operations;
    EXPECT_EQ(writer->last_sequence(), 2u) << operations;
  }
}

TEST_F(journal_damage,
       around_a_cursor_is_stepped_over_by_the_copy_that_begins_before_it) {
  for (const char letter : {'a', 'b', 'c', 'd'})
    store(letter);
  const auto cursor = ends[1];
  damage(1);
  damage(2);
  open();
  const auto read = read_all(cursor);
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(*read, "d");
}

TEST_F(journal_damage, behind_what_a_copy_has_is_no_less_damage) {
  for (const char letter : {'a', 'b', 'c', 'd'})
    store(letter);
  damage(1);
  open();
  ASSERT_EQ(read_all().value(), "acd");
  damage(2);
  EXPECT_FALSE(read_all()) << "the copy has nothing of it";
  open();
  EXPECT_EQ(report.alarms.size(), 1u);
  EXPECT_EQ(report.frames_quarantined, 1u);
  const auto copy = disk.open(corrupt_path("j", ends[0].segment, ends[0].offset), false);
  EXPECT_EQ((*copy)->size().value(), ends[2].offset - ends[0].offset);
  EXPECT_EQ(read_all().value(), "ad");
  open();
  EXPECT_TRUE(report.alarms.empty()) << "told once";
}

// Records of 5,000 bytes: one unreadable block is in two of them at most.
TEST_F(journal_damage, of_a_sector_that_cannot_be_read_costs_what_is_in_it) {
  for (char letter = 'a'; letter < 'i'; ++letter)
    store(letter, 5000);
  open();
  store('i');
  spoil(3);
  ASSERT_FALSE(read_all()) << "not before recovery has seen it";
  open();
  ASSERT_EQ(report.alarms.size(), 1u);
  EXPECT_NE(report.alarms[0].find("can't be read"), std::string::npos)
    << report.alarms[0];
  EXPECT_EQ(report.frames_quarantined, 1u);
  EXPECT_EQ(read_all().value(), "abcfghi");
  store('j');
  EXPECT_EQ(writer->last_sequence(), 10u);
  open();
  EXPECT_TRUE(report.alarms.empty()) << "told once";
  EXPECT_EQ(read_all().value(), "abcfghij");
}

TEST_F(journal_damage, that_cannot_be_read_comes_back_with_the_disk) {
  for (char letter = 'a'; letter < 'i'; ++letter)
    store(letter, 5000);
  open();
  spoil(3);
  open();
  disk.heal();
  EXPECT_EQ(read_all().value(), "abcdefgh") << "nobody had passed it yet";
  ASSERT_TRUE(writer->release(writer->durable_end()));
  EXPECT_FALSE(disk.exists(segment_path("j", ends[0].segment)));
  EXPECT_TRUE(is_kept_whole(ends[0].segment)) << "a reader may have stepped over it";
  open();
  EXPECT_TRUE(report.alarms.empty());
}

TEST_F(journal_damage, that_cannot_be_read_behind_the_last_whole_frame_is_not_cut_off) {
  for (char letter = 'a'; letter < 'e'; ++letter)
    store(letter, 5000);
  spoil(3);
  open();
  EXPECT_EQ(report.alarms.size(), 1u);
  EXPECT_EQ(read_all().value(), "abc");
  const auto segment = disk.open(segment_path("j", ends[0].segment), false);
  EXPECT_GT((*segment)->size().value(), ends[3].offset);
  ASSERT_TRUE(writer->release(writer->durable_end()));
  EXPECT_TRUE(is_kept_whole(ends[0].segment));
}

TEST_F(journal_damage, of_one_copy_of_a_header_that_cannot_be_read_costs_nothing) {
  for (const auto offset : header_copies) {
    store('a');
    disk.spoil(segment_path("j", ends.back().segment), offset, offset + direct_block);
    open();
    EXPECT_TRUE(report.alarms.empty());
    EXPECT_EQ(read_all().value(), std::string(ends.size(), 'a'));
  }
}

// A disk that can't be reached has lost nothing.
TEST_F(journal_damage, is_not_what_a_disk_has_of_which_nothing_can_be_read) {
  store('a');
  open();
  store('b');
  writer.reset();
  const auto refused = [&] {
    const auto before = disk.list("j").value();
    const auto opened = journal_writer::open(config, disk, clock, 0, report);
    EXPECT_FALSE(opened);
    EXPECT_EQ(disk.list("j").value(), before);
    EXPECT_TRUE(report.alarms.empty());
  };
  disk.faults.unreadable = true;
  refused();
  disk.faults.unreadable = false;
  for (const auto& end : ends) { // and no one file either
    disk.spoil(segment_path("j", end.segment), 0, config.segment_bytes);
    refused();
    disk.heal();
  }
  open();
  EXPECT_EQ(read_all().value(), "ab");
}

TEST_F(journal_damage, is_not_what_goes_while_it_is_looked_at) {
  store('a');
  open();
  for (uint64_t reads = 0; reads < 12; ++reads) {
    writer.reset();
    disk.faults.reads_until_unreadable = static_cast<int>(reads);
    const auto opened = journal_writer::open(config, disk, clock, 0, report);
    EXPECT_TRUE(report.alarms.empty()) << reads << ": " << report.alarms.front();
    disk.faults = {};
  }
  open();
  EXPECT_EQ(read_all().value(), "a");
}

TEST_F(journal_damage, is_not_what_more_than_some_bad_sectors_make_of_a_segment) {
  config = small_journal(uint64_t{4} << 20, 8);
  open();
  for (char letter = 'a'; letter < 'e'; ++letter)
    store(letter, 500'000);
  writer.reset();
  disk.spoil(segment_path("j", ends[0].segment), ends[0].offset, ends[3].offset);
  EXPECT_FALSE(journal_writer::open(config, disk, clock, 0, report));
  EXPECT_TRUE(report.alarms.empty());
}

TEST_F(journal_damage, that_leaves_zeros_before_the_durable_end_stops_the_reader) {
  for (const char letter : {'a', 'b', 'c', 'd'})
    store(letter);
  const auto segment = disk.open(segment_path("j", ends[0].segment), true);
  ASSERT_TRUE((*segment)->write_at(
    ends[1].offset, std::vector<std::byte>(ends[3].offset - ends[1].offset)));
  const auto read = read_all(ends[1]);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ec::journal_corrupt);
}

TEST_F(journal_damage, that_ends_a_file_before_the_durable_end_stops_the_reader) {
  for (const char letter : {'a', 'b', 'c'})
    store(letter);
  const auto shorten = [&](journal_position to) {
    const auto segment = disk.open(segment_path("j", to.segment), true);
    ASSERT_TRUE((*segment)->truncate(to.offset));
  };
  shorten(ends[1]);
  for (const auto from : {journal_position{}, ends[1], ends[2]}) {
    const auto read = read_all(from);
    EXPECT_EQ(read.has_value(), from == ends[2]);
    EXPECT_TRUE(read || read.error().code == ec::journal_corrupt);
  }
  open();
  EXPECT_EQ(read_all().value(), "ab") << "where the end was nobody knows any more";
  store('d');
  open();
  shorten(ends[0]);
  EXPECT_FALSE(read_all()) << "the header of the next one says where it ended";
  open();
  EXPECT_EQ(report.alarms.size(), 1u);
  EXPECT_EQ(read_all().value(), "ad");
  EXPECT_EQ(read_all(ends[0]).value(), "d");
  EXPECT_EQ(read_all(ends[1]).value(), "d");
}

namespace {

/// Segments of one record each: the reader of `journal_damage` is behind by all of them.
struct journal_damage_between : journal_damage {
  void SetUp() override {
    journal_damage::SetUp();
    for (const char letter : {'a', 'b', 'c', 'd'})
      store(letter, 40'000);
    ASSERT_EQ(ends[3].segment, 4u);
  }
  void expect_stop() {
    const auto read = read_all();
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ec::journal_corrupt);
  }
};

} // namespace

TEST_F(journal_damage_between, of_both_copies_of_a_header_stops_the_reader_as_well) {
  for (const auto offset : header_copies)
    ASSERT_TRUE(disk.rot(segment_path("j", 2), offset + 20));
  expect_stop();
  open();
  EXPECT_EQ(report.alarms.size(), 1u);
  EXPECT_EQ(read_all().value(), "acd");
}

TEST_F(journal_damage_between, that_has_taken_a_segment_stops_the_reader) {
  ASSERT_TRUE(disk.remove(segment_path("j", 2)));
  expect_stop();
  open();
  EXPECT_EQ(report.alarms.size(), 1u);
  EXPECT_EQ(read_all().value(), "acd");
  open();
  EXPECT_TRUE(report.alarms.empty()) << "told once";
  EXPECT_EQ(read_all().value(), "acd");
}

TEST_F(journal_damage_between, that_has_made_a_segment_blank_stops_the_reader) {
  for (const uint64_t number : {4, 2}) {
    const auto segment = disk.open(segment_path("j", number), true);
    ASSERT_TRUE((*segment)->write_at(0, std::vector<std::byte>(65'536)));
    expect_stop();
  }
}

TEST_F(journal_damage_between, that_took_the_oldest_segments_stops_nobody) {
  ASSERT_TRUE(disk.remove(segment_path("j", 1)));
  ASSERT_TRUE(disk.remove(segment_path("j", 2)));
  EXPECT_EQ(read_all().value(), "cd");
  EXPECT_EQ(read_all(ends[0]).value(), "cd")
    << "no restart could tell that they are missed";
  open();
  EXPECT_EQ(read_all(ends[0]).value(), "cd");
}
