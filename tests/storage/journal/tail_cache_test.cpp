// Readers that take frames from memory, beside readers that take them from the disk. The
// random runs are named by their seed; WEIR_SEED=n runs one alone.
#include "storage/journal/tail_cache.hpp"

#include "storage/journal/journal.hpp"
#include "storage/journal/segment.hpp"
#include "tests/storage/files/simulated_disk.hpp"
#include "tests/storage/journal/batches.hpp"
#include "tests/storage/sinks/sink_frames.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

using namespace weir;

namespace {

constexpr size_t cache_bytes = size_t{1} << 20;

/// What a frame says, kept when its views are gone.
std::string told(const frame_view& frame) {
  std::string all = std::to_string(frame.first_sequence) + "@"
                    + std::to_string(frame.next.segment) + ":"
                    + std::to_string(frame.next.offset);
  for (const auto& record : frame.records)
    all.append(" ").append(record);
  for (const auto& letter : frame.dead_letters)
    all.append(" !").append(letter.body);
  return all;
}

std::vector<std::string> told(const std::vector<frame_view>& frames) {
  std::vector<std::string> all;
  for (const auto& frame : frames)
    all.push_back(told(frame));
  return all;
}

struct tail_cache_test : ::testing::Test {
  simulated_disk disk;
  manual_clock clock;
  std::shared_ptr<journal_tail_cache> cache = journal_tail_cache::make(cache_bytes);
  std::unique_ptr<journal_writer> writer;
  uint64_t next_key = 0;

  tail_cache_test() { open(); }

  void open() {
    writer.reset();
    auto config = small_journal(uint64_t{512} << 10, 64);
    config.tail = cache;
    recovery_report report;
    auto opened = journal_writer::open(config, disk, clock, 0, report);
    ASSERT_TRUE(opened) << opened.error().text;
    writer = std::move(*opened);
  }
  std::unique_ptr<journal_reader> reader_from(journal_position from, bool with_cache) {
    return journal_reader::open("j", disk, from, with_cache ? cache : nullptr).value();
  }
  void add(const std::string& body) {
    writer->add(simple_batch({1, ++next_key}, {body}));
  }
  ec store(const std::string& body) {
    add(body);
    return writer->commit().back()->parts.back().outcome;
  }
  /// Everything from `from` on, in small steps.
  std::vector<std::string> read_all(journal_position from, bool with_cache) {
    const auto reader = reader_from(from, with_cache);
    std::vector<std::string> all;
    for (;;) {
      const auto frames = reader->read(writer->durable_end(), 3, 100'000);
      EXPECT_TRUE(frames) << frames.error().text;
      if (!frames || frames->empty())
        return all;
      for (auto& frame : told(*frames))
        all.push_back(std::move(frame));
    }
  }
};

/// A writer on a disk that fails now and then, and a reader that now and then lags.
struct random_run : tail_cache_test {
  std::unique_ptr<random_source> random;
  std::vector<journal_position> ends; ///< where commits end
  std::vector<std::string> taken;     ///< by the reader
  uint64_t pick(uint64_t below) { return random->next() % below; }
  void TestBody() override {}

  void commit() {
    for (auto frames = 1 + pick(6); frames > 0; --frames)
      add(std::string(1 + pick(pick(5) == 0 ? 90'000 : 900),
                      static_cast<char>('a' + pick(26))));
    if (pick(12) == 0)
      (pick(2) == 0 ? disk.faults.syncs_until_error : disk.faults.writes_until_error) =
        static_cast<int>(pick(3));
    (void)writer->commit();
    if (writer->failed())
      (void)writer->retry();
    disk.faults = {};
    ends.push_back(writer->durable_end());
  }

  void read(journal_reader& reader) {
    const auto until = pick(4) == 0 ? ends[pick(ends.size())] : ends.back();
    const auto records_max = 1 + pick(20);
    const auto bytes_max = 1 + pick(200'000);
    const auto before = reader.position();
    const auto frames = reader.read(until, records_max, bytes_max);
    ASSERT_TRUE(frames) << frames.error().text;
    EXPECT_TRUE(frames->empty() || reader.position() <= until);
    uint64_t records = 0;
    for (const auto& frame : *frames) {
      records += frame.records.size();
      EXPECT_EQ(frame.next.segment, frames->front().next.segment);
      taken.push_back(told(frame));
    }
    EXPECT_TRUE(frames->size() <= 1 || records <= records_max);
    if (frames->empty() && before < until && reader.position().segment == until.segment) {
      EXPECT_GE(reader.position(), until)
        << "it gives at least one frame if there is any";
    }
  }

  void run(uint64_t seed) {
    random = std::make_unique<random_source>(seed);
    const auto reader = reader_from({}, true);
    for (auto steps = 20 + pick(60); steps > 0 && !HasFailure(); --steps) {
      if (pick(3) != 0 || ends.empty())
        commit();
      else
        read(*reader);
      EXPECT_LE(cache->bytes(), cache_bytes);
    }
    while (!HasFailure() && reader->position() < writer->durable_end()) {
      const auto frames = reader->read(writer->durable_end(), 7, 50'000);
      ASSERT_TRUE(frames) << frames.error().text;
      for (const auto& frame : *frames)
        taken.push_back(told(frame));
      if (frames->empty())
        break;
    }
    EXPECT_EQ(taken, read_all({}, false));
  }
};

} // namespace

TEST(tail_cache_runs, give_from_memory_what_is_in_the_file) {
  const auto* const only = std::getenv("WEIR_SEED");
  const uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  for (uint64_t seed = first; seed < first + (only != nullptr ? 1 : 300); ++seed) {
    random_run run;
    run.run(seed);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "WEIR_SEED=" << seed;
  }
}

TEST_F(tail_cache_test,
       a_reader_that_keeps_up_reads_no_file_and_one_that_does_finds_damage) {
  ASSERT_EQ(store("a"), ec::none);
  const auto from = reader_from({}, false);
  ASSERT_EQ(from->read(writer->durable_end(), 1, 1)->size(), 1u);
  const auto place = from->position();
  ASSERT_EQ(store("b"), ec::none);
  ASSERT_TRUE(disk.rot(segment_path("j", place.segment), place.offset + 20));
  EXPECT_EQ(reader_from(place, false)->read(writer->durable_end(), 9, 9999).error().code,
            ec::journal_corrupt);
  const auto reader = reader_from(place, true);
  EXPECT_EQ(reader->read(writer->durable_end(), 9, 9999)->front().records[0], "b");
  ASSERT_TRUE(writer->release(writer->durable_end()));
  EXPECT_EQ(reader_from(place, true)->read(writer->durable_end(), 9, 9999).error().code,
            ec::journal_corrupt)
    << "every reader has passed it: it is forgotten";
}

TEST_F(tail_cache_test, limits_hold_across_groups_and_blocks) {
  const auto start = writer->durable_end();
  for (int i = 0; i < 4; ++i)
    ASSERT_EQ(store(std::string(100'000, 'x')), ec::none);
  const auto reader = reader_from(start, true);
  const auto until = writer->durable_end();
  EXPECT_EQ(reader->read(until, 1, 1)->size(), 1u);
  EXPECT_EQ(reader->read({until.segment, until.offset - 1}, 2, 900'000)->size(), 2u);
  EXPECT_EQ(reader->read(until, 9, 900'000)->size(), 1u);
  EXPECT_TRUE(reader->read(until, 9, 900'000)->empty());
  EXPECT_EQ(reader->position(), until);
}

TEST_F(tail_cache_test, of_a_commit_that_failed_nothing_is_there) {
  ASSERT_EQ(store("a"), ec::none);
  for (auto* countdown :
       {&disk.faults.syncs_until_error, &disk.faults.writes_until_error}) {
    const auto end = writer->durable_end();
    *countdown = 0;
    EXPECT_EQ(store("refused"), ec::storage_failed);
    EXPECT_FALSE(cache->at(end));
    ASSERT_EQ(store("b"), ec::none);
  }
  EXPECT_EQ(read_all({}, true).size(), 3u);
  EXPECT_EQ(read_all({}, true), read_all({}, false));
}

TEST_F(tail_cache_test, views_stay_valid_while_the_writer_goes_on) {
  const auto start = writer->durable_end();
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(store(std::string(100'000, 'x')), ec::none);
  const auto reader = reader_from(start, true);
  const auto frames = reader->read(writer->durable_end(), 9, 900'000).value();
  ASSERT_EQ(frames.size(), 3u);
  const auto before = told(frames);
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(store(std::string(100'000, 'y')), ec::none);
    ASSERT_TRUE(writer->release(writer->durable_end()));
  }
  EXPECT_EQ(told(frames), before);
}

TEST_F(tail_cache_test, the_next_writer_does_not_show_what_the_one_before_wrote) {
  ASSERT_EQ(store("of the first disk"), ec::none);
  const auto first = writer->durable_end();
  writer.reset();
  disk.lose_everything(); // its segments have the same numbers again
  open();
  EXPECT_FALSE(cache->at({first.segment, frames_begin}));
  ASSERT_EQ(store("of the other disk"), ec::none);
  ASSERT_EQ(writer->durable_end(), first);
  EXPECT_EQ(read_all({first.segment, frames_begin}, true), read_all({}, false));
}

TEST_F(tail_cache_test, a_place_inside_a_frame_is_left_to_the_file) {
  const auto start = writer->durable_end();
  ASSERT_EQ(store(std::string(1000, 'x')), ec::none);
  const journal_position inside{start.segment, start.offset + 8};
  ASSERT_TRUE(cache->at(inside));
  EXPECT_EQ(reader_from(inside, true)->read(writer->durable_end(), 9, 9999).error().code,
            ec::journal_corrupt);
}

TEST_F(tail_cache_test, a_group_beyond_half_of_it_is_read_from_the_file) {
  const auto start = writer->durable_end();
  for (int i = 0; i < 4; ++i)
    add(std::string(200'000, static_cast<char>('a' + i)));
  (void)writer->commit();
  EXPECT_LE(cache->bytes(), cache_bytes / 2);
  EXPECT_TRUE(cache->at(start));
  const auto end = writer->durable_end();
  EXPECT_FALSE(cache->at({end.segment, end.offset - 8}));
  EXPECT_EQ(read_all(start, true), read_all({}, false));
}

TEST_F(tail_cache_test, blocks_are_used_again_once_nobody_holds_them) {
  const auto reader = reader_from(writer->durable_end(), true);
  std::set<const tail_block*> blocks;
  for (int i = 0; i < 100; ++i) {
    const auto before = writer->durable_end();
    ASSERT_EQ(store(std::string(100'000, 'x')), ec::none);
    if (const auto run = cache->at(before))
      blocks.insert(run->block.get());
    (void)reader->read(writer->durable_end(), 9, 900'000).value();
    ASSERT_TRUE(writer->release(reader->position()));
  }
  EXPECT_LE(blocks.size(), 3u);
}

// For the thread sanitizer above all.
TEST(tail_cache_threads,
     a_reader_beside_the_writer_finds_every_record_once_and_in_order) {
  const sink_test::scratch_directory directory;
  const manual_clock clock;
  auto config = small_journal(uint64_t{512} << 10, 64);
  config.directory = directory / "j";
  config.tail = journal_tail_cache::make(cache_bytes);
  recovery_report report;
  const auto writer =
    journal_writer::open(config, posix_file_system(), clock, 0, report).value();
  std::mutex mutex;
  journal_position durable;
  std::atomic<bool> written{false};
  uint64_t read = 0;
  std::thread beside{[&] {
    const auto reader =
      journal_reader::open(config.directory, posix_file_system(), {}, config.tail)
        .value();
    for (bool last = false; !last;) {
      last = written;
      const auto until = [&] {
        const std::lock_guard lock{mutex};
        return durable;
      }();
      while (reader->position() < until) {
        const auto frames = reader->read(until, 10, 100'000).value();
        ASSERT_FALSE(frames.empty());
        for (const auto& frame : frames)
          ASSERT_EQ(frame.records[0].substr(0, 8), std::to_string(10'000'000 + read++));
      }
    }
  }};
  for (uint64_t i = 0; i < 300; ++i) {
    const auto name = std::to_string(10'000'000 + i);
    writer->add(simple_batch({1, i + 1}, {name + std::string(i * 100, 'x')}));
    (void)writer->commit();
    const std::lock_guard lock{mutex};
    durable = writer->durable_end();
  }
  written = true;
  beside.join();
  EXPECT_EQ(read, 300u);
}

TEST_F(tail_cache_test, readers_that_hold_all_of_it_cost_no_more_memory) {
  std::vector<std::unique_ptr<journal_reader>> readers;
  for (int i = 0; i < 20; ++i) {
    const auto start = writer->durable_end();
    ASSERT_EQ(store(std::string(200'000, 'x')), ec::none);
    readers.push_back(reader_from(start, true));
    ASSERT_TRUE(readers.back()->read(writer->durable_end(), 9, 900'000));
    EXPECT_LE(cache->bytes(), cache_bytes);
  }
}
