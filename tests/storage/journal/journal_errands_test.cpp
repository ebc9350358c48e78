// Segments made ahead and deleted by errands: late, failed, cut off by a crash.
#include "storage/journal/journal.hpp"
#include "storage/journal/segment.hpp"
#include "tests/storage/files/simulated_disk.hpp"
#include "tests/storage/journal/batches.hpp"
#include "tests/storage/journal/held_errands.hpp"

#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

using namespace weir;

namespace {

struct journal_errands_test : ::testing::Test {
  simulated_disk disk;
  manual_clock clock;
  std::shared_ptr<held_errands> errands = std::make_shared<held_errands>();
  journal_config config = [this] {
    auto made = small_journal(uint64_t{64} << 10, 8);
    made.errands = errands;
    return made;
  }();
  recovery_report report;
  std::unique_ptr<journal_writer> writer;
  uint64_t next_key = 0;

  void open() {
    auto opened = journal_writer::open(config, disk, clock, 0, report);
    ASSERT_TRUE(opened) << opened.error().text;
    writer = std::move(*opened);
  }
  ec store_one(size_t bytes = 15'000) {
    writer->add(simple_batch({1, ++next_key}, {std::string(bytes, 'x')}));
    return writer->commit().back()->parts.back().outcome;
  }
  std::vector<uint64_t> segments() { return list_segments("j", disk).value(); }
  uint64_t current() { return writer->durable_end().segment; }
  /// Begins the next segment; the one ahead of it is not made yet.
  void pass_into_next() {
    for (const auto here = current(); current() == here;)
      ASSERT_EQ(store_one(), ec::none);
  }
  /// Some segments that a reader has passed.
  void fill() {
    open();
    for (int i = 0; i < 4; ++i)
      pass_into_next();
    ASSERT_FALSE(errands->holds());
  }
};

} // namespace

TEST_F(journal_errands_test, commits_go_on_while_the_next_segment_is_made) {
  open();
  pass_into_next();
  ASSERT_TRUE(writer->prepare());
  ASSERT_TRUE(errands->holds());
  EXPECT_EQ(segments().back(), current()) << "it was made here";
  EXPECT_EQ(store_one(), ec::none);
  ASSERT_TRUE(writer->prepare());
  EXPECT_EQ(errands->sent, 1u) << "one is enough";
  errands->finish();
  const auto ahead = segments().back();
  pass_into_next();
  EXPECT_EQ(current(), ahead);
  EXPECT_EQ(errands->waited_for, 0u);
}

TEST_F(journal_errands_test, what_somebody_else_has_removed_is_deleted) {
  fill();
  const auto held = writer->bytes_on_disk();
  ASSERT_TRUE(disk.remove(segment_path("j", 1)));
  ASSERT_TRUE(writer->release(writer->durable_end()));
  errands->finish();
  EXPECT_TRUE(writer->release(writer->durable_end()));
  errands->finish();
  ASSERT_TRUE(writer->release(writer->durable_end()));
  EXPECT_EQ(writer->bytes_on_disk(), held - 2 * config.segment_bytes);
}

TEST_F(journal_errands_test,
       a_segment_made_in_vain_that_somebody_else_has_removed_counts_no_more) {
  open();
  pass_into_next();
  const auto held = writer->bytes_on_disk();
  ASSERT_TRUE(writer->prepare());
  disk.faults.syncs_until_error = 0;
  disk.faults.operations_until_dead = 3; // behind the sync: it can't be removed
  errands->finish();
  ASSERT_FALSE(writer->prepare());
  ASSERT_GT(writer->bytes_on_disk(), held);
  disk.faults = {};
  ASSERT_TRUE(disk.remove(segment_path("j", segments().back())));
  ASSERT_TRUE(writer->prepare());
  EXPECT_EQ(writer->bytes_on_disk(), held + config.segment_bytes) << "the new one";
}

TEST_F(journal_errands_test, when_the_segment_comes_late_the_commit_that_needs_it_waits) {
  open();
  pass_into_next();
  ASSERT_TRUE(writer->prepare());
  pass_into_next();
  EXPECT_EQ(errands->waited_for, 1u);
  EXPECT_EQ(segments().back(), current()) << "no second one was made";
}

TEST_F(journal_errands_test, when_making_it_failed_the_commit_that_needs_it_makes_one) {
  open();
  pass_into_next();
  disk.faults.creates_until_error = 0;
  ASSERT_TRUE(writer->prepare());
  pass_into_next();
  EXPECT_EQ(errands->waited_for, 1u);
  EXPECT_TRUE(writer->prepare()) << "what came right in the end is not told";
}

TEST_F(journal_errands_test,
       when_making_it_failed_that_is_told_once_and_nothing_is_left) {
  open();
  pass_into_next();
  const auto before = writer->bytes_on_disk();
  for (auto* fault : {&disk.faults.creates_until_error, &disk.faults.syncs_until_error,
                      &disk.faults.directory_syncs_until_error}) {
    *fault = 0;
    ASSERT_TRUE(writer->prepare());
    EXPECT_GT(writer->bytes_on_disk(), before) << "it counts as soon as it may be there";
    errands->finish();
    const auto told = writer->prepare();
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().code, ec::io_failed);
    EXPECT_FALSE(errands->holds()) << "the next try is the caller's to choose";
    EXPECT_EQ(writer->bytes_on_disk(), before);
    EXPECT_EQ(segments().back(), current());
  }
  ASSERT_TRUE(writer->prepare());
  errands->finish();
  EXPECT_TRUE(writer->prepare());
  EXPECT_EQ(errands->sent, 4u);
}

TEST_F(journal_errands_test,
       when_a_write_fails_the_segment_that_is_being_made_takes_over) {
  open();
  pass_into_next();
  ASSERT_TRUE(writer->prepare());
  disk.faults.writes_until_error = 0;
  EXPECT_EQ(store_one(), ec::storage_failed);
  EXPECT_EQ(errands->waited_for, 1u);
  EXPECT_EQ(segments().back(), current());
  EXPECT_EQ(store_one(), ec::none);
}

TEST_F(journal_errands_test, segments_are_deleted_one_at_a_time_and_count_until_gone) {
  fill();
  const auto all = segments();
  const auto before = writer->bytes_on_disk();
  for (size_t gone = 0; all[gone] < current(); ++gone) {
    ASSERT_TRUE(writer->release(writer->durable_end()));
    ASSERT_TRUE(writer->release(writer->durable_end())) << "asked again meanwhile";
    EXPECT_EQ(errands->sent, gone + 1);
    EXPECT_EQ(segments().front(), all[gone]);
    EXPECT_EQ(writer->bytes_on_disk(), before - gone * config.segment_bytes);
    errands->finish();
    EXPECT_EQ(segments().front(), all[gone + 1]);
  }
  ASSERT_TRUE(writer->release(writer->durable_end()));
  EXPECT_FALSE(errands->holds());
}

TEST_F(journal_errands_test, when_a_segment_stays_that_is_told_and_tried_again) {
  fill();
  const auto all = segments();
  disk.faults.dead = true;
  ASSERT_TRUE(writer->release(writer->durable_end()));
  errands->finish();
  disk.faults.dead = false;
  EXPECT_FALSE(writer->release(writer->durable_end()));
  EXPECT_EQ(segments(), all);
  ASSERT_TRUE(writer->release(writer->durable_end()));
  errands->finish();
  EXPECT_EQ(segments().front(), all[1]);
}

TEST_F(journal_errands_test, when_a_commit_needs_a_segment_it_waits_for_a_deletion_too) {
  fill();
  ASSERT_TRUE(writer->release(writer->durable_end()));
  const auto first = segments().front();
  pass_into_next();
  EXPECT_EQ(errands->waited_for, 1u);
  EXPECT_GT(segments().front(), first);
}

TEST_F(journal_errands_test, a_segment_that_is_there_is_begun_beside_a_deletion) {
  fill();
  ASSERT_TRUE(writer->prepare());
  errands->finish();
  ASSERT_TRUE(writer->release(writer->durable_end()));
  pass_into_next();
  EXPECT_EQ(errands->waited_for, 0u);
  EXPECT_TRUE(errands->holds());
}

TEST_F(journal_errands_test, when_it_was_full_it_opens_once_deletions_made_room_for_one) {
  open();
  while (store_one() == ec::none)
    ;
  ASSERT_TRUE(writer->full());
  int calls = 0;
  for (; writer->full() && calls < 20; ++calls) {
    ASSERT_TRUE(writer->release(writer->durable_end()));
    errands->finish();
  }
  EXPECT_LT(calls, 20);
  EXPECT_EQ(store_one(), ec::none);
  EXPECT_LE(disk.used_bytes(), config.bytes_max);
}

TEST_F(journal_errands_test, when_the_disk_is_full_that_is_told_and_passes) {
  open();
  pass_into_next();
  disk.faults.quota_bytes = disk.used_bytes();
  ASSERT_TRUE(writer->prepare());
  errands->finish();
  EXPECT_EQ(writer->prepare().error().code, ec::journal_full);
  EXPECT_TRUE(writer->full());
  disk.faults.quota_bytes = UINT64_MAX;
  EXPECT_TRUE(writer->retry()) << "which waits for its outcome";
  EXPECT_FALSE(writer->full());
  EXPECT_FALSE(errands->holds());
}

TEST_F(journal_errands_test, a_writer_goes_after_its_errand_and_the_next_one_counts_on) {
  for (int restart = 0; restart < 3; ++restart) {
    writer.reset();
    open();
    pass_into_next();
    ASSERT_TRUE(writer->prepare());
    const auto last = current();
    writer.reset();
    EXPECT_FALSE(errands->holds()) << "it outlived its writer";
    EXPECT_EQ(segments().back(), last + 1);
    open();
    EXPECT_GT(current(), last + 1) << "a number was given twice";
    EXPECT_NE(segments().front(), last + 1);
    EXPECT_TRUE(report.alarms.empty());
  }
}

TEST_F(journal_errands_test, who_still_reads_in_a_deleted_segment_reads_it_to_its_end) {
  const auto root = std::filesystem::temp_directory_path()
                    / ("weir-errands-" + std::to_string(::getpid()));
  auto& files = posix_file_system();
  config.directory = root.string();
  config.segment_bytes = uint64_t{4} << 20;
  config.bytes_max = 4 * config.segment_bytes;
  auto opened = journal_writer::open(config, files, clock, 0, report);
  ASSERT_TRUE(opened);
  writer = std::move(*opened);
  const auto first = current();
  while (current() == first)
    ASSERT_EQ(store_one(100'000), ec::none);
  auto reader = journal_reader::open(config.directory, files, {});
  ASSERT_EQ((*reader)->read(writer->durable_end(), 1, 1)->size(), 1u);
  ASSERT_TRUE(writer->release(writer->durable_end()));
  errands->finish();
  ASSERT_GT(list_segments(config.directory, files)->front(), first);
  uint64_t frames = 1;
  for (;;) {
    const auto read = (*reader)->read(writer->durable_end(), 1, 1);
    ASSERT_TRUE(read) << read.error().text;
    if (read->empty())
      break;
    ++frames;
  }
  EXPECT_EQ(frames, writer->last_sequence());
  std::filesystem::remove_all(root);
}

TEST_F(journal_errands_test, when_power_goes_during_an_errand_nothing_is_missed) {
  config.bytes_max = 100 * config.segment_bytes;
  for (int operations = 0; operations < 5; ++operations)
    for (const bool making : {true, false}) {
      open();
      pass_into_next(); // its spare is used up
      const auto stored = writer->last_sequence();
      ASSERT_TRUE(making ? writer->prepare() : writer->release(writer->durable_end()));
      ASSERT_TRUE(errands->holds());
      disk.faults.operations_until_dead = operations;
      writer.reset();
      disk.crash();
      open();
      EXPECT_TRUE(report.alarms.empty()) << report.alarms.front();
      EXPECT_EQ(writer->last_sequence(), stored);
      EXPECT_EQ(store_one(), ec::none);
      writer.reset();
    }
}
