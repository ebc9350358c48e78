#include "storage/sinks/sqlite/sink.hpp"

#include "storage/open_sink.hpp"
#include "storage/sink/key_walk.hpp"
#include "storage/sqlite/sqlite.hpp"
#include "tests/storage/sinks/sink_frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <sys/resource.h>

using namespace weir;
using namespace weir::sink_test;

namespace {

struct sqlite_sink_test : ::testing::Test {
  scratch_directory directory;
  manual_clock clock;
  sink_config config = [&] {
    sink_config c;
    c.path = directory / "data/records.db";
    c.busy_timeout = std::chrono::milliseconds{0};
    return c;
  }();

  std::unique_ptr<sink> open() {
    auto opened = open_sink(config, clock);
    if (!opened)
      throw std::runtime_error(opened.error().text);
    return std::move(*opened);
  }
  sqlite::connection other() {
    return std::move(*sqlite::connection::open(config.path, sqlite::access::read_write,
                                               config.busy_timeout));
  }
};

} // namespace

TEST_F(sqlite_sink_test,
       stores_records_under_their_sequence_whatever_the_number_of_rows) {
  frame_list frames;
  for (const size_t records : {1, 63, 64, 65, 0, 128, 200})
    frames.add(records);
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(contents(*sink), contents(frames.all()));
  EXPECT_EQ(sink->cursor().position, frames.end());
  EXPECT_EQ(sink->cursor().last_sequence, 521u);
}

TEST_F(sqlite_sink_test, what_others_put_behind_its_records_moves_none_of_them) {
  frame_list frames;
  for (const size_t records : {3, 70, 200, 1})
    frames.add(records);
  {
    auto sink = open();
    auto db = other();
    ASSERT_TRUE(db.execute("insert", "INSERT INTO records VALUES (1000, 'x', 1, '{}')"));
    ASSERT_TRUE(commit_all(*sink, frames));
    EXPECT_EQ(contents(*sink), contents(frames.all()));
    ASSERT_TRUE(db.execute("delete", "DELETE FROM records"));
  }
  frames.add(130);
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(*other().number("count", "SELECT count(*) FROM records"), 130);
  EXPECT_EQ(*other().number("first", "SELECT min(id) FROM records"), 275);
}

TEST_F(sqlite_sink_test, has_the_documented_table) {
  open();
  auto db = other();
  auto query =
    db.prepare("read the schema", "SELECT sql FROM sqlite_master WHERE name = 'records'");
  ASSERT_TRUE(query && *query->step());
  EXPECT_EQ(query->bytes(0), "CREATE TABLE records(id INTEGER PRIMARY KEY, stream TEXT,"
                             " received_at INTEGER, body TEXT)");
  EXPECT_EQ(
    *db.number("count", "SELECT count(*) FROM sqlite_master WHERE type = 'index'"), 0);
}

TEST_F(sqlite_sink_test, keeps_pages_of_records_apart_when_they_are_large) {
  frame_list frames;
  auto& frame = frames.add(5);
  for (auto& body : frame.records)
    body = frames.keep(R"({"x":")" + std::string(700'000, 'x') + R"("})");
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(contents(*sink), contents(frames.all()));
}

TEST_F(sqlite_sink_test, when_frames_come_again_nothing_is_stored_twice) {
  frame_list frames;
  for (int i = 0; i < 6; ++i)
    frames.add(3).keyed = true;
  auto sink = open();
  ASSERT_TRUE(sink->commit(frames.slice(0, 3), frames.all()[2].next));
  ASSERT_TRUE(sink->commit(frames.slice(0, 3), frames.all()[2].next));
  ASSERT_TRUE(commit_all(*sink, frames));
  sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(contents(*sink), contents(frames.all()));
  EXPECT_EQ(sink->keys()->size(), 6u);
}

TEST_F(sqlite_sink_test,
       when_the_journal_was_started_afresh_new_records_at_old_places_are_stored) {
  frame_list frames;
  for (int i = 0; i < 40; ++i)
    frames.add(1);
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  frame_view fresh = frames.all()[0];
  fresh.first_sequence = 41;
  ASSERT_TRUE(sink->commit(std::span{&fresh, 1}, fresh.next));
  EXPECT_EQ(contents(*sink).size(), 41u);
  EXPECT_EQ(sink->cursor().position, fresh.next);
}

TEST_F(sqlite_sink_test,
       gives_back_the_keys_of_keyed_frames_oldest_first_after_a_restart) {
  frame_list frames;
  auto& first = frames.add(2, "web", clock.us);
  first.keyed = true;
  first.fingerprint = 0xfedcba9876543210ULL;
  first.key = {0x8000000000000001ULL, 0xffffffffffffffffULL};
  first.rejected = 3;
  first.quarantined = 1;
  first.dropped = 4;
  frames.add(5);
  frames.add(0, "web", clock.us).keyed = true;
  ASSERT_TRUE(commit_all(*open(), frames));
  const auto keys = open()->keys();
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 2u);
  const auto& key = keys->front();
  EXPECT_EQ(key.key, frames.all()[0].key);
  EXPECT_EQ(key.fingerprint, 0xfedcba9876543210ULL);
  EXPECT_EQ(std::tie(key.accepted, key.rejected, key.quarantined, key.dropped),
            std::make_tuple(2u, 3u, 1u, 4u));
  EXPECT_EQ(key.last_sequence, 2u);
  EXPECT_EQ(key.received_at_us, clock.us);
  EXPECT_EQ(keys->back().last_sequence, 0u);
}

TEST_F(sqlite_sink_test,
       gives_back_the_records_that_came_and_knows_the_key_of_each_part) {
  frame_list frames;
  frames.add(2);
  auto& split = frames.add(5, "web", clock.us);
  split.keyed = true;
  split.further_parts = 3;
  frames.add(1).keyed = true;
  ASSERT_TRUE(commit_all(*open(), frames));
  const auto keys = open()->keys();
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ(keys->front().accepted, 2u);
  EXPECT_EQ(keys->front().last_sequence, 7u);
  EXPECT_EQ(keys->back().accepted, 1u);
  auto db = other();
  auto walk = key_walk::open(db);
  ASSERT_TRUE(walk);
  std::string known;
  for (uint64_t id = 1; id <= 8; ++id) {
    const auto key = walk->of(id);
    ASSERT_TRUE(key);
    known += *key ? std::to_string((*key)->low) : "-";
  }
  EXPECT_EQ(known, "--222223");
}

TEST_F(sqlite_sink_test, remembers_no_more_keys_than_it_may) {
  config.keys_max = 10;
  auto sink = open();
  frame_list frames;
  for (int i = 0; i < 100; ++i) {
    frames.add(1, "web", clock.us).keyed = true;
    ASSERT_TRUE(sink->commit(frames.slice(frames.all().size() - 1, 1), frames.end()));
  }
  const auto keys = sink->keys();
  ASSERT_EQ(keys->size(), 10u);
  EXPECT_EQ(keys->back().key.low, 100u);
  EXPECT_EQ(keys->front().key.low, 91u);
  EXPECT_EQ(*other().number("count", "SELECT count(*) FROM batch_keys"), 10);
}

TEST_F(sqlite_sink_test, forgets_keys_that_are_too_old_when_new_ones_come) {
  auto sink = open();
  frame_list frames;
  for (int i = 0; i < 700; ++i)
    frames.add(1, "web", clock.us).keyed = true;
  ASSERT_TRUE(commit_all(*sink, frames));
  clock.us += std::chrono::microseconds{std::chrono::hours{25}}.count();
  EXPECT_TRUE(sink->keys()->empty());
  for (int i = 0; i < 3; ++i) {
    frames.add(1, "web", clock.us).keyed = true;
    ASSERT_TRUE(sink->commit(frames.slice(frames.all().size() - 1, 1), frames.end()));
  }
  EXPECT_EQ(sink->keys()->size(), 3u);
  EXPECT_EQ(*other().number("count", "SELECT count(*) FROM batch_keys"), 3);
}

TEST_F(sqlite_sink_test, a_wall_clock_that_is_wrong_for_a_while_forgets_no_key) {
  constexpr int64_t year_us = 365 * 24 * 3'600'000'000LL;
  for (const auto wrong_us : {-year_us, year_us}) {
    config.path = directory / ("wrong" + std::to_string(wrong_us));
    auto sink = open();
    frame_list frames;
    for (const auto wall_us : {int64_t{0}, wrong_us, int64_t{0}}) {
      clock.wall_wrong_us = wall_us;
      clock.us += 1'000'000;
      frames.add(1, "web", clock.unix_us()).keyed = true;
      ASSERT_TRUE(commit_all(*sink, frames));
    }
    EXPECT_EQ(sink->keys()->size(), 3u);
    sink.reset();
    EXPECT_EQ(open()->keys()->size(), 3u) << "after a restart";
  }
}

TEST_F(sqlite_sink_test,
       when_another_process_holds_the_lock_the_commit_fails_and_later_succeeds) {
  auto sink = open();
  frame_list frames;
  frames.add(100).keyed = true;
  {
    auto db = other();
    auto lock = sqlite::transaction::begin(db);
    ASSERT_TRUE(lock);
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto refused = commit_all(*sink, frames);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, ec::sink_unavailable);
      EXPECT_THAT(refused.error().text, ::testing::HasSubstr(config.path));
      EXPECT_THAT(refused.error().text, ::testing::HasSubstr("locked"));
    }
    EXPECT_EQ(sink->cursor().last_sequence, 0u);
  }
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(contents(*sink), contents(frames.all()));
  EXPECT_EQ(sink->keys()->size(), 1u);
}

TEST_F(sqlite_sink_test,
       when_the_disk_refuses_to_grow_the_commit_fails_whole_and_later_succeeds) {
  auto sink = open();
  frame_list small, frames;
  frames.add(10);
  ASSERT_TRUE(commit_all(*sink, frames));
  for (int i = 0; i < 10; ++i)
    frames.add(5000);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit tight{256 << 10, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto refused = commit_all(*sink, frames);
  const auto again = commit_all(*sink, frames);
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ec::sink_unavailable) << refused.error().text;
  ASSERT_FALSE(again);
  EXPECT_EQ(sink->cursor().last_sequence, 10u);
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(contents(*sink), contents(frames.all()));
}

TEST_F(sqlite_sink_test,
       when_the_database_is_deleted_underneath_the_sink_says_so_and_starts_anew) {
  auto sink = open();
  frame_list frames;
  for (int i = 0; i < 4; ++i)
    frames.add(10);
  ASSERT_TRUE(sink->commit(frames.slice(0, 2), frames.all()[1].next));
  std::filesystem::remove(config.path);
  const auto refused = sink->commit(frames.slice(2, 2), frames.end());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ec::sink_unavailable);
  EXPECT_THAT(refused.error().text, ::testing::HasSubstr("deleted or replaced"));
  EXPECT_EQ(sink->cursor().position, journal_position{})
    << "the journal must be read again";
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(contents(*open()), contents(frames.all()));
}

TEST_F(sqlite_sink_test,
       when_the_log_is_deleted_underneath_nothing_is_written_into_the_void) {
  auto sink = open();
  frame_list frames;
  for (int i = 0; i < 4; ++i)
    frames.add(10);
  ASSERT_TRUE(sink->commit(frames.slice(0, 1), frames.all()[0].next));
  ASSERT_TRUE(sink->commit(frames.slice(1, 1), frames.all()[1].next));
  std::filesystem::remove(config.path + "-wal");
  ASSERT_FALSE(sink->commit(frames.slice(2, 2), frames.end()));
  ASSERT_TRUE(commit_all(*sink, frames)) << "from the cursor that is left";
  EXPECT_EQ(contents(*open()), contents(frames.all()));
}

TEST_F(sqlite_sink_test, refuses_a_database_of_somebody_else_and_leaves_it_alone) {
  std::filesystem::create_directories(directory / "data");
  ASSERT_TRUE(other().execute("make a table", "CREATE TABLE theirs(x)"));
  std::ifstream file{config.path, std::ios::binary};
  const std::string before{std::istreambuf_iterator<char>{file}, {}};
  const auto refused = open_sink(config, clock);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ec::io_failed);
  EXPECT_THAT(refused.error().text, ::testing::HasSubstr("not a weir sink database"));
  std::ifstream again{config.path, std::ios::binary};
  EXPECT_EQ((std::string{std::istreambuf_iterator<char>{again}, {}}), before);
}

TEST_F(sqlite_sink_test,
       refuses_a_schema_from_the_future_and_a_file_that_is_no_database) {
  open();
  ASSERT_TRUE(other().execute("age it", "PRAGMA user_version = 2"));
  EXPECT_THAT(open_sink(config, clock).error().text,
              ::testing::HasSubstr("schema version 2"));
  EXPECT_THAT(open_sink_read_only(config).error().text,
              ::testing::HasSubstr("schema version 2"));
  config.path = directory / "text";
  std::ofstream{config.path} << std::string(4096, 'x');
  EXPECT_EQ(open_sink(config, clock).error().code, ec::io_failed);
}

TEST_F(sqlite_sink_test, when_the_path_cannot_be_opened_the_error_names_it) {
  std::ofstream{directory / "file"} << "x";
  config.path = directory / "file/records.db";
  const auto refused = open_sink(config, clock);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ec::sink_unavailable);
  EXPECT_THAT(refused.error().text, ::testing::HasSubstr(config.path));
}

TEST_F(sqlite_sink_test, can_be_read_beside_the_writer_and_the_visitor_holds_no_lock) {
  auto writer = open();
  frame_list frames;
  for (int i = 0; i < 30; ++i)
    frames.add(100);
  ASSERT_TRUE(writer->commit(frames.slice(0, 20), frames.all()[19].next));
  auto reader = open_sink_read_only(config);
  ASSERT_TRUE(reader) << reader.error().text;
  uint64_t seen = 0;
  ASSERT_TRUE((*reader)->each([&](const stored_record& r) {
    if (r.id == 5) {
      EXPECT_TRUE(commit_all(*writer, frames));
      EXPECT_TRUE(other().checkpoint().value()) << "the reader holds the log";
    }
    return r.id == ++seen;
  }));
  EXPECT_EQ(seen, 2000u) << "up to the cursor it was opened at";
  ASSERT_TRUE((*reader)->refresh());
  EXPECT_EQ((*reader)->cursor().last_sequence, 3000u);
  EXPECT_FALSE(commit_all(**reader, frames));
}

TEST_F(sqlite_sink_test, can_be_read_after_the_server_was_killed) {
  frame_list frames;
  frames.add(10);
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  const auto copy = directory / "copy.db"; // what a killed process leaves: file and log
  std::filesystem::copy_file(config.path, copy);
  std::filesystem::copy_file(config.path + "-wal", copy + "-wal");
  config.path = copy;
  auto reader = open_sink_read_only(config);
  ASSERT_TRUE(reader) << reader.error().text;
  EXPECT_EQ(contents(**reader), contents(frames.all()));
}

TEST_F(sqlite_sink_test,
       tells_which_batch_a_record_came_with_while_it_remembers_the_key) {
  frame_list frames;
  frames.add(2);
  frames.add(3).keyed = true;
  frames.add(1);
  frames.add(2).keyed = true;
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  for (const uint64_t after : {0, 3}) {
    std::vector<uint64_t> batches;
    ASSERT_TRUE(sink->each_after(after, [&](const stored_record& r) {
      batches.push_back(r.batch ? r.batch->low : 0);
      return true;
    }));
    const std::vector<uint64_t> all{0, 0, 2, 2, 2, 0, 4, 4};
    EXPECT_EQ(batches,
              std::vector<uint64_t>(all.begin() + static_cast<long>(after), all.end()));
  }
}

TEST_F(sqlite_sink_test, a_frame_of_rejections_at_the_cursor_is_not_stored_again) {
  frame_list frames;
  auto& frame = frames.add(0);
  frame.keyed = true;
  frame.rejected = 3;
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  frames.add(1);
  ASSERT_TRUE(commit_all(*sink, frames)); // the first comes again beside a new one
  EXPECT_EQ(sink->keys()->size(), 1u);
  EXPECT_EQ(*other().number("count", "SELECT count(*) FROM batch_keys"), 1);
}
