// Servers and connections that end at the worst moment: nothing is lost, nothing doubled.
#include "storage/open_sink.hpp"
#include "storage/sinks/postgres/rows.hpp"
#include "tests/postgres/fixture.hpp"

#include <atomic>
#include <random>

using namespace weir;
using namespace weir::postgres_test;
using testing::HasSubstr;

namespace {

class postgres_outage_test : public postgres_fixture {
 protected:
  /// Ends every backend of a sink that is at work in this database.
  void terminate_sinks() {
    (void)value(
      std::string{"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                  " WHERE datname = current_database() AND "}
      + of_sinks);
  }
  void expect_once(sink& in, const frame_list& frames) {
    EXPECT_EQ(plain(contents(in)), sorted(contents(frames.all())));
  }
};

} // namespace

TEST_F(postgres_outage_test, a_backend_ended_in_mid_transaction_costs_a_repetition) {
  frame_list frames;
  for (int i = 0; i < 10; ++i)
    frames.add(100);
  auto sink = open();
  execute("CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
          " 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';"
          "CREATE TRIGGER dawdle BEFORE INSERT ON batch_keys EXECUTE FUNCTION dawdle()");
  std::thread ending{[&] {
    wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
               " AND datname = current_database()");
    terminate_sinks();
  }};
  const auto failed = commit_all(*sink, frames);
  ending.join();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ec::sink_unavailable);
  EXPECT_EQ(value("SELECT count(*) FROM records"), "0");
  execute("DROP TRIGGER dawdle ON batch_keys");
  ASSERT_TRUE(commit_all(*sink, frames));
  expect_once(*sink, frames);
}

TEST_F(postgres_outage_test,
       a_commit_that_happened_but_was_not_answered_is_not_repeated) {
  frame_list frames;
  for (const bool claims : {false, true}) {
    config.postgres.claim_all = claims;
    auto sink = open();
    frames.add(1);
    commit_until_done(*sink, frames); // upkeep is over
    for (int i = 0; i < 10; ++i)
      frames.add(100);
    // A standby that does not exist holds the answer back; the commit itself is done.
    execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    execute("SELECT pg_reload_conf()");
    wait_until("SELECT current_setting('synchronous_standby_names') = 'nobody'");
    std::thread ending{[&] {
      wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                 " AND datname = current_database()");
      terminate_sinks();
    }};
    const auto failed = commit_all(*sink, frames);
    ending.join();
    auto admin = db();
    ASSERT_TRUE(admin.script("stop waiting", "SET synchronous_commit = local"));
    ASSERT_TRUE(
      admin.script("no standby", "ALTER SYSTEM RESET synchronous_standby_names"));
    ASSERT_TRUE(admin.script("reload", "SELECT pg_reload_conf()"));
    wait_until("SELECT current_setting('synchronous_standby_names') = ''");
    ASSERT_FALSE(failed);
    commit_until_done(*sink, frames);
    expect_once(*sink, frames);
  }
}

TEST_F(postgres_outage_test, backends_ended_at_random_moments_lose_and_double_nothing) {
  for (const auto seed : seeds(4)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    config.postgres.connections = seed % 2 == 0 ? 3 : 1;
    auto node = another("seed" + std::to_string(seed));
    frame_list frames;
    for (uint64_t i = 0; i < 120; ++i)
      frames.add(30, "seed" + std::to_string(seed)).key = {seed + 100, i};
    std::mt19937_64 random{seed};
    std::atomic<bool> done{false};
    std::thread ending{[&] {
      while (!done)
        if (random() % 3 == 0)
          terminate_sinks();
        else
          (void)value("SELECT 1");
    }};
    auto sink = open_sink(node, clock);
    while (!sink)
      sink = open_sink(node, clock);
    size_t at = 0;
    while (at < frames.all().size()) {
      const auto count = std::min<size_t>(1 + random() % 60, frames.all().size() - at);
      if ((*sink)->commit(frames.slice(at, count), frames.all()[at + count - 1].next))
        at += count;
      else if (random() % 4 == 0) // the node itself starts again
        if (auto again = open_sink(node, clock))
          *sink = std::move(*again);
    }
    done = true;
    ending.join();
    EXPECT_EQ(value("SELECT count(*) || ' ' || count(DISTINCT body) FROM records WHERE"
                    " stream = 'seed"
                    + std::to_string(seed) + "'"),
              "3600 3600");
    EXPECT_EQ((*sink)->cursor().position, frames.end());
  }
}

TEST_F(postgres_outage_test, a_server_killed_under_load_goes_on_where_it_was) {
  frame_list frames;
  for (int i = 0; i < 300; ++i)
    frames.add(20);
  auto sink = open();
  std::atomic<size_t> at{0};
  std::atomic<int> failures{0};
  std::thread storing{[&] {
    while (at < frames.all().size()) {
      const auto count = std::min<size_t>(10, frames.all().size() - at);
      if (sink->commit(frames.slice(at, count), frames.all()[at + count - 1].next))
        at += count;
      else
        ++failures;
    }
  }};
  for (const size_t moment : {50u, 150u, 250u}) {
    while (at < moment)
      std::this_thread::yield();
    server_.crash();
  }
  storing.join();
  EXPECT_GT(failures, 0);
  // The last frames may have gone through a backend that outlived its postmaster by a moment:
  // what is stored is read from the server that is there now.
  expect_once(*open(), frames);
}

TEST_F(postgres_outage_test, a_server_that_is_away_at_the_start_is_found_when_it_comes) {
  open();
  server_.stop(SIGINT);
  const auto away = open_sink(config, clock);
  server_.start();
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, ec::sink_unavailable);
  frame_list frames;
  frames.add(5);
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  expect_once(*sink, frames);
}

TEST_F(postgres_outage_test, a_statement_that_takes_too_long_is_given_up_and_repeated) {
  config.postgres.timeout = std::chrono::milliseconds{300};
  frame_list frames;
  frames.add(5);
  auto sink = open();
  auto holder = db();
  ASSERT_TRUE(holder.script("lock", "BEGIN; LOCK TABLE cursors IN EXCLUSIVE MODE"));
  const auto failed = commit_all(*sink, frames);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ec::sink_unavailable);
  ASSERT_TRUE(holder.script("let go", "ROLLBACK"));
  commit_until_done(*sink, frames);
  expect_once(*sink, frames);
}

TEST_F(postgres_outage_test,
       a_server_that_answers_nothing_is_not_waited_for_without_end) {
  frame_list frames;
  frames.add(5);
  config.postgres.timeout = std::chrono::milliseconds{500};
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  const auto backend = std::stoi(value(
    std::string{"SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND "}
    + of_sinks));
  ASSERT_EQ(::kill(backend, SIGSTOP), 0);
  frames.add(5);
  const auto failed = commit_all(*sink, frames);
  ::kill(backend, SIGCONT);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().text, HasSubstr("no answer in time"));
  commit_until_done(*sink, frames);
  expect_once(*sink, frames);
}

TEST_F(postgres_outage_test, a_second_writer_of_the_same_journal_is_noticed) {
  frame_list frames;
  frames.add(5);
  frames.add(5);
  auto first = open();
  auto second = open();
  ASSERT_TRUE(first->commit(frames.slice(0, 1), frames.all()[0].next));
  const auto failed = commit_all(*second, frames);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().text, HasSubstr("moved by another connection"));
  commit_until_done(*second, frames);
  expect_once(*second, frames);
}

TEST_F(postgres_outage_test, a_database_with_an_older_cursor_is_told_and_filled_again) {
  frame_list frames;
  for (int i = 0; i < 4; ++i)
    frames.add(5);
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  execute("TRUNCATE records; TRUNCATE batch_keys;"
          "UPDATE cursors SET segment = 0, \"offset\" = 0, last_sequence = 0");
  terminate_sinks();
  frames.add(5);
  std::string told;
  for (int tries = 0; tries < 5; ++tries)
    if (const auto done = commit_all(*sink, frames); done)
      break;
    else
      told += done.error().text;
  EXPECT_THAT(told, HasSubstr("older cursor"));
  expect_once(*sink, frames);
}

TEST_F(postgres_outage_test,
       a_node_that_says_nothing_in_mid_transaction_holds_up_no_other) {
  frame_list frames;
  frames.add(5);
  auto sink = open();
  auto opened =
    postgres::connection::open({config.postgres.url, "weir sink of a stopped node"});
  ASSERT_TRUE(opened);
  // In a COPY the server knows no timeout for its client.
  ASSERT_TRUE(opened->script(
    "hold the key", "BEGIN; INSERT INTO batch_keys SELECT '"
                      + postgres::uuid_of(frames.all()[0].key)
                      + "', now(), 9, 0, 0, 0, 0, 0, 0, false; COPY records FROM STDIN"));
  // Each try waits for the key as long as `lock_timeout`; the other is away until the end.
  int tries = 0;
  while (++tries < 20 && !commit_all(*sink, frames))
    ;
  EXPECT_LT(tries, 20) << "the other holds it up";
  EXPECT_EQ(value("SELECT count(*) FROM pg_stat_activity"
                  " WHERE application_name = 'weir sink of a stopped node'"),
            "0");
  expect_once(*sink, frames);
}
