#include "actors/sink_writer.hpp"

#include "actors/sink_metrics.hpp"
#include "tests/actors/tail_fixture.hpp"

using namespace weir;
using namespace weir::tail_test;
using namespace std::chrono_literals;

namespace {

struct sink_writer_test : tail_fixture {
  sink_metrics counts{metrics};
  sink_disk disk;
  std::vector<uint64_t> stored; ///< what on_stored was told
  tail_config tail_settings = tailing();

  void start() {
    sink_writer_config settings;
    settings.tail = tail_settings;
    settings.open_sink = [this]() -> result<std::unique_ptr<sink>> {
      if (disk.cannot_open)
        return fail(ec::sink_unavailable, "cannot open the sink");
      return std::make_unique<fake_sink>(disk);
    };
    settings.on_stored = [this](uint64_t sequence) { stored.push_back(sequence); };
    settings.metrics = &metrics;
    settings.health = &health;
    settings.clock = &clock;
    uut = sys.spawn(sink_writer, settings);
    sched.run();
  }
  void start_all() {
    start();
    start_journal();
  }
  std::vector<std::string> expected() { return sink_test::contents(w.frames.all()); }
};

} // namespace

TEST_F(sink_writer_test, stores_what_the_journal_has_and_follows_it) {
  publish(5, 10);
  start_all();
  EXPECT_EQ(disk.rows, expected());
  publish(3, 10);
  sched.run();
  EXPECT_EQ(disk.rows, expected());
  EXPECT_EQ(disk.cursor.position, w.frames.end());
}

TEST_F(sink_writer_test,
       tells_the_journal_the_figures_and_the_waiting_how_far_it_has_come) {
  start_all();
  publish(4, 25);
  sched.run();
  ASSERT_FALSE(w.told.empty());
  EXPECT_EQ(w.told.back().reader, "sink");
  EXPECT_EQ(w.told.back().position, w.frames.end());
  EXPECT_EQ(stored.back(), 100u);
  EXPECT_EQ(counts.sequence, 100);
  EXPECT_EQ(counts.rows, 100u);
  EXPECT_EQ(counts.healthy, 1);
  EXPECT_EQ(metrics.stage("sink").records_processed, 100u);
  EXPECT_EQ(metrics.stage("sink").latency.bucket(0), disk.transactions);
}

TEST_F(sink_writer_test,
       commits_in_transactions_of_bounded_size_and_lets_other_mail_in_between) {
  tail_settings.limits.rows_per_transaction = 20;
  start_all();
  publish(10, 10);
  while (disk.transactions < 2)
    ASSERT_TRUE(sched.try_run_once());
  EXPECT_EQ(disk.rows.size(), 40u);
  self->send(uut, crash_atom_v);
  EXPECT_FALSE(alive());
  EXPECT_LT(disk.rows.size(), 100u) << "the crash had to wait for everything";
  start();
  introduce();
  EXPECT_EQ(disk.rows, expected());
}

TEST_F(sink_writer_test, gathers_a_trickle_into_one_transaction_but_lets_no_flood_wait) {
  tail_settings.gather_delay = 5ms;
  tail_settings.limits.gather = 15ms;
  tail_settings.limits.rows_per_transaction = 100;
  publish(1, 10);
  start_all();
  EXPECT_EQ(disk.transactions, 1u);
  for (int i = 0; i < 4; ++i) {
    publish(1, 10);
    sched.run();
    sched.advance_time(1ms);
    sched.run();
  }
  for (int i = 0; i < 10; ++i) {
    sched.advance_time(1ms);
    sched.run();
  }
  EXPECT_EQ(disk.transactions, 1u);
  sched.advance_time(1ms);
  sched.run();
  EXPECT_EQ(disk.transactions, 2u);
  EXPECT_EQ(disk.rows, expected());
  publish(5, 10);
  sched.run();
  EXPECT_EQ(disk.transactions, 3u);
  EXPECT_EQ(disk.rows, expected());
}

TEST_F(sink_writer_test,
       when_the_sink_is_locked_it_backs_off_and_then_stores_everything_once) {
  start_all();
  disk.locked = true;
  publish(5, 10);
  sched.run();
  EXPECT_EQ(disk.attempts, 1u);
  EXPECT_TRUE(health.is(condition::sink_down));
  EXPECT_EQ(counts.healthy, 0);
  EXPECT_EQ(metrics.stage("sink").errors, 1u);
  sched.advance_time(49ms);
  sched.run();
  EXPECT_EQ(disk.attempts, 1u) << "it did not wait";
  publish(5, 10); // the journal goes on meanwhile
  for (int i = 0; i < 60; ++i) {
    sched.advance_time(1s);
    sched.run();
  }
  EXPECT_GE(disk.attempts, 5u + 10u);
  EXPECT_LE(disk.attempts, 7u + 24u) << "it does not back off";
  disk.locked = false;
  sched.advance_time(5s);
  sched.run();
  EXPECT_EQ(disk.rows, expected());
  EXPECT_FALSE(health.is(condition::sink_down));
  EXPECT_EQ(counts.healthy, 1);
}

TEST_F(sink_writer_test,
       when_a_commit_is_there_but_its_answer_is_lost_those_who_wait_hear_of_it) {
  start_all();
  disk.doubtful = true;
  publish(2, 10);
  sched.run();
  EXPECT_EQ(disk.rows, expected());
  ASSERT_FALSE(stored.empty());
  EXPECT_EQ(stored.back(), 20u);
  EXPECT_EQ(counts.sequence, 20);
}

TEST_F(sink_writer_test, when_the_sink_cannot_be_opened_it_reports_it_and_tries_again) {
  disk.cannot_open = true;
  publish(2, 10);
  start_all();
  EXPECT_TRUE(health.is(condition::sink_down));
  EXPECT_TRUE(w.asked.empty()) << "without a cursor there is nothing to ask for";
  EXPECT_TRUE(alive());
  disk.cannot_open = false;
  sched.advance_time(100ms);
  sched.run();
  EXPECT_EQ(disk.rows, expected());
  EXPECT_FALSE(health.is(condition::sink_down));
}

TEST_F(sink_writer_test,
       when_the_journal_cannot_be_read_it_goes_on_later_from_the_same_place) {
  start_all();
  publish(2, 10);
  sched.run();
  w.reading_fails = fault{ec::io_failed, "segment 1: input/output error"};
  publish(2, 10);
  sched.run();
  EXPECT_EQ(disk.rows.size(), 20u);
  w.reading_fails.reset();
  sched.advance_time(100ms);
  sched.run();
  EXPECT_EQ(disk.rows, expected());
}

// A journal that recovers may end a segment before what was its durable end.
TEST_F(sink_writer_test, when_it_cannot_read_as_far_as_it_was_told_it_looks_for_news) {
  start_all();
  publish(2, 10);
  w.lost = w.end();
  sched.run();
  EXPECT_EQ(disk.rows.size(), 0u);
  publish(2, 10);
  sched.advance_time(100ms);
  sched.run();
  EXPECT_EQ(disk.rows, expected());
}

TEST_F(sink_writer_test, when_the_journal_dies_the_writer_follows_the_next_one) {
  start_all();
  publish(2, 10);
  sched.run();
  stop_journal();
  EXPECT_TRUE(alive());
  publish(2, 10);
  sched.run();
  EXPECT_EQ(disk.rows.size(), 20u);
  const auto opened = w.readers_opened;
  start_journal();
  EXPECT_EQ(disk.rows, expected());
  publish(2, 10);
  sched.run();
  EXPECT_EQ(disk.rows, expected());
  EXPECT_GT(w.readers_opened, opened) << "the next journal may have cut its files";
}

TEST_F(sink_writer_test, rows_that_are_in_the_sink_already_are_not_counted_again) {
  start_all();
  publish(2, 10);
  sched.run();
  EXPECT_EQ(counts.rows, 20u);
  w.frames.add(10);
  disk.cursor = {w.frames.end(), w.frames.last_sequence()}; // they have come another way
  publish(1, 10);
  sched.run();
  EXPECT_EQ(counts.rows, 30u);
}

TEST_F(sink_writer_test,
       when_the_next_journal_comes_before_the_last_requests_error_it_is_asked) {
  start_all();
  self->send(journal, drain_atom_v);
  const auto next = sys.spawn(fake_journal, &w);
  self->send(uut, role_change{"journal", caf::actor_cast<caf::strong_actor_ptr>(next)});
  sched.run();
  journal = next;
  publish(2, 10);
  sched.run();
  EXPECT_EQ(disk.rows, expected());
}

TEST_F(sink_writer_test,
       when_the_sink_was_replaced_underneath_the_journal_is_read_again) {
  start_all();
  publish(3, 10);
  sched.run();
  disk.rows.clear();
  disk.cursor = {};
  disk.locked = true; // as a sink does that notices
  publish(1, 10);
  sched.run();
  disk.locked = false;
  sched.advance_time(100ms);
  sched.run();
  EXPECT_EQ(disk.rows, expected());
}

TEST_F(sink_writer_test, when_drained_it_stores_what_the_journal_had_and_quits) {
  tail_settings.limits.rows_per_transaction = 10;
  start_all();
  publish(8, 10);
  while (disk.transactions < 2)
    ASSERT_TRUE(sched.try_run_once());
  self->send(uut, drain_atom_v);
  EXPECT_FALSE(alive());
  EXPECT_EQ(disk.rows, expected());
}

TEST_F(sink_writer_test, when_drained_with_a_locked_sink_it_gives_up_at_its_deadline) {
  tail_settings.drain_deadline = 2s;
  start_all();
  disk.locked = true;
  publish(1, 10);
  sched.run();
  self->send(uut, drain_atom_v);
  EXPECT_TRUE(alive());
  for (int i = 0; i < 19; ++i)
    sched.advance_time(100ms);
  EXPECT_TRUE(alive());
  sched.advance_time(100ms);
  EXPECT_FALSE(alive());
  EXPECT_TRUE(disk.rows.empty());
}

TEST_F(sink_writer_test, gathers_no_more_than_a_core_may_be_kept_for_at_once) {
  tail_settings.gather_delay = 500ms;
  tail_settings.limits.gather = 500ms;
  tail_settings.limits.rows_per_transaction = 4 * gather_records;
  publish(1, 10);
  start_all();
  publish(1, gather_records - 1);
  sched.run();
  EXPECT_EQ(disk.transactions, 1u);
  publish(1, 1);
  sched.run();
  sched.advance_time(500ms); // what waits already is looked at again after this only
  sched.run();
  EXPECT_EQ(disk.transactions, 2u);
  publish(1, gather_records);
  sched.run();
  EXPECT_EQ(disk.transactions, 3u) << "a quarter of a transaction, but enough";
}

TEST_F(sink_writer_test, gathers_no_longer_than_once_what_a_client_waits_for) {
  tail_settings.gather_delay = 5ms;
  tail_settings.limits.gather = 500ms;
  publish(1, 10);
  start_all();
  publish(1, 10);
  sched.run();
  for (int i = 0; i < 20; ++i) {
    sched.advance_time(5ms);
    sched.run();
  }
  EXPECT_EQ(disk.transactions, 1u) << "nobody waits for it";
  w.awaited = true;
  publish(1, 10);
  sched.run();
  sched.advance_time(5ms);
  sched.run();
  EXPECT_EQ(disk.transactions, 2u);
  EXPECT_EQ(disk.rows, expected());
}

TEST_F(sink_writer_test,
       when_drained_after_the_journal_it_stores_what_is_durable_and_no_more) {
  const auto synced = std::make_shared<durable_mark>();
  tail_settings.durable = synced;
  start_all();
  stop_journal();
  publish(3, 10); // what the journal committed last, and could tell nobody
  synced->advance(w.end(), 0, {}, {});
  const auto durable = expected();
  publish(3, 10); // written, and not synced when the journal crashed
  self->send(uut, drain_atom_v);
  EXPECT_FALSE(alive());
  EXPECT_EQ(disk.rows, durable);
}

// Its supervisor restarts the journal and waits until it is gone, as long as that takes.
TEST_F(sink_writer_test, when_stopped_for_a_new_journal_it_waits_for_no_sink) {
  tail_settings.health = &health;
  start_all();
  disk.locked = true;
  publish(1, 10);
  sched.run();
  self->send(uut, drain_atom_v);
  EXPECT_FALSE(alive());
  disk.locked = false;
  start();
  introduce();
  EXPECT_EQ(disk.rows, expected());
}

TEST_F(sink_writer_test, when_the_node_ends_it_stores_what_is_there) {
  tail_settings.health = &health;
  start_all();
  disk.locked = true;
  publish(1, 10);
  sched.run();
  health.set(condition::draining, true);
  self->send(uut, drain_atom_v);
  EXPECT_TRUE(alive());
  disk.locked = false;
  sched.advance_time(100ms);
  sched.run();
  EXPECT_FALSE(alive());
  EXPECT_EQ(disk.rows, expected());
}

TEST_F(sink_writer_test, a_drain_gathers_no_more) {
  tail_settings.gather_delay = 5s;
  tail_settings.limits.gather = 5s;
  const auto synced = std::make_shared<durable_mark>();
  tail_settings.durable = synced;
  publish(1, 10);
  start_all();
  EXPECT_EQ(disk.rows, expected()) << "from now on a little more would be waited for";
  stop_journal();
  publish(1, 10);
  synced->advance(w.end(), w.sequence(), {}, {});
  self->send(uut, drain_atom_v);
  sched.run(); // and no time passes
  EXPECT_FALSE(alive());
  EXPECT_EQ(disk.rows, expected());
}

TEST_F(sink_writer_test, what_could_not_be_stored_waits_for_no_more_to_come) {
  tail_settings.gather_delay = 5s;
  tail_settings.limits.gather = 5s;
  publish(1, 10);
  start_all();
  ASSERT_EQ(disk.rows, expected());
  disk.locked = true;
  publish(1, 10);
  sched.run();
  sched.advance_time(5s);
  sched.run();
  EXPECT_EQ(disk.attempts, 2u);
  disk.locked = false;
  sched.advance_time(200ms); // the first retry
  sched.run();
  EXPECT_EQ(disk.rows, expected());
}

TEST_F(sink_writer_test, when_idle_and_drained_it_quits_at_once) {
  start_all();
  self->send(uut, drain_atom_v);
  EXPECT_FALSE(alive());
}

// Publishes, locks, crashes of the writer and of the journal, in any order: in the end
// every record is there once and in order.
TEST_F(sink_writer_test, whatever_crashes_everything_is_stored_once) {
  tail_settings.limits.rows_per_transaction = 15;
  for (const auto seed : sink_test::seeds(20)) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
    random_source random{seed};
    start_all();
    for (int step = 0; step < 60; ++step) {
      switch (random.next() % 6) {
      case 0:
        publish(random.next() % 5, random.next() % 20);
        break;
      case 1:
        disk.locked = !disk.locked;
        break;
      case 2:
        self->send(uut, crash_atom_v);
        ASSERT_FALSE(alive());
        start();
        introduce();
        break;
      case 3:
        stop_journal();
        start_journal();
        break;
      default:
        sched.advance_time(std::chrono::milliseconds{random.next() % 500});
        for (auto turns = random.next() % 10; turns > 0 && sched.try_run_once();
             --turns) {
        }
      }
    }
    disk.locked = false;
    publish_all();
    sched.run();
    sched.advance_time(6s);
    sched.run();
    ASSERT_EQ(disk.rows, expected());
    caf::anon_send_exit(uut, caf::exit_reason::kill);
    caf::anon_send_exit(journal, caf::exit_reason::kill);
    sched.run();
  }
}

TEST_F(sink_writer_test,
       when_nothing_comes_the_sink_is_called_now_and_then_all_the_same) {
  tail_settings.idle_commit = 30s;
  publish(5, 10);
  start_all();
  const auto before = disk.attempts;
  sched.advance_time(30s);
  sched.run();
  EXPECT_EQ(disk.attempts, before + 1);
  sched.advance_time(29s);
  sched.run();
  EXPECT_EQ(disk.attempts, before + 1);
  sched.advance_time(1s);
  sched.run();
  EXPECT_EQ(disk.attempts, before + 2);
  EXPECT_EQ(disk.rows, expected());
}
