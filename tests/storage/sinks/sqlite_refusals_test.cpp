// No single record stops the sink: what sqlite will never take is set aside, its neighbours are
// stored, and a table that takes nothing is told from a record that is at fault.
#include "base/log.hpp"
#include "storage/open_sink.hpp"
#include "storage/sqlite/sqlite.hpp"
#include "tests/storage/sinks/sink_frames.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;
using namespace weir::sink_test;
using testing::HasSubstr;

namespace {

constexpr const char* odd = R"({"odd":1})";
std::vector<std::string> events;

struct sqlite_refusals_test : ::testing::Test {
  sqlite_refusals_test() {
    config.path = directory / "records.db";
    config.busy_timeout = std::chrono::milliseconds{0};
    events.clear();
    set_log_writer(
      [](log_level, std::string_view event, auto) { events.emplace_back(event); });
  }
  ~sqlite_refusals_test() override { set_log_writer(nullptr); }

  std::unique_ptr<sink> open() { return std::move(*open_sink(config, clock)); }
  sqlite::connection other() {
    return std::move(*sqlite::connection::open(config.path, sqlite::access::read_write,
                                               std::chrono::milliseconds{1000}));
  }
  void execute(const std::string& sql) {
    const auto done = other().execute("execute", sql);
    ASSERT_TRUE(done) << done.error().text;
  }
  int64_t count(const std::string& from) {
    return other().number("count", "SELECT count(*) FROM " + from).value_or(-1);
  }
  std::string text(const std::string& sql) {
    auto db = other();
    auto query = db.prepare("ask", sql);
    return query && query->step().value_or(false) ? std::string{query->bytes(0)} : "";
  }
  /// Each of the places that bulk insertion treats differently, under `sql`.
  void expect_set_aside_alone(const std::string& sql, std::string_view body = odd) {
    for (const size_t at : {0, 1, 70, 139}) {
      std::filesystem::remove_all(config.path);
      std::filesystem::remove_all(config.path + "-wal");
      auto sink = open();
      execute(sql);
      frame_list frames;
      frames.add(140).records[at] = body;
      const auto stored = commit_all(*sink, frames);
      ASSERT_TRUE(stored) << at << ' ' << stored.error().text;
      EXPECT_EQ(sink->cursor().position, frames.end());
      EXPECT_EQ(count("records"), 139) << at;
      EXPECT_EQ(text("SELECT id || ' ' || body FROM records_set_aside"),
                std::to_string(at + 1) + " " + std::string{body});
      EXPECT_EQ(sink->set_aside(), 1u);
      EXPECT_EQ(contents(*sink), contents(frames.all())); // export has them all
      EXPECT_EQ(contents(**open_sink_read_only(config)), contents(frames.all()));
      frames.add(3);
      ASSERT_TRUE(commit_all(*sink, frames));
      EXPECT_EQ(count("records"), 142);
    }
    EXPECT_EQ(std::count(events.begin(), events.end(), "sink_records_set_aside"), 4);
  }

  scratch_directory directory;
  manual_clock clock;
  sink_config config;
};

std::string trigger_that(const std::string& does) {
  return "CREATE TRIGGER refuse BEFORE INSERT ON records WHEN new.body ->> '$.odd' IS "
         "NOT NULL"
         " BEGIN SELECT RAISE("
         + does + "); END";
}

} // namespace

TEST_F(sqlite_refusals_test, a_trigger_that_aborts_costs_the_record_it_refuses) {
  expect_set_aside_alone(trigger_that("ABORT, 'no odd ones'"));
  EXPECT_EQ(text("SELECT reason FROM records_set_aside"), "no odd ones");
}

TEST_F(sqlite_refusals_test, a_trigger_that_fails_costs_the_record_it_refuses) {
  expect_set_aside_alone(trigger_that("FAIL, 'no odd ones'"));
}

TEST_F(sqlite_refusals_test, a_trigger_that_rolls_back_costs_the_record_it_refuses) {
  expect_set_aside_alone(trigger_that("ROLLBACK, 'no odd ones'"));
}

TEST_F(sqlite_refusals_test, a_trigger_that_ignores_a_record_does_not_lose_it) {
  expect_set_aside_alone(trigger_that("IGNORE"));
  EXPECT_THAT(text("SELECT reason FROM records_set_aside"), HasSubstr("trigger"));
}

TEST_F(sqlite_refusals_test, an_index_that_cannot_take_a_value_costs_its_record) {
  expect_set_aside_alone("CREATE INDEX n ON records(json_extract(body, '$.n'))",
                         R"({"n":1)"); // as one that is too deep for sqlite's JSON
}

TEST_F(sqlite_refusals_test, a_unique_index_costs_the_second_of_two) {
  auto sink = open();
  execute("CREATE UNIQUE INDEX n ON records(body ->> '$.n')");
  frame_list frames;
  frames.add(80);
  frames.add(1).records[0] = frames.all()[0].records[3];
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(count("records"), 80);
  EXPECT_EQ(count("records_set_aside"), 1);
}

TEST_F(sqlite_refusals_test, a_table_that_is_gone_is_a_sink_that_is_down) {
  auto sink = open();
  execute("ALTER TABLE records RENAME TO moved");
  frame_list frames;
  frames.add(5);
  EXPECT_FALSE(commit_all(*sink, frames));
  EXPECT_FALSE(commit_all(*sink, frames));
  execute("ALTER TABLE moved RENAME TO records");
  EXPECT_EQ(count("sqlite_master WHERE name = 'records_set_aside'"), 0);
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(count("records"), 5);
}

TEST_F(sqlite_refusals_test, a_table_that_refuses_everything_is_a_sink_that_is_down) {
  config.refused_max = 20;
  for (const std::string how : {"ABORT", "ROLLBACK"}) {
    std::filesystem::remove_all(config.path);
    std::filesystem::remove_all(config.path + "-wal");
    auto sink = open();
    execute("CREATE TRIGGER refuse BEFORE INSERT ON records BEGIN SELECT RAISE(" + how
            + ", 'no'); END");
    frame_list frames;
    frames.add(30);
    EXPECT_FALSE(commit_all(*sink, frames));
    execute("DROP TRIGGER refuse");
    EXPECT_EQ(count("sqlite_master WHERE name = 'records_set_aside'"), 0);
    ASSERT_TRUE(commit_all(*sink, frames));
    EXPECT_EQ(count("records"), 30);
  }
}

TEST_F(sqlite_refusals_test, many_bad_records_in_a_row_are_still_the_records_fault) {
  config.refused_max = 20;
  auto sink = open();
  execute(trigger_that("ABORT, 'no odd ones'"));
  frame_list frames;
  for (auto& body : frames.add(60).records)
    body = odd;
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(count("records_set_aside"), 60);
}
