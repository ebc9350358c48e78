// What recovery makes of damaged files.
#include "storage/journal/codec.hpp"
#include "storage/journal/journal.hpp"
#include "storage/journal/segment.hpp"
#include "tests/storage/files/simulated_disk.hpp"
#include "tests/storage/journal/batches.hpp"

#include <gtest/gtest.h>

using namespace weir;

namespace {

struct journal_damage : ::testing::Test {
  simulated_disk disk;
  manual_clock clock;
  journal_config config;
  recovery_report report;
  std::unique_ptr<journal_writer> writer;
  std::vector<journal_position> ends; ///< behind each record

  void SetUp() override {
    config = small_journal(uint64_t{64} << 10, 20);
    open();
  }
  void open() {
    writer.reset();
    auto opened = journal_writer::open(config, disk, clock, 0, report);
    ASSERT_TRUE(opened) << opened.error().text;
    writer = std::move(*opened);
  }
  void store(char letter, size_t size = 1000) {
    writer->add(simple_batch({1, ends.size() + 1}, {std::string(size, letter)}));
    ASSERT_EQ(writer->commit()[0]->parts[0].outcome, ec::none);
    ends.push_back(writer->durable_end());
  }
  /// One bit in the middle of the record stored as number `index`.
  void damage(size_t index) {
    ASSERT_TRUE(
      disk.rot(segment_path("j", ends[index].segment), ends[index].offset - 500));
  }
  /// The block in which the record stored as number `index` ends can't be read any more.
  void spoil(size_t index) {
    const auto block = (ends[index].offset - 1) / direct_block * direct_block;
    disk.spoil(segment_path("j", ends[index].segment), block, block + direct_block);
  }
  bool is_kept_whole(uint64_t segment) {
    return disk.exists(corrupt_path("j", segment, 0));
  }
  result<std::string> read_all(journal_position from = {}) {
    auto reader = journal_reader::open("j", disk, from);
    std::string letters;
    for (;;) {
      const auto frames = (*reader)->read(writer->durable_end(), 2, 100'000);
      if (!frames)
        return tl::unexpected{frames.error()};
      if (frames->empty())
        return letters;
      for (const auto& frame : *frames)
        for (const auto& record : frame.records)
          letters += record.front();
    }
  }
};

} // namespace

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

namespace {

/// Parts of one keyed request, one record each; `neighbour` is somebody else's.
struct torn_commit : journal_damage {
  static constexpr batch_key request{7, 7};
  batch_ptr part(uint64_t base, char letter) {
    batch_builder build;
    build.part(continued_key(request, base), true, 100 + base)
      .record(std::string(1000, letter));
    auto& made = build.source().parts.back();
    made.request = 7;
    made.record_base = base;
    return build.done();
  }
  void store_in_one_commit(std::initializer_list<batch_ptr> batches) {
    for (const auto& batch : batches)
      writer->add(batch);
    for (const auto& receipt : writer->commit()) {
      ASSERT_EQ(receipt->parts[0].outcome, ec::none);
      ends.push_back({writer->durable_end()});
    }
  }
  void store_first_then(std::initializer_list<batch_ptr> batches) {
    store_in_one_commit({part(0, 'a')});
    first_end_ = writer->durable_end().offset;
    store_in_one_commit(batches);
  }
  /// The frame of 1,000 bytes that is number `index` in the last commit.
  void tear(uint64_t index) {
    ASSERT_TRUE(disk.rot(segment_path("j", writer->durable_end().segment),
                         first_end_ + index * 1104 + 600));
  }
  bool is_duplicate(const batch_ptr& batch) {
    writer->add(batch);
    const auto receipts = writer->commit();
    EXPECT_EQ(receipts[0]->parts[0].outcome, ec::none);
    return receipts[0]->parts[0].duplicate;
  }

 private:
  uint64_t first_end_ = 0;
};

} // namespace

// A repeat finds what is stored of its body from the beginning on, up to the first gap.
TEST_F(torn_commit, keeps_no_part_of_a_request_without_the_one_before) {
  const auto neighbour = simple_batch({9, 9}, {std::string(1000, 'n')});
  store_first_then({part(1, 'b'), part(2, 'c'), neighbour, part(3, 'd')});
  tear(0);
  for (int start = 0; start < 2; ++start) {
    open();
    EXPECT_EQ(read_all().value(), "an") << "start " << start;
    EXPECT_EQ(report.frames, 2u);
  }
  EXPECT_TRUE(is_duplicate(part(0, 'a')));
  EXPECT_FALSE(is_duplicate(part(1, 'b')));
  EXPECT_FALSE(is_duplicate(part(2, 'c')));
  EXPECT_FALSE(is_duplicate(part(3, 'd')));
  EXPECT_EQ(read_all().value(), "anbcd");
}

TEST_F(torn_commit, gives_no_record_a_number_that_a_dropped_one_had) {
  store_first_then({part(1, 'b'), part(2, 'c')});
  const auto before = writer->last_sequence();
  tear(0);
  open();
  EXPECT_EQ(read_all().value(), "a");
  EXPECT_GE(writer->last_sequence(), before);
}

TEST_F(torn_commit, keeps_what_was_dropped_in_a_copy_and_says_so) {
  store_first_then({part(1, 'b'), part(2, 'c')});
  tear(0);
  open();
  ASSERT_EQ(report.alarms.size(), 1u);
  const auto path = report.alarms[0].substr(report.alarms[0].find("kept as ") + 8);
  const auto copy = disk.open(path.substr(0, path.find(' ')), false);
  ASSERT_TRUE(copy) << report.alarms[0];
  std::vector<std::byte> bytes(4096);
  const auto size = (*copy)->read_at(0, bytes).value();
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), size};
  EXPECT_NE(text.find(std::string(1000, 'c')), text.npos);
}

TEST_F(torn_commit,
       costs_nothing_where_the_part_before_is_older_or_another_commit_follows) {
  store_first_then({part(1, 'b'), part(2, 'c')});
  store('z'); // so those above were durable
  tear(0);
  open();
  EXPECT_EQ(read_all().value(), "acz");
}
