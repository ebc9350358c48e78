// What retention drops, whose clock it believes, and what it does when clocks disagree.
#include "tests/postgres/fixture.hpp"

using namespace weir;
using namespace weir::postgres_test;
using testing::HasSubstr;

namespace {

constexpr int64_t day_us = 86'400'000'000;

class postgres_retention_test : public postgres_fixture {
 protected:
  postgres_retention_test() {
    server_says(start_us);
    config.postgres.retention = std::chrono::days{2};
  }
  void server_says(int64_t us) { set_server_time(us); }
  /// Both the node's and the server's.
  void later(int64_t by_us) {
    clock.us += by_us;
    server_says(clock.us);
  }
  /// One record, received at `us`.
  void store(sink& to, int64_t us) {
    frames_.add(1, "web", us);
    ASSERT_TRUE(commit_all(to, frames_));
  }
  std::string days() {
    return value(
      "SELECT string_agg(right(c.relname, 4), ' ' ORDER BY c.relname) FROM"
      " pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent ="
      " 'records'::regclass");
  }
  static bool told(const std::string& event) {
    return std::find(warnings.begin(), warnings.end(), event) != warnings.end();
  }

  frame_list frames_;
};

} // namespace

TEST_F(postgres_retention_test, days_that_ended_before_it_are_dropped_each_with_a_line) {
  auto sink = open();
  store(*sink, start_us);
  auto& odd = frames_.add(1, "web", start_us);
  odd.records[0] = R"({"a":"\u0000"})";
  ASSERT_TRUE(commit_all(*sink, frames_));
  EXPECT_EQ(days(), "1114 1115 1116");
  for (int day = 0; day < 3; ++day)
    later(day_us), store(*sink, clock.us);
  EXPECT_EQ(days(), "1115 1116 1117 1118 1119");
  EXPECT_EQ(value("SELECT count(*) FROM records"), "3");
  EXPECT_EQ(value("SELECT count(*) FROM records_set_aside"), "0");
  EXPECT_THAT(warnings,
              testing::ElementsAre("sink_records_set_aside", "sink_partition_dropped",
                                   "sink_old_records_dropped"));
}

TEST_F(postgres_retention_test, a_node_whose_clock_is_ahead_drops_nothing) {
  auto sink = open();
  store(*sink, start_us);
  clock.us += 40 * day_us; // the node was started again, with a clock that is wrong
  sink = open();
  store(*sink, clock.us);
  EXPECT_EQ(value("SELECT count(*) FROM records"), "2");
  EXPECT_TRUE(told("sink_retention_held"));
  EXPECT_FALSE(told("sink_partition_dropped"));
}

TEST_F(postgres_retention_test, a_node_whose_clock_is_behind_drops_nothing) {
  auto sink = open();
  store(*sink, start_us);
  server_says(start_us + 40 * day_us);
  clock.us += 120'000'000;
  store(*sink, clock.us);
  EXPECT_EQ(days().substr(0, 4), "1114");
  EXPECT_TRUE(told("sink_retention_held"));
}

TEST_F(postgres_retention_test, clocks_that_jump_together_are_watched_for_a_day_first) {
  auto sink = open();
  store(*sink, start_us);
  later(40 * day_us);
  sink = open(); // a restart does not make it forget
  store(*sink, clock.us);
  EXPECT_EQ(days().substr(0, 4), "1114");
  EXPECT_TRUE(told("sink_retention_held"));
  later(23 * 3'600'000'000LL);
  store(*sink, clock.us);
  EXPECT_EQ(days().substr(0, 4), "1114");
  later(2 * 3'600'000'000LL);
  store(*sink, clock.us);
  EXPECT_NE(days().substr(0, 4), "1114");
  EXPECT_TRUE(told("sink_partition_dropped"));
}

TEST_F(postgres_retention_test, a_clock_that_is_set_right_again_has_cost_nothing) {
  auto sink = open();
  store(*sink, start_us);
  later(40 * day_us);
  store(*sink, clock.us);
  later(-40 * day_us + 120'000'000);
  sink = open();
  store(*sink, clock.us);
  EXPECT_EQ(value("SELECT count(*) FROM records"), "3");
  later(day_us);
  store(*sink, clock.us);
  EXPECT_EQ(value("SELECT count(*) FROM records"), "4");
}

TEST_F(postgres_retention_test, what_came_while_a_clock_said_1970_is_kept_as_any_other) {
  auto sink = open();
  for (const int64_t us :
       {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX, start_us - 40 * day_us, start_us})
    store(*sink, us);
  later(day_us);
  store(*sink, clock.us);
  EXPECT_EQ(value("SELECT count(*) FROM records"), "7");
  EXPECT_EQ(value("SELECT count(*) FROM records WHERE received_at BETWEEN"
                  " '2023-11-14' AND '2023-11-15'"),
            "6");
  EXPECT_TRUE(told("sink_times_replaced"));
  EXPECT_EQ(contents(*sink).size(), 7u);
}

TEST_F(postgres_retention_test, absurd_times_stop_no_sink_that_keeps_everything) {
  config.postgres.retention = std::chrono::days{0};
  auto sink = open();
  for (const int64_t us :
       {int64_t{0}, INT64_MIN, INT64_MAX, int64_t{253'402'300'800'000'000}})
    store(*sink, us);
  EXPECT_EQ(value("SELECT count(*) FROM records"), "4");
  EXPECT_EQ(contents(*sink).size(), 4u);
}

TEST_F(postgres_retention_test, a_batch_of_an_absurd_time_is_recognised_without_its_key) {
  config.postgres.claim_all = false; // so no key tells
  auto sink = open();
  store(*sink, 0);
  std::filesystem::remove(config.postgres.journal_directory + "/identity");
  later(120'000'000);
  sink = open();
  ASSERT_EQ(sink->cursor().last_sequence, 0u);
  ASSERT_TRUE(commit_all(*sink, frames_));
  EXPECT_EQ(value("SELECT count(*) FROM records"), "1");
}

TEST_F(postgres_retention_test, migrate_drops_nothing) {
  store(*open(), start_us);
  later(2 * day_us + 3'600'000'000LL);
  later(day_us);
  ASSERT_TRUE(migrate_postgres(config, clock));
  EXPECT_EQ(days().substr(0, 4), "1114");
}

TEST_F(postgres_retention_test,
       a_reader_that_holds_an_old_day_delays_its_end_and_nothing_else) {
  config.postgres.retention = std::chrono::days{1};
  auto sink = open();
  store(*sink, start_us);
  auto reader = db();
  later(day_us), store(*sink, clock.us);
  ASSERT_TRUE(reader.script("read", "BEGIN; SELECT count(*) FROM records"));
  later(day_us);
  store(*sink, clock.us);
  EXPECT_THAT(warnings, testing::ElementsAre("sink_upkeep_failed"));
  EXPECT_EQ(value("SELECT count(*) FROM records"), "3");
  ASSERT_TRUE(reader.script("done", "COMMIT"));
  later(120'000'000);
  store(*sink, clock.us);
  EXPECT_EQ(value("SELECT count(*) FROM records"), "3");
}
