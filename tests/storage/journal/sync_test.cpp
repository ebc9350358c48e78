// What recovery has done is on the disk before anything relies on it: power may go at once.
#include "storage/journal/codec.hpp"
#include "storage/journal/journal.hpp"
#include "storage/journal/recovery.hpp"
#include "storage/journal/segment.hpp"
#include "tests/storage/files/simulated_disk.hpp"
#include "tests/storage/journal/batches.hpp"

#include <gtest/gtest.h>

using namespace weir;

namespace {

struct journal_world {
  simulated_disk disk;
  manual_clock clock;
  journal_config config = small_journal(uint64_t{64} << 10, 20);
  recovery_report report;
  std::unique_ptr<journal_writer> writer;
  std::vector<journal_position> ends;
  std::vector<uint32_t> epochs; ///< those of the frames that recovery has found

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
  /// Recovery alone: no segment is made behind it, and no directory synced for one.
  recovered_journal recover() {
    writer.reset();
    report = {};
    auto found = recover_journal("j", disk, epochs_of_frames(), report);
    EXPECT_TRUE(found) << found.error().text;
    return found.value_or(recovered_journal{});
  }
  std::function<void(const frame_head&)> epochs_of_frames() {
    epochs.clear();
    return [this](const frame_head& head) { epochs.push_back(head.epoch); };
  }
  void lose_power() {
    writer.reset();
    disk.crash(simulated_disk::loss::rolled_back);
  }
  std::string segment(size_t index) const {
    return segment_path("j", ends[index].segment);
  }
  uint64_t size_of(const std::string& path) {
    auto opened = disk.open(path, false);
    return opened ? (*opened)->size().value_or(0) : 0;
  }
  /// Three records, the middle one with a bit that is wrong.
  void store_damaged() {
    open();
    for (const char letter : {'a', 'b', 'c'})
      store(letter);
    ASSERT_TRUE(disk.rot(segment(1), ends[1].offset - 500));
    writer.reset();
  }
};

struct journal_sync : ::testing::Test, journal_world {};

} // namespace

TEST_F(journal_sync, a_tail_that_was_cut_off_stays_off) {
  open();
  store('a');
  {
    auto tail = disk.open(segment(0), true);
    const std::string torn(96, 'z');
    ASSERT_TRUE((*tail)->write_at(ends[0].offset, std::as_bytes(std::span{torn})));
    ASSERT_TRUE((*tail)->sync_data());
  }
  open();
  EXPECT_EQ(report.bytes_truncated, 96u);
  lose_power();
  EXPECT_EQ(size_of(segment(0)), ends[0].offset);
  open();
  EXPECT_EQ(report.bytes_truncated, 0u) << "told once";
}

TEST_F(journal_sync, a_copy_that_has_its_name_has_all_its_bytes) {
  store_damaged();
  open();
  const auto copy = corrupt_path("j", ends[0].segment, ends[0].offset);
  lose_power();
  ASSERT_TRUE(disk.exists(copy));
  const auto bytes = ends[1].offset - ends[0].offset;
  EXPECT_EQ(size_of(copy), bytes);
  std::vector<std::byte> kept(bytes), whole(bytes);
  ASSERT_TRUE((*disk.open(copy, false))->read_at(0, kept));
  ASSERT_TRUE((*disk.open(segment(0), false))->read_at(ends[0].offset, whole));
  EXPECT_EQ(kept, whole);
}

/// Each operation of the disk may be the last before power goes.
TEST(journal_sync_property, a_copy_is_not_named_before_its_bytes_are_on_the_disk) {
  size_t named = 0;
  for (int operations = 0; operations < 40; ++operations)
    for (uint64_t seed = 1; seed <= 8; ++seed) {
      journal_world world;
      world.disk = simulated_disk{seed};
      world.store_damaged();
      world.disk.faults.operations_until_dead = operations;
      (void)journal_writer::open(world.config, world.disk, world.clock, 0, world.report);
      world.disk.crash(simulated_disk::loss::by_coin);
      const auto copy = corrupt_path("j", world.ends[0].segment, world.ends[0].offset);
      if (!world.disk.exists(copy))
        continue;
      ++named;
      EXPECT_EQ(world.size_of(copy), world.ends[1].offset - world.ends[0].offset)
        << operations << " operations, seed " << seed;
    }
  EXPECT_GT(named, 20u);
}

TEST_F(journal_sync, a_segment_that_was_put_aside_stays_aside) {
  open();
  store('a');
  for (const auto offset : header_copies)
    ASSERT_TRUE(disk.rot(segment(0), offset + 20));
  open();
  ASSERT_EQ(report.alarms.size(), 1u);
  lose_power();
  EXPECT_TRUE(disk.exists(corrupt_path("j", ends[0].segment, 0)));
  EXPECT_FALSE(disk.exists(segment(0)));
  open();
  EXPECT_TRUE(report.alarms.empty()) << "told once";
}

TEST_F(journal_sync, a_gap_is_told_once_over_a_loss_of_power) {
  open();
  store('a');
  open();
  store('b');
  open();
  store('c');
  ASSERT_TRUE(disk.remove(segment(1)));
  ASSERT_TRUE(disk.sync_directory("j"));
  open();
  ASSERT_EQ(report.alarms.size(), 1u);
  lose_power();
  open();
  EXPECT_TRUE(report.alarms.empty());
}

TEST_F(journal_sync, a_segment_that_was_deleted_does_not_come_back) {
  open();
  for (char letter = 'a'; letter < 'z'; ++letter)
    store(letter, 9000);
  ASSERT_GT(ends.back().segment, ends.front().segment);
  ASSERT_TRUE(writer->release(ends.back()));
  lose_power();
  EXPECT_FALSE(disk.exists(segment(0)));
}

TEST_F(journal_sync, a_full_disk_opens_again_with_two_segments_free_and_not_with_one) {
  open();
  const auto fill = [&] {
    for (uint64_t key = 1000; key < 1100; ++key) {
      writer->add(simple_batch({2, key}, {std::string(15'000, 'x')}));
      if (writer->commit()[0]->parts[0].outcome != ec::none)
        return;
    }
    FAIL() << "it is never full";
  };
  disk.faults.quota_bytes = disk.used_bytes();
  fill();
  ASSERT_TRUE(writer->disk_full());
  disk.faults.quota_bytes = disk.used_bytes() + config.segment_bytes;
  (void)writer->retry();
  EXPECT_TRUE(writer->full()) << "one segment's worth is kept free for others";
  disk.faults.quota_bytes = disk.used_bytes() + 2 * config.segment_bytes - 1;
  (void)writer->retry();
  EXPECT_TRUE(writer->full());
  disk.faults.quota_bytes = disk.used_bytes() + 2 * config.segment_bytes;
  EXPECT_TRUE(writer->retry());
  EXPECT_FALSE(writer->full());
}

TEST_F(journal_sync, what_recovery_keeps_has_its_name_when_it_returns) {
  store_damaged();
  recover();
  ASSERT_EQ(report.alarms.size(), 1u);
  lose_power();
  EXPECT_TRUE(disk.exists(corrupt_path("j", ends[0].segment, ends[0].offset)));
  recover();
  EXPECT_TRUE(report.alarms.empty()) << "told once";
}

TEST_F(journal_sync, what_recovery_puts_aside_is_aside_when_it_returns) {
  open();
  store('a');
  recover(); // no blank segment is left, for which the directory would be synced
  for (const auto offset : header_copies)
    ASSERT_TRUE(disk.rot(segment(0), offset + 20));
  recover();
  ASSERT_EQ(report.alarms.size(), 1u);
  lose_power();
  EXPECT_FALSE(disk.exists(segment(0)));
  EXPECT_TRUE(disk.exists(corrupt_path("j", ends[0].segment, 0)));
  recover();
  EXPECT_TRUE(report.alarms.empty()) << "told once";
}

TEST_F(journal_sync, a_blank_segment_that_recovery_removes_does_not_come_back) {
  open();
  store('a');
  ASSERT_TRUE(writer->prepare());
  const auto blank = segment_path("j", ends[0].segment + 1);
  ASSERT_TRUE(disk.exists(blank));
  recover();
  ASSERT_FALSE(disk.exists(blank));
  lose_power();
  EXPECT_FALSE(disk.exists(blank));
}

/// The next one's header says that it was begun.
TEST_F(journal_sync, a_begun_segment_of_which_nothing_is_left_is_told_and_kept) {
  open();
  store('a');
  open();
  store('b');
  writer.reset();
  const auto bytes = size_of(segment(0));
  {
    auto zeroed = disk.open(segment(0), true);
    const std::vector<std::byte> zeros(bytes);
    ASSERT_TRUE((*zeroed)->write_at(0, zeros));
    ASSERT_TRUE((*zeroed)->sync_data());
  }
  recover();
  ASSERT_EQ(report.alarms.size(), 1u);
  EXPECT_NE(report.alarms[0].find("the header"), std::string::npos) << report.alarms[0];
  EXPECT_EQ(size_of(corrupt_path("j", ends[0].segment, 0)), bytes);
}

/// A process was killed between its write and its sync: the bytes are read, and power goes then.
TEST_F(journal_sync, a_tail_that_was_read_is_on_the_disk) {
  open();
  disk.faults.forget_syncs = true;
  store('a');
  writer.reset();
  {
    auto tail = disk.open(segment(0), true);
    ASSERT_TRUE((*tail)->truncate(ends[0].offset)); // there is nothing to cut off
  }
  disk.faults.forget_syncs = false;
  recover();
  ASSERT_EQ(report.records, 1u);
  lose_power();
  recover();
  EXPECT_EQ(report.records, 1u);
}

TEST_F(journal_sync, each_start_has_an_epoch_above_all_before_it) {
  for (const char letter : {'a', 'b', 'c'}) {
    open();
    store(letter);
  }
  EXPECT_EQ(recover().epoch, 3u);
  EXPECT_EQ(epochs, (std::vector<uint32_t>{1, 2, 3}));
}

TEST_F(journal_sync, numbers_go_on_when_all_records_are_deleted) {
  open();
  store('a');
  open();
  ASSERT_TRUE(writer->release(writer->durable_end()));
  EXPECT_FALSE(disk.exists(segment(0)));
  open();
  EXPECT_EQ(report.records, 0u);
  EXPECT_EQ(writer->last_sequence(), 1u);
  store('b');
  EXPECT_EQ(writer->last_sequence(), 2u);
}

TEST_F(journal_sync, no_two_segments_have_one_salt) {
  open();
  store('a');
  open();
  store('b');
  const auto salt = [&](size_t index) {
    auto opened = disk.open(segment(index), false);
    const auto header = read_header("j", **opened, ends[index].segment);
    return header.value().value().salt;
  };
  EXPECT_NE(salt(0), salt(1))
    << "a frame of a deleted one could be taken for a new one's";
}

TEST_F(journal_sync, a_refused_group_costs_no_other_though_the_journal_is_at_its_limit) {
  config = small_journal(uint64_t{64} << 10, 2);
  open();
  store('a', 50'000);
  store('b', 50'000); // the second segment, and no more may be made
  ASSERT_FALSE(writer->prepare());
  disk.faults.writes_until_error = 0;
  writer->add(simple_batch({1, 7}, {std::string(100, 'x')}));
  EXPECT_EQ(writer->commit()[0]->parts[0].outcome, ec::storage_failed);
  store('c', 100);
  open();
  EXPECT_EQ(report.records, 3u);
}
