// One journal at a time: what it answers, what it keeps, what it says of damage.
#include "storage/journal/journal.hpp"
#include "storage/journal/segment.hpp"
#include "tests/storage/files/simulated_disk.hpp"
#include "tests/storage/journal/batches.hpp"

#include <gtest/gtest.h>

using namespace weir;

namespace {

struct journal_test : ::testing::Test {
  simulated_disk disk;
  manual_clock clock;
  journal_config config = small_journal(uint64_t{64} << 10, 8);
  recovery_report report;
  std::unique_ptr<journal_writer> writer;
  uint64_t next_key = 0;

  void open(uint64_t next_sequence_min = 0) {
    writer.reset();
    auto opened = journal_writer::open(config, disk, clock, next_sequence_min, report);
    ASSERT_TRUE(opened) << opened.error().text;
    writer = std::move(*opened);
  }
  part_receipt store(batch_ptr batch) {
    writer->add(std::move(batch));
    const auto receipts = writer->commit();
    return receipts.back()->parts.back();
  }
  part_receipt store_one(const std::string& body) {
    return store(simple_batch({1, ++next_key}, {body}));
  }
  /// The first byte of every record there is, read in small steps.
  std::string read_all(journal_position from = {}) {
    auto reader = journal_reader::open(config.directory, disk, from);
    std::string letters;
    for (;;) {
      const auto frames = (*reader)->read(writer->durable_end(), 3, 4096);
      EXPECT_TRUE(frames) << frames.error().text;
      if (!frames || frames->empty())
        return letters;
      for (const auto& frame : *frames)
        for (const auto& record : frame.records)
          letters += record.front();
    }
  }
  std::vector<uint64_t> segments() { return list_segments("j", disk).value(); }
};

} // namespace

TEST_F(journal_test, numbers_records_without_a_gap_over_parts_batches_and_restarts) {
  open();
  EXPECT_EQ(writer->last_sequence(), 0u);
  batch_builder build;
  build.part({1, 1}).record("a").record("b").part({1, 2}).part({1, 3}).record("c");
  writer->add(build.done());
  const auto receipts = writer->commit();
  ASSERT_EQ(receipts.size(), 1u);
  EXPECT_EQ(receipts[0]->parts[0].last_sequence, 2u);
  EXPECT_EQ(receipts[0]->parts[1].last_sequence, 0u);
  EXPECT_EQ(receipts[0]->parts[1].outcome, ec::none);
  EXPECT_EQ(receipts[0]->parts[2].last_sequence, 3u);
  open();
  EXPECT_EQ(report.frames, 2u);
  EXPECT_EQ(report.records, 3u);
  EXPECT_EQ(writer->last_sequence(), 3u);
  EXPECT_EQ(store(simple_batch({1, 4}, {"d"})).last_sequence, 4u);
  EXPECT_EQ(read_all(), "abcd");
}

TEST_F(journal_test, goes_on_behind_the_number_the_sink_has_reached) {
  open(1000);
  EXPECT_EQ(store_one("a").last_sequence, 1000u);
}

TEST_F(journal_test, answers_a_repeated_key_with_what_was_stored_also_after_a_restart) {
  open();
  batch_builder build;
  build.part({5, 5}, true, 77)
    .record("a")
    .record("b")
    .reject_record(reject::ragged_row, "");
  const auto batch = build.drop(2).done();
  const auto first = store(batch);
  EXPECT_FALSE(first.duplicate);
  for (int restart = 0; restart < 2; ++restart, open()) {
    const auto again = store(batch);
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.outcome, ec::none);
    EXPECT_EQ(again.accepted, 2u);
    EXPECT_EQ(again.rejected, 1u);
    EXPECT_EQ(again.dropped, 2u);
    EXPECT_EQ(again.last_sequence, 2u);
  }
  EXPECT_EQ(read_all(), "ab");
}

TEST_F(journal_test, counts_the_records_that_came_not_their_parts_also_after_a_restart) {
  open();
  const auto batch = batch_builder{}
                       .part({5, 5}, true, 77)
                       .record("a")
                       .further_part("b")
                       .further_part("c")
                       .reject_record(reject::transform_failed, "")
                       .record("d")
                       .further_part("e")
                       .drop(1)
                       .done();
  const auto first = store(batch);
  EXPECT_EQ(first.accepted, 2u);
  EXPECT_EQ(first.last_sequence, 5u) << "each part has a number";
  for (int restart = 0; restart < 2; ++restart, open()) {
    const auto again = store(batch);
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(std::tie(again.accepted, again.rejected, again.dropped),
              std::make_tuple(2u, 1u, 1u));
    EXPECT_EQ(again.last_sequence, 5u);
  }
  EXPECT_EQ(read_all(), "abcde");
  EXPECT_EQ(store_one("f").last_sequence, 6u);
}

TEST_F(journal_test, knows_a_batch_again_after_a_restart_though_its_segment_is_gone) {
  config.recent_keys = make_recent_keys(config, clock);
  open();
  const auto batch = simple_batch({5, 5}, {"a"});
  (void)store(batch);
  open(); // the crash of its actor; a new segment is begun
  ASSERT_TRUE(writer->release(writer->durable_end()));
  open();
  EXPECT_EQ(report.records, 0u) << "nothing on the disk tells of it";
  const auto again = store(batch);
  EXPECT_EQ(again.accepted, 1u);
  EXPECT_EQ(again.last_sequence, 1u);
  EXPECT_EQ(read_all(), "");
}

TEST_F(journal_test, refuses_a_known_key_with_another_body) {
  open();
  (void)store(simple_batch({5, 5}, {"a"}, true, 77));
  const auto other = store(simple_batch({5, 5}, {"b"}, true, 78));
  EXPECT_EQ(other.outcome, ec::key_reused);
  EXPECT_EQ(other.accepted, 0u);
  EXPECT_EQ(read_all(), "a");
}

TEST_F(journal_test, answers_a_key_met_twice_in_one_group_also_if_it_remembers_none) {
  config.keys_max = config.recent_keys_max = 0;
  for (const bool keyed : {true, false}) {
    open();
    const batch_key key{5, keyed ? 5u : 6u};
    for (int i = 0; i < 2; ++i) {
      batch_builder build;
      build.part(key, keyed, 77)
        .record("a")
        .record("b")
        .reject_record(reject::ragged_row, "");
      writer->add(build.drop(3).done());
    }
    const auto receipts = writer->commit();
    const auto& first = receipts[0]->parts[0];
    const auto& again = receipts[1]->parts[0];
    EXPECT_EQ(again.outcome, ec::none);
    EXPECT_EQ(again.duplicate, keyed);
    EXPECT_EQ(again.accepted, 2u);
    EXPECT_EQ(again.rejected, 1u);
    EXPECT_EQ(again.dropped, 3u);
    EXPECT_EQ(again.last_sequence, first.last_sequence);
  }
}

TEST_F(journal_test, stores_a_key_met_twice_in_one_group_once) {
  open();
  writer->add(simple_batch({5, 5}, {"a"}, true, 77));
  writer->add(simple_batch({5, 5}, {"a"}, true, 77));
  writer->add(simple_batch({5, 5}, {"b"}, true, 78));
  const auto receipts = writer->commit();
  ASSERT_EQ(receipts.size(), 3u);
  EXPECT_FALSE(receipts[0]->parts[0].duplicate);
  EXPECT_TRUE(receipts[1]->parts[0].duplicate);
  EXPECT_EQ(receipts[1]->parts[0].last_sequence, 1u);
  EXPECT_EQ(receipts[2]->parts[0].outcome, ec::key_reused);
  EXPECT_EQ(read_all(), "a");
}

TEST_F(journal_test, lets_a_repeated_key_share_the_fate_of_the_first_in_its_group) {
  open();
  disk.faults.syncs_until_error = 0;
  writer->add(simple_batch({5, 5}, {"a"}, true, 77));
  writer->add(simple_batch({5, 5}, {"b"}, true, 78));
  for (const auto& receipt : writer->commit())
    EXPECT_EQ(receipt->parts[0].outcome, ec::storage_failed);
  EXPECT_FALSE(store(simple_batch({5, 5}, {"c"}, true, 79)).duplicate)
    << "nothing was remembered";
  EXPECT_EQ(read_all(), "c");
}

TEST_F(journal_test, keeps_a_dead_letter_without_any_record) {
  open();
  batch_builder build;
  build.part({1, 1}).reject_record(reject::quarantined, "poison");
  const auto answer = store(build.done());
  EXPECT_EQ(answer.outcome, ec::none);
  EXPECT_EQ(answer.quarantined, 1u);
  EXPECT_EQ(writer->last_sequence(), 0u);
  auto reader = journal_reader::open("j", disk, {});
  const auto frames = (*reader)->read(writer->durable_end(), 10, 1000);
  ASSERT_EQ(frames->size(), 1u);
  EXPECT_EQ(frames->front().dead_letters.at(0).body, "poison");
}

TEST_F(journal_test, writes_nothing_for_a_part_with_nothing_to_keep) {
  open();
  const auto before = disk.writes;
  batch_builder build;
  build.part({1, 1}, true, 1).reject_record(reject::malformed_json, "").drop(1);
  const auto answer = store(build.done());
  EXPECT_EQ(answer.outcome, ec::none);
  EXPECT_EQ(answer.rejected, 1u);
  EXPECT_EQ(answer.dropped, 1u);
  EXPECT_EQ(disk.writes, before);
}

TEST_F(journal_test, refuses_a_part_no_segment_could_hold_and_takes_the_next) {
  open();
  EXPECT_EQ(store(simple_batch({1, 100}, {std::string(70'000, 'x')})).outcome,
            ec::body_too_large);
  EXPECT_EQ(store_one("a").outcome, ec::none);
}

TEST_F(journal_test, spreads_a_group_larger_than_a_segment_over_several) {
  open();
  std::string expected;
  for (char c = 'a'; c < 'k'; ++c) {
    writer->add(simple_batch({1, ++next_key}, {std::string(20'000, c)}));
    expected += c;
  }
  for (const auto& receipt : writer->commit())
    EXPECT_EQ(receipt->parts[0].outcome, ec::none);
  EXPECT_EQ(read_all(), expected);
  EXPECT_GT(segments().size(), 3u);
  open();
  EXPECT_EQ(read_all(), expected);
}

TEST_F(journal_test, a_small_group_writes_the_blocks_of_those_that_follow) {
  config.segment_bytes = uint64_t{1} << 20;
  config.bytes_max = 2 * config.segment_bytes;
  open();
  const auto bytes_of = [&](const std::string& body) {
    const auto before = disk.bytes_written;
    EXPECT_EQ(store_one(body).outcome, ec::none);
    return disk.bytes_written - before;
  };
  EXPECT_GT(bytes_of("a"), 200'000u) << "the frame, and zeros ahead of it";
  EXPECT_EQ(bytes_of("b"), direct_block);
  EXPECT_EQ(bytes_of("c"), direct_block);
  EXPECT_LT(bytes_of(std::string(300'000, 'd')), 300'000 + 2 * direct_block)
    << "a large group has no use for them";
  EXPECT_GT(bytes_of("e"), 200'000u);
}

TEST_F(journal_test, zeros_ahead_are_the_end_of_a_journal_and_no_damage) {
  open();
  store_one("a");
  store_one("b");
  disk.crash(simulated_disk::loss::rolled_back);
  open();
  EXPECT_TRUE(report.alarms.empty());
  EXPECT_EQ(report.records, 2u);
  EXPECT_EQ(report.bytes_truncated, 0u);
  EXPECT_EQ(store_one("c").outcome, ec::none);
  EXPECT_EQ(read_all(), "abc");
}

TEST_F(journal_test, is_full_at_its_limit_and_reopens_below_the_fraction) {
  config.bytes_max = 4 * config.segment_bytes;
  config.reopen_fraction = 0.5;
  open();
  while (store_one(std::string(15'000, 'x')).outcome == ec::none)
    ASSERT_LT(next_key, 100u);
  EXPECT_TRUE(writer->full());
  EXPECT_FALSE(writer->failed());
  EXPECT_LE(writer->bytes_on_disk(), config.bytes_max);
  EXPECT_EQ(store_one("small").outcome, ec::none)
    << "what fits in the rest still gets in";
  const auto end = writer->durable_end();
  ASSERT_TRUE(writer->release({segments()[1], 8192}));
  EXPECT_TRUE(writer->full()) << "three of four segments are over half";
  ASSERT_TRUE(writer->release(end));
  EXPECT_FALSE(writer->full());
  EXPECT_EQ(store_one(std::string(15'000, 'x')).outcome, ec::none);
}

TEST_F(journal_test, stores_no_part_of_a_body_behind_one_that_failed_in_the_same_group) {
  config = small_journal(64 << 10, 2);
  open();
  while (!writer->full())
    store_one(std::string(5'000, 'x'));
  const auto one = [this](uint64_t request, uint64_t base, size_t bytes) {
    batch_builder build;
    build.part({1, ++next_key}).record(std::string(bytes, 'y'));
    build.source().parts.front().request = request;
    build.source().parts.front().record_base = base;
    return build.done();
  };
  writer->add(one(7, 0, 60'000)); // more than is left
  writer->add(one(7, 1, 10));
  writer->add(one(8, 0, 10));
  const auto receipts = writer->commit();
  ASSERT_EQ(receipts.size(), 3u);
  EXPECT_NE(receipts[0]->parts[0].outcome, ec::none);
  EXPECT_NE(receipts[1]->parts[0].outcome, ec::none);
  EXPECT_EQ(receipts[2]->parts[0].outcome, ec::none) << "it would have fitted";
}

TEST_F(journal_test, tells_of_a_longer_body_all_that_it_has_wherever_it_was_cut) {
  open();
  const batch_key first{3, 4};
  const auto part = [&](uint64_t base, uint32_t records, uint64_t fingerprint) {
    batch_builder build;
    build.part(continued_key(first, base), true, fingerprint);
    for (uint32_t i = 0; i < records; ++i)
      i % 3 == 2 ? build.reject_record(reject::schema_violation, "")
                 : build.record("r" + std::to_string(base + i));
    build.source().parts.front().request = 9;
    build.source().parts.front().record_base = base;
    return build.done();
  };
  store(part(0, 5, 50));
  store(part(5, 4, 90));
  // All of this one is rejected, and the chain does not break there.
  batch_builder bad;
  bad.part(continued_key(first, 9), true, 100).reject_record(reject::malformed_json, "");
  bad.source().parts.front().request = 9;
  bad.source().parts.front().record_base = 9;
  store(bad.done());
  const auto sequence = store(part(10, 2, 120)).last_sequence;
  for (int life = 0; life < 2; ++life, open()) {
    for (const auto& [records, fingerprint] :
         {std::pair{3u, 30u}, {5u, 50u}, {5u, 51u}}) {
      const auto told = store(part(0, records, fingerprint));
      EXPECT_EQ(told.outcome, ec::key_reused);
      EXPECT_EQ(told.known.records, 12u);
      EXPECT_EQ(told.known.fingerprint, 120u);
      EXPECT_EQ(told.known.accepted, 4u + 3u + 2u);
      EXPECT_EQ(told.known.rejected, 1u + 1u + 1u);
      EXPECT_EQ(told.known.last_sequence, sequence);
    }
    const auto again = store(part(5, 4, 90));
    EXPECT_EQ(again.outcome, ec::none);
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(store(part(5, 4, 91)).outcome, ec::key_reused);
  }
}

TEST_F(journal_test,
       knows_what_is_submitted_again_though_it_remembers_no_keys_for_clients) {
  config.keys_max = 0;
  open();
  EXPECT_FALSE(store(simple_batch({5, 5}, {"a"}, true, 1)).duplicate);
  EXPECT_TRUE(store(simple_batch({5, 5}, {"a"}, true, 1)).duplicate);
  EXPECT_EQ(read_all(), "a");
}

TEST_F(journal_test, is_full_on_a_full_disk_and_reopens_when_there_is_space) {
  open();
  disk.faults.quota_bytes = disk.used_bytes();
  while (store_one(std::string(15'000, 'x')).outcome == ec::none)
    ASSERT_LT(next_key, 100u);
  EXPECT_TRUE(writer->full());
  EXPECT_FALSE(writer->retry());
  disk.faults.quota_bytes = UINT64_MAX;
  EXPECT_TRUE(writer->retry());
  EXPECT_FALSE(writer->full());
  EXPECT_EQ(store_one(std::string(15'000, 'x')).outcome, ec::none);
}

TEST_F(journal_test, a_full_disk_reopens_only_when_there_is_more_than_one_segment_free) {
  open();
  disk.faults.quota_bytes = disk.used_bytes();
  while (store_one(std::string(15'000, 'x')).outcome == ec::none)
    ASSERT_LT(next_key, 100u);
  disk.faults.quota_bytes = disk.used_bytes() + config.segment_bytes * 3 / 2;
  EXPECT_FALSE(writer->retry()) << "one segment's worth is others'";
  EXPECT_TRUE(writer->full());
  disk.faults.quota_bytes = disk.used_bytes() + config.segment_bytes * 2;
  EXPECT_TRUE(writer->retry());
  EXPECT_FALSE(writer->full());
}

TEST_F(journal_test, is_full_when_a_write_finds_no_space_and_goes_on_after_a_retry) {
  open();
  ASSERT_EQ(store_one("before").outcome, ec::none);
  disk.faults.writes_find_no_space = true;
  EXPECT_EQ(store_one("refused").outcome, ec::journal_full);
  EXPECT_TRUE(writer->full()) << "else nobody would try again";
  disk.faults.writes_find_no_space = false;
  EXPECT_TRUE(writer->retry());
  EXPECT_FALSE(writer->full());
  EXPECT_EQ(store_one("after").outcome, ec::none);
}

TEST_F(journal_test, what_a_dead_disk_did_not_let_go_does_not_fill_it_for_good) {
  config.bytes_max = 2 * config.segment_bytes;
  open();
  ASSERT_TRUE(writer->prepare());
  EXPECT_EQ(store_one("a").outcome, ec::none);
  for (int times = 0; times < 3; ++times) {
    disk.faults.dead = true;
    EXPECT_NE(store_one("lost").outcome, ec::none);
    EXPECT_FALSE(writer->retry());
    disk.faults.dead = false;
    (void)writer->retry(); // a segment again, though there is no room for one ahead of it
    EXPECT_TRUE(writer->release(writer->durable_end()));
    EXPECT_EQ(store_one("b").outcome, ec::none);
    EXPECT_LE(disk.used_bytes(), config.bytes_max + config.segment_bytes);
  }
}

TEST_F(journal_test, deletes_only_whole_segments_before_the_slowest_reader) {
  open();
  for (int i = 0; i < 12; ++i)
    (void)store_one(std::string(15'000, 'x'));
  const auto all = segments();
  ASSERT_TRUE(writer->release({all[2], 8192}));
  EXPECT_EQ(segments().front(), all[2]);
  ASSERT_TRUE(writer->release({UINT64_MAX, 0}));
  EXPECT_EQ(segments().front(), writer->durable_end().segment) << "never the current one";
}

TEST_F(journal_test, a_reader_whose_segment_is_gone_begins_at_the_first_there_is) {
  open();
  for (char c = 'a'; c < 'm'; ++c)
    (void)store_one(std::string(15'000, c));
  ASSERT_TRUE(writer->release({segments()[1], 8192}));
  EXPECT_EQ(read_all({1, 9000}).back(), 'l');
  EXPECT_EQ(read_all({1, 9000}), read_all());
}

TEST_F(journal_test, a_reader_stays_within_its_limits_but_gives_at_least_one_frame) {
  open();
  for (int i = 0; i < 5; ++i)
    (void)store(simple_batch({1, ++next_key}, {"a", "b"}));
  auto reader = journal_reader::open("j", disk, {});
  EXPECT_EQ((*reader)->read(writer->durable_end(), 1, 1)->size(), 1u);
  EXPECT_EQ((*reader)->read(writer->durable_end(), 4, 100'000)->size(), 2u);
  EXPECT_EQ((*reader)->read(writer->durable_end(), 100, 100'000)->size(), 2u);
  EXPECT_TRUE((*reader)->read(writer->durable_end(), 100, 100'000)->empty());
  EXPECT_EQ((*reader)->position(), writer->durable_end());
}

TEST_F(journal_test, a_reader_follows_the_writer_from_segment_to_segment) {
  open();
  auto reader = journal_reader::open("j", disk, {});
  for (int i = 0; i < 30; ++i) {
    (void)store_one(std::string(9'000, 'x'));
    ASSERT_EQ((*reader)->read(writer->durable_end(), 10, 100'000)->size(), 1u) << i;
    ASSERT_EQ((*reader)->position(), writer->durable_end());
  }
}

TEST_F(journal_test, its_end_is_found_without_a_writer) {
  EXPECT_EQ(journal_end("j", disk).value(), journal_position{});
  open();
  (void)store_one("a");
  EXPECT_EQ(journal_end("j", disk).value(), writer->durable_end());
}

TEST_F(journal_test, refuses_a_configuration_it_can_not_keep) {
  config.segment_bytes = 1000;
  EXPECT_EQ(journal_writer::open(config, disk, clock, 0, report).error().code,
            ec::invalid_config);
  config.segment_bytes = uint64_t{64} << 10;
  config.bytes_max = config.segment_bytes;
  EXPECT_EQ(journal_writer::open(config, disk, clock, 0, report).error().code,
            ec::invalid_config);
}

// A client of the same server reads what it writes, and has only the directory to go by.
TEST_F(journal_test, is_read_by_others_while_segments_are_deleted) {
  open();
  while (writer->durable_end().segment < 4)
    (void)store_one(std::string(30'000, 'x'));
  const auto end = writer->durable_end();
  disk.before_open = [&](const std::string& path) {
    disk.before_open = {};
    EXPECT_EQ(path, segment_path("j", 1));
    ASSERT_TRUE(writer->release({2, frames_begin}));
  };
  const auto found = journal_end("j", disk);
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(*found, end);
  disk.before_open = [&](const std::string& path) {
    disk.before_open = {};
    EXPECT_EQ(path, segment_path("j", 2));
    ASSERT_TRUE(writer->release({3, frames_begin}));
  };
  auto reader = journal_reader::open("j", disk, {});
  const auto frames = (*reader)->read(end, 100, 1'000'000);
  ASSERT_TRUE(frames) << frames.error().text;
  EXPECT_EQ(frames->front().next.segment, 3u);
}

TEST_F(journal_test, takes_no_number_from_a_name_that_no_segment_can_have_had) {
  open();
  (void)store_one("a");
  for (const char* const name :
       {"j/journal-18446744073709551615.wj.x", "j/journal-18446744073709551614.wj"})
    ASSERT_TRUE(disk.create(name));
  open();
  EXPECT_EQ(writer->durable_end().segment, 3u) << "behind the one made ahead";
  EXPECT_EQ(store_one("b").outcome, ec::none);
  EXPECT_EQ(read_all(), "ab");
}
