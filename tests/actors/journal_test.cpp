#include "actors/journal.hpp"

#include "proto/ports.hpp"
#include "storage/journal/segment.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/storage/files/simulated_disk.hpp"
#include "tests/storage/journal/batches.hpp"
#include "tests/storage/journal/held_errands.hpp"

#include <chrono>
#include <filesystem>

#include <unistd.h>

using namespace weir;
using namespace std::chrono_literals;

namespace {

/// Whoever sent the batches: keeps what comes back.
struct fake_origin final : receipt_port {
  void deliver(std::shared_ptr<const batch_receipt> receipt) noexcept override {
    receipts.push_back(std::move(receipt));
  }
  void stored(uint64_t) noexcept override {}
  void resubmit() noexcept override {}

  std::vector<std::shared_ptr<const batch_receipt>> receipts;
};

/// Each sync of the disk takes 4 ms by it.
struct disk_clock final : clock_source {
  explicit disk_clock(const simulated_disk& disk_) : disk(disk_) {}
  std::chrono::steady_clock::time_point now() const noexcept override {
    return std::chrono::steady_clock::time_point{disk.syncs * 4ms};
  }
  int64_t unix_us() const noexcept override { return 0; }

  const simulated_disk& disk;
};

struct journal_actor_test : deterministic {
  simulated_disk disk;
  manual_clock clock;
  telemetry metrics;
  journal_metrics counts{metrics};
  node_health health;
  std::shared_ptr<fake_origin> origin = std::make_shared<fake_origin>();
  journal_actor_config settings = [this] {
    journal_actor_config made;
    made.journal.directory = "j";
    made.journal.segment_bytes = uint64_t{64} << 10;
    made.journal.bytes_max = 4 * made.journal.segment_bytes;
    made.journal.keys_max = made.journal.recent_keys_max = 1000;
    made.files = &disk;
    made.clock = &clock;
    made.metrics = &metrics;
    made.health = &health;
    return made;
  }();
  journal_actor uut;
  uint64_t next_key = 0;

  void start() {
    uut = sys.spawn(journal, settings);
    sched.run();
  }

  batch_ptr make_batch(const std::vector<std::string>& records = {"{}"}) {
    batch_builder build;
    build.source().origin = origin;
    build.part({9, ++next_key});
    for (const auto& record : records)
      build.record(record);
    return build.done();
  }

  const part_receipt& last_answer() { return origin->receipts.back()->parts.at(0); }
  bool is_full() const { return health.is(condition::journal_full); }
  bool is_failed() const { return health.is(condition::storage_failed); }

  ~journal_actor_test() override {
    if (uut)
      caf::anon_send_exit(uut, caf::exit_reason::kill);
    sched.run();
  }
};

} // namespace

TEST_F(journal_actor_test, when_batches_wait_in_the_mailbox_they_share_one_sync) {
  start();
  const auto before = counts.syncs.load();
  for (int i = 0; i < 5; ++i)
    self->send(uut, make_batch());
  sched.run();
  ASSERT_EQ(origin->receipts.size(), 5u);
  EXPECT_EQ(counts.syncs - before, 1u);
  EXPECT_EQ(last_answer().outcome, ec::none);
  EXPECT_EQ(last_answer().last_sequence, 5u);
  EXPECT_EQ(counts.sequence, 5);
  EXPECT_EQ(metrics.stage("journal").records_processed, 5u);
  EXPECT_GT(counts.written_bytes, 0u);
}

TEST_F(journal_actor_test,
       when_a_group_is_large_it_is_committed_before_the_mailbox_is_empty) {
  settings.journal.group_bytes = 1000;
  start();
  for (int i = 0; i < 4; ++i)
    self->send(uut, make_batch({std::string(1000, 'x')}));
  sched.run();
  EXPECT_EQ(origin->receipts.size(), 4u);
  EXPECT_EQ(counts.syncs, 4u);
}

TEST_F(journal_actor_test, when_the_origin_is_gone_the_batch_is_stored_all_the_same) {
  start();
  self->send(uut, make_batch());
  origin.reset();
  sched.run();
  EXPECT_EQ(counts.sequence, 1);
}

TEST_F(journal_actor_test,
       when_a_sync_fails_the_batch_is_refused_and_the_next_one_is_stored) {
  start();
  disk.faults.syncs_until_error = 0;
  self->send(uut, make_batch());
  sched.run();
  EXPECT_EQ(last_answer().outcome, ec::storage_failed);
  EXPECT_EQ(counts.sync_failures, 1u);
  EXPECT_EQ(metrics.stage("journal").errors, 1u);
  EXPECT_FALSE(is_failed()) << "a new segment takes over";
  self->send(uut, make_batch());
  sched.run();
  EXPECT_EQ(last_answer().outcome, ec::none);
  EXPECT_EQ(last_answer().last_sequence, 1u) << "a refused record takes no number";
}

TEST_F(journal_actor_test, what_the_disk_takes_for_each_commit_is_measured) {
  const disk_clock time{disk};
  settings.clock = &time;
  start();
  constexpr size_t up_to_5_ms = 5;
  const auto& measured = counts.sync_seconds;
  EXPECT_EQ(measured.sum_seconds(), 0) << "what recovery does is no commit";
  for (int i = 0; i < 3; ++i) {
    self->send(uut, make_batch());
    sched.run();
  }
  EXPECT_EQ(measured.bucket(up_to_5_ms), 3u);
  disk.faults.syncs_until_error = 0;
  self->send(uut, make_batch());
  sched.run();
  EXPECT_EQ(counts.syncs, 3u);
  EXPECT_EQ(measured.bucket(up_to_5_ms), 4u) << "a disk that fails is slow first";
  EXPECT_NEAR(measured.sum_seconds(), 0.016, 1e-9);
}

TEST_F(journal_actor_test,
       when_the_disk_is_dead_admission_closes_until_a_tick_finds_it_well) {
  start();
  disk.faults.dead = true;
  self->send(uut, make_batch());
  sched.run();
  EXPECT_EQ(last_answer().outcome, ec::storage_failed);
  EXPECT_TRUE(is_failed());
  sched.advance_time(100ms);
  sched.run();
  EXPECT_TRUE(is_failed());
  disk.faults.dead = false;
  sched.advance_time(99ms);
  sched.run();
  EXPECT_TRUE(is_failed());
  sched.advance_time(1ms);
  sched.run();
  EXPECT_FALSE(is_failed());
  EXPECT_FALSE(sched.has_pending_timeout()) << "no tick without trouble";
  self->send(uut, make_batch());
  sched.run();
  EXPECT_EQ(last_answer().outcome, ec::none);
}

TEST_F(journal_actor_test,
       when_the_journal_is_full_it_reopens_once_the_slowest_reader_goes_on) {
  settings.readers = {"sink", "dead_letters"};
  start();
  batch_builder refused;
  refused.source().origin = origin;
  refused.part({9, ++next_key}).reject_record(reject::quarantined, "x");
  self->send(uut, refused.done());
  sched.run();
  std::vector<std::string> records(10, std::string(1500, 'x'));
  for (int i = 0;
       i < 50 && (origin->receipts.empty() || last_answer().outcome == ec::none); ++i) {
    self->send(uut, make_batch(records));
    sched.run();
  }
  EXPECT_EQ(last_answer().outcome, ec::journal_full);
  EXPECT_TRUE(is_full());
  EXPECT_EQ(health.reasons().back(), "the journal is full until the sink catches up");
  const auto news = ask<durable_until>(uut, tail_request{});
  ASSERT_TRUE(news);
  self->send(uut, reader_cursor{"sink", news->until});
  sched.run();
  EXPECT_TRUE(is_full()) << "the other reader has not told where it is";
  EXPECT_EQ(health.reasons().back(),
            "the journal is full until the dead-letter store catches up");
  self->send(uut, reader_cursor{"dead_letters", {1, 8192}});
  sched.run();
  EXPECT_TRUE(is_full()) << "the other reader is still in the first segment";
  EXPECT_EQ(health.reasons().back(),
            "the journal is full until the dead-letter store catches up");
  self->send(uut, reader_cursor{"dead_letters", news->until});
  sched.run();
  EXPECT_FALSE(is_full());
  self->send(uut, make_batch(records));
  sched.run();
  EXPECT_EQ(last_answer().outcome, ec::none);
}

TEST_F(journal_actor_test, where_there_are_no_dead_letters_their_reader_holds_nothing) {
  settings.readers = {"sink", "dead_letters"};
  start();
  const std::vector<std::string> records(10, std::string(1500, 'x'));
  for (int i = 0; i < 50; ++i) { // several times what it holds
    self->send(uut, make_batch(records));
    sched.run();
    ASSERT_EQ(last_answer().outcome, ec::none);
    self->send(uut,
               reader_cursor{"sink", ask<durable_until>(uut, tail_request{})->until});
    sched.run();
  }
}

TEST_F(journal_actor_test, old_news_of_a_reader_hold_no_segment_back) {
  settings.readers = {"sink", "other"};
  start();
  const std::vector<std::string> records(10, std::string(1500, 'x'));
  std::vector<journal_position> ends;
  for (int i = 0; i < 8; ++i) {
    self->send(uut, make_batch(records));
    sched.run();
    ends.push_back(ask<durable_until>(uut, tail_request{})->until);
  }
  ASSERT_GT(ends.back().segment, ends.front().segment);
  const auto first = segment_path("j", ends.front().segment);
  self->send(uut, reader_cursor{"sink", ends.back()});
  self->send(uut, reader_cursor{"sink", ends.front()}); // came late
  sched.run();
  EXPECT_TRUE(disk.exists(first)) << "the other one needs it";
  self->send(uut, reader_cursor{"other", ends.back()});
  sched.run();
  EXPECT_FALSE(disk.exists(first));
}

TEST_F(journal_actor_test, dead_letters_that_were_there_before_a_start_are_held) {
  settings.readers = {"sink", "dead_letters"};
  start();
  batch_builder refused;
  refused.source().origin = origin;
  refused.part({9, ++next_key}).reject_record(reject::quarantined, "x");
  self->send(uut, refused.done());
  sched.run();
  self->send(uut, crash_atom_v);
  sched.run();
  start();
  const std::vector<std::string> records(10, std::string(1500, 'x'));
  for (int i = 0; i < 50 && !is_full(); ++i) {
    self->send(uut, make_batch(records));
    sched.run();
    self->send(uut,
               reader_cursor{"sink", ask<durable_until>(uut, tail_request{})->until});
    sched.run();
  }
  EXPECT_TRUE(is_full()) << "their reader has not read them";
}

TEST_F(journal_actor_test,
       when_its_disk_is_full_it_says_so_and_takes_again_when_there_is_room) {
  health.set(condition::starting, false);
  start();
  disk.faults.writes_find_no_space = true;
  self->send(uut, make_batch({"a"}));
  sched.run();
  EXPECT_EQ(last_answer().outcome, ec::journal_full);
  EXPECT_TRUE(is_full());
  EXPECT_EQ(health.reasons(), std::vector<std::string>{"the journal's disk is full"});
  disk.faults = {};
  sched.advance_time(100ms);
  sched.run();
  EXPECT_FALSE(is_full());
  EXPECT_TRUE(health.reasons().empty());
  self->send(uut, make_batch({"a"}));
  sched.run();
  EXPECT_EQ(last_answer().outcome, ec::none);
}

TEST_F(journal_actor_test, when_a_full_journal_can_not_delete_a_segment_it_tries_again) {
  settings.readers = {"sink"};
  settings.journal.bytes_max = 2 * settings.journal.segment_bytes;
  start();
  const std::vector<std::string> records(10, std::string(1500, 'x'));
  while (!is_full()) {
    self->send(uut, make_batch(records));
    sched.run();
  }
  const auto news = ask<durable_until>(uut, tail_request{});
  ASSERT_TRUE(news);
  disk.faults.dead = true;
  self->send(uut, reader_cursor{"sink", news->until});
  sched.run();
  disk.faults.dead = false;
  EXPECT_TRUE(is_full());
  sched.advance_time(settings.retry_after); // the sink has no news to tell
  sched.run();
  EXPECT_FALSE(is_full());
}

TEST_F(journal_actor_test, when_an_errand_is_over_the_next_one_follows_without_a_commit) {
  const auto errands = std::make_shared<held_errands>();
  settings.journal.errands = errands;
  settings.readers = {"sink"};
  start();
  const std::vector<std::string> records(10, std::string(1500, 'x'));
  while (!is_full()) {
    self->send(uut, make_batch(records));
    errands->finish();
    sched.run();
  }
  const auto news = ask<durable_until>(uut, tail_request{});
  ASSERT_TRUE(news);
  const auto before = errands->sent;
  self->send(uut, reader_cursor{"sink", news->until});
  sched.run();
  EXPECT_EQ(errands->sent, before + 1);
  for (int i = 0; i < 10 && errands->holds(); ++i) {
    errands->finish();
    self->send(uut, tick_atom_v); // as the upkeep does
    sched.run();
  }
  EXPECT_EQ(errands->sent, before + 3) << "every segment but the current one";
  EXPECT_FALSE(is_full());
  EXPECT_LE(counts.disk_bytes, static_cast<int64_t>(2 * settings.journal.segment_bytes));
}

TEST_F(journal_actor_test,
       when_a_segment_can_not_be_made_ahead_it_is_tried_at_each_tick) {
  const auto errands = std::make_shared<held_errands>();
  settings.journal.errands = errands;
  start();
  const std::vector<std::string> records(10, std::string(1500, 'x'));
  while (!errands->holds()) {
    self->send(uut, make_batch(records));
    sched.run();
  }
  disk.faults.creates_until_error = 0;
  errands->finish();
  self->send(uut, tick_atom_v);
  sched.run();
  const auto sent = errands->sent;
  self->send(uut, make_batch());
  sched.run();
  EXPECT_EQ(errands->sent, sent) << "not by every commit";
  EXPECT_TRUE(sched.has_pending_timeout());
  sched.advance_time(settings.retry_after);
  sched.run();
  EXPECT_FALSE(sched.has_pending_timeout()) << "no tick without trouble";
}

TEST_F(journal_actor_test, when_it_crashes_its_upkeep_thread_goes_before_its_successor) {
  const auto root = std::filesystem::temp_directory_path()
                    / ("weir-upkeep-" + std::to_string(::getpid()));
  settings.files = &posix_file_system();
  settings.journal.directory = root.string();
  settings.journal.segment_bytes = uint64_t{1} << 20;
  settings.journal.bytes_max = uint64_t{1} << 30;
  settings.upkeep_thread = true;
  const std::vector<std::string> records(100, std::string(3000, 'x'));
  for (int restart = 0; restart < 10; ++restart) {
    start();
    for (int i = 0; i < 10; ++i) {
      self->send(uut, make_batch(records));
      sched.run();
      EXPECT_EQ(last_answer().outcome, ec::none);
    }
    self->send(uut, reader_cursor{"sink", {UINT64_MAX, 0}});
    self->send(uut, crash_atom_v);
    sched.run();
  }
  start();
  EXPECT_EQ(counts.sequence, 10'000);
  self->send(uut, drain_atom_v);
  sched.run();
  std::filesystem::remove_all(root);
}

TEST_F(journal_actor_test, when_nothing_is_new_a_reader_is_answered_at_the_next_commit) {
  start();
  const auto now = ask<durable_until>(uut, tail_request{});
  ASSERT_TRUE(now);
  auto pending = self->request(uut, caf::infinite, tail_request{now->until});
  sched.run();
  ASSERT_FALSE(has_mail());
  self->send(uut, make_batch({"{}", "{}"}));
  sched.run();
  ASSERT_TRUE(has_mail());
  pending.receive(
    [&](const durable_until& news) {
      EXPECT_GT(news.until, now->until);
      EXPECT_EQ(news.sequence, 2u);
      EXPECT_FALSE(news.dead_letters);
    },
    [&](caf::error& err) { FAIL() << sys.render(err); });
}

TEST_F(journal_actor_test, when_a_commit_has_dead_letters_readers_behind_it_hear_so) {
  start();
  const auto before = ask<durable_until>(uut, tail_request{});
  batch_builder build;
  build.part({8, 1}).reject_record(reject::quarantined, ""); // there may be nothing in it
  self->send(uut, build.done());
  sched.run();
  const auto news = ask<durable_until>(uut, tail_request{before->until});
  ASSERT_TRUE(news);
  EXPECT_TRUE(news->dead_letters);
  self->send(uut, make_batch());
  sched.run();
  const auto later = ask<durable_until>(uut, tail_request{news->until});
  ASSERT_TRUE(later);
  EXPECT_FALSE(later->dead_letters);
}

TEST_F(journal_actor_test, when_a_client_waits_for_the_sink_its_readers_can_see_so) {
  settings.durable = std::make_shared<durable_mark>();
  start();
  self->send(uut, make_batch());
  sched.run();
  EXPECT_FALSE(settings.durable->awaited_behind({}));
  batch_builder build;
  build.part({8, 1}).record("{}");
  build.source().parts.back().ack = ack_level::stored;
  self->send(uut, build.done());
  sched.run();
  const auto end = settings.durable->behind({}).until;
  EXPECT_TRUE(settings.durable->awaited_behind({}));
  EXPECT_FALSE(settings.durable->awaited_behind(end));
  self->send(uut, make_batch());
  sched.run();
  EXPECT_FALSE(settings.durable->awaited_behind(end));
}

TEST_F(journal_actor_test, when_a_reader_asks_again_its_older_question_is_answered_too) {
  start();
  const auto now = ask<durable_until>(uut, tail_request{});
  auto older = self->request(uut, caf::infinite, tail_request{now->until});
  auto newer = self->request(uut, caf::infinite, tail_request{now->until});
  sched.run();
  ASSERT_TRUE(has_mail());
  older.receive([&](const durable_until& so_far) { EXPECT_EQ(so_far.until, now->until); },
                [&](caf::error& err) { FAIL() << sys.render(err); });
  self->send(uut, make_batch());
  sched.run();
  ASSERT_TRUE(has_mail());
  newer.receive([&](const durable_until& news) { EXPECT_GT(news.until, now->until); },
                [&](caf::error& err) { FAIL() << sys.render(err); });
}

TEST_F(journal_actor_test, when_it_drains_what_was_collected_is_committed_first) {
  start();
  self->monitor(uut);
  self->send(uut, make_batch());
  self->send(uut, drain_atom_v);
  sched.run();
  EXPECT_EQ(origin->receipts.size(), 1u);
  ASSERT_TRUE(has_mail());
  self->receive(
    [](caf::down_msg& down) { EXPECT_EQ(down.reason, caf::exit_reason::user_shutdown); });
}

TEST_F(journal_actor_test, when_it_crashes_its_successor_knows_what_was_stored) {
  start();
  const auto batch = make_batch({"{\"a\":1}"});
  self->send(uut, batch);
  sched.run();
  self->send(uut, crash_atom_v);
  sched.run();
  start();
  self->send(uut, batch);
  sched.run();
  ASSERT_EQ(origin->receipts.size(), 2u);
  EXPECT_FALSE(last_answer().duplicate); // the same request, not a repeated one
  EXPECT_EQ(last_answer().accepted, 1u);
  EXPECT_EQ(last_answer().last_sequence, 1u);
  EXPECT_EQ(counts.sequence, 1);
}

TEST_F(journal_actor_test,
       when_the_sink_remembers_a_key_the_request_is_not_stored_again) {
  settings.recall = []() -> result<journal_recall> {
    return journal_recall{101, 0, {{{{1, 0, 0}, 3}, {5, 5}, 77, 100, 0}}};
  };
  start();
  batch_builder build;
  build.source().origin = origin;
  build.part({5, 5}, true, 77).record("{}").part({5, 6}).record("{}");
  self->send(uut, build.done());
  sched.run();
  ASSERT_EQ(origin->receipts.size(), 1u);
  const auto& parts = origin->receipts[0]->parts;
  EXPECT_TRUE(parts[0].duplicate);
  EXPECT_EQ(parts[0].accepted, 3u);
  EXPECT_EQ(parts[0].rejected, 1u);
  EXPECT_EQ(parts[1].last_sequence, 101u) << "numbers go on behind the sink's";
}

TEST_F(journal_actor_test, when_the_journal_can_not_be_opened_it_quits_with_the_reason) {
  disk.faults.dead = true;
  uut = sys.spawn(journal, settings);
  self->monitor(uut);
  sched.run();
  ASSERT_TRUE(has_mail());
  self->receive([&](caf::down_msg& down) {
    EXPECT_EQ(down.reason, ec::io_failed) << sys.render(down.reason);
  });
  EXPECT_TRUE(is_failed());
  disk.faults.dead = false;
  start();
  EXPECT_FALSE(is_failed());
}

TEST_F(journal_actor_test, when_the_sink_can_not_tell_what_it_remembers_it_quits) {
  settings.recall = []() -> result<journal_recall> {
    return fail(ec::sink_unavailable, "locked");
  };
  uut = sys.spawn(journal, settings);
  self->monitor(uut);
  sched.run();
  ASSERT_TRUE(has_mail());
  self->receive(
    [](caf::down_msg& down) { EXPECT_EQ(down.reason, ec::sink_unavailable); });
  EXPECT_TRUE(health.is(condition::sink_down));
  EXPECT_FALSE(is_failed());
}

// The next start finds the copy and does not tell of it again.
TEST_F(journal_actor_test, when_recovery_fails_behind_damage_it_has_told_of_the_damage) {
  start();
  for (int i = 0; i < 3; ++i) {
    self->send(uut, make_batch({std::string(1000, 'x')}));
    sched.run();
  }
  self->send(uut, drain_atom_v);
  sched.run();
  ASSERT_TRUE(disk.rot(segment_path("j", 1), frames_begin + 1500));
  const auto copy = corrupt_path("j", 1, frames_begin + 1096);
  for (int operations = 0; !disk.exists(copy); ++operations) {
    ASSERT_LT(operations, 20);
    disk.faults.operations_until_dead = operations;
    start();
    disk.faults = {};
  }
  EXPECT_TRUE(is_failed());
  EXPECT_GE(counts.frames_quarantined, 1u);
}

// Somebody has emptied the directory, and the cursors lag behind what the readers know of.
TEST_F(journal_actor_test,
       when_the_files_are_gone_the_next_journal_is_ahead_of_what_was_told) {
  settings.durable = std::make_shared<durable_mark>();
  start();
  for (int i = 0; i < 6; ++i) {
    self->send(uut, make_batch({std::string(20'000, 'x')}));
    sched.run();
  }
  const auto told = settings.durable->behind({});
  ASSERT_GT(told.until.segment, 1u);
  disk.lose_everything();
  self->send(uut, crash_atom_v);
  sched.run();
  start();
  self->send(uut, make_batch());
  sched.run();
  EXPECT_GT(settings.durable->behind({}).until.segment, told.until.segment);
  EXPECT_EQ(last_answer().last_sequence, told.sequence + 1) << "ids were given out";
}
