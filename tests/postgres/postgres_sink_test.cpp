// What a PostgreSQL sink stores, and that nothing is stored twice or skipped.
#include "storage/open_sink.hpp"
#include "tests/postgres/fixture.hpp"

#include <atomic>

using namespace weir;
using namespace weir::postgres_test;
using testing::HasSubstr;

namespace {

using postgres_sink_test = postgres_fixture;

} // namespace

TEST_F(postgres_sink_test, stores_records_under_their_sequence_one_partition_a_day) {
  frame_list frames;
  frames.add(3, "web", start_us);
  frames.add(0);
  frames.add(600, "other", start_us + 86'400'000'000);
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(plain(contents(*sink)), sorted(contents(frames.all())));
  EXPECT_EQ(sink->cursor().position, frames.end());
  EXPECT_EQ(sink->cursor().last_sequence, 603u);
  EXPECT_EQ(value("SELECT count(*) FROM records_20231114"), "3");
  EXPECT_EQ(value("SELECT count(*) FROM records_20231115"), "600");
  EXPECT_EQ(value("SELECT received_at FROM records WHERE id = 1"),
            "2023-11-14 22:13:20+00");
  EXPECT_EQ(value("SELECT body ->> 'n' FROM records WHERE id = 7"), "7");
  EXPECT_EQ(value("SELECT count(DISTINCT batch) FROM records"), "2");
}

TEST_F(postgres_sink_test, when_frames_come_again_nothing_is_stored_twice) {
  frame_list frames;
  for (int i = 0; i < 6; ++i)
    frames.add(3).keyed = i % 2 == 0;
  auto sink = open();
  ASSERT_TRUE(sink->commit(frames.slice(0, 3), frames.all()[2].next));
  ASSERT_TRUE(sink->commit(frames.slice(0, 3), frames.all()[2].next));
  ASSERT_TRUE(commit_all(*sink, frames));
  sink = open();
  EXPECT_EQ(sink->cursor().position, frames.end());
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(plain(contents(*sink)), sorted(contents(frames.all())));
}

TEST_F(postgres_sink_test, gives_back_the_keys_of_keyed_frames_oldest_first) {
  frame_list frames;
  auto& added = frames.add(2, "web", clock.us - 5'000'000);
  auto first = added;
  first.keyed = true;
  first.fingerprint = 0xfedcba9876543210ULL;
  first.key = {0x8000000000000001ULL, 0xffffffffffffffffULL};
  first.rejected = 3;
  first.quarantined = 1;
  first.dropped = 4;
  added = first;
  frames.add(5);
  frames.add(0, "web", clock.us).keyed = true;
  ASSERT_TRUE(commit_all(*open(), frames));
  const auto keys = open()->keys();
  ASSERT_TRUE(keys) << keys.error().text;
  ASSERT_EQ(keys->size(), 2u);
  const auto& key = keys->front();
  EXPECT_EQ(key.key, first.key);
  EXPECT_EQ(key.fingerprint, first.fingerprint);
  EXPECT_EQ(key.accepted, 2u);
  EXPECT_EQ(key.rejected, 3u);
  EXPECT_EQ(key.quarantined, 1u);
  EXPECT_EQ(key.dropped, 4u);
  EXPECT_EQ(key.last_sequence, 2u);
  EXPECT_EQ(key.received_at_us, first.received_at_us);
}

TEST_F(postgres_sink_test, a_batch_that_is_in_two_journals_is_stored_once) {
  frame_list frames;
  for (int i = 0; i < 20; ++i)
    frames.add(10);
  auto here = open();
  auto there = open(another("other"));
  ASSERT_TRUE(here->commit(frames.slice(0, 12), frames.all()[11].next));
  ASSERT_TRUE(commit_all(*there, frames));
  ASSERT_TRUE(commit_all(*here, frames));
  EXPECT_EQ(value("SELECT count(*) || ' ' || count(DISTINCT body) FROM records"),
            "200 200");
  EXPECT_EQ(here->cursor().last_sequence, 200u);
  EXPECT_EQ(value("SELECT count(DISTINCT id >> 46) FROM records"), "2");
}

TEST_F(postgres_sink_test,
       two_that_store_the_same_batches_at_once_neither_block_nor_double) {
  frame_list frames;
  for (uint64_t i = 0; i < 400; ++i)
    frames.add(5).key = {i * 0x9e3779b97f4a7c15ULL, i};
  std::vector<frame_view> backwards{frames.all().rbegin(), frames.all().rend()};
  for (size_t i = 0; i < backwards.size();
       ++i) // a journal of its own has its own numbers
    backwards[i].first_sequence = 1 + i * 5;
  std::atomic<int> failures{0};
  const auto store = [&](const sink_config& with, std::span<const frame_view> all) {
    auto to = open(with);
    for (size_t at = 0; at < all.size(); at += 40)
      failures += to->commit(all.subspan(at, 40), {1, at + 40}) ? 0 : 1;
  };
  const auto other = another("other");
  open(); // the tables are there
  std::thread second{[&] { store(other, backwards); }};
  store(config, frames.all());
  second.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(value("SELECT count(*) || ' ' || count(DISTINCT body) FROM records"),
            "2000 2000");
}

TEST_F(postgres_sink_test,
       when_the_journal_is_lost_a_new_one_is_stored_from_its_beginning) {
  frame_list frames;
  for (int i = 0; i < 40; ++i)
    frames.add(1);
  ASSERT_TRUE(commit_all(*open(), frames));

  std::filesystem::remove_all(config.postgres.journal_directory);
  auto sink = open();
  EXPECT_EQ(sink->cursor().position, journal_position{});
  EXPECT_EQ(sink->cursor().last_sequence, 0u);
  begin_journal(config);
  frame_list fresh;
  fresh.add(2).key = {99, 1};             // new, at old places with old numbers
  fresh.add(1).key = frames.all()[5].key; // sent again to the new journal
  ASSERT_TRUE(commit_all(*sink, fresh));
  EXPECT_EQ(value("SELECT count(*) FROM records"), "42");
  EXPECT_EQ(open()->cursor().last_sequence, 3u);
}

TEST_F(postgres_sink_test, a_journal_that_lost_its_segments_only_is_another_one_too) {
  frame_list frames;
  frames.add(3);
  ASSERT_TRUE(commit_all(*open(), frames));
  std::filesystem::remove(config.postgres.journal_directory
                          + "/journal-00000000000000000001.wj");
  EXPECT_EQ(open()->cursor().last_sequence, 0u);
}

TEST_F(postgres_sink_test, batches_are_recognised_after_their_keys_are_forgotten) {
  frame_list frames;
  for (int i = 0; i < 30; ++i)
    frames.add(2, "web", start_us + i);
  auto first = open();
  auto late = open(another("late")); // has had them in its journal all the time
  ASSERT_TRUE(commit_all(*first, frames));
  clock.us += 120'000'000;
  frames.add(1, "web", clock.us);
  ASSERT_TRUE(commit_all(*first, frames)); // upkeep sees the keys
  clock.us += 30 * 3'600'000'000LL;
  frame_list more;
  for (int i = 0; i < 32; ++i)
    more.add(i < 30 ? 2 : 1, "web", clock.us);
  ASSERT_TRUE(commit_all(*first, more)); // upkeep is due
  ASSERT_EQ(
    value("SELECT count(*) FROM batch_keys WHERE received_at < '2023-11-14 22:15Z'"),
    "0");
  ASSERT_TRUE(commit_all(*late, frames));
  EXPECT_EQ(value("SELECT count(*) FROM records"), "62");
}

TEST_F(postgres_sink_test,
       a_journal_whose_cursor_was_lost_is_read_again_and_not_doubled) {
  config.postgres.claim_all = false; // so no key tells
  frame_list frames;
  for (int i = 0; i < 30; ++i)
    frames.add(2, "web", start_us + i);
  ASSERT_TRUE(commit_all(*open(), frames));
  std::filesystem::remove(config.postgres.journal_directory + "/identity");
  clock.us += 1'000'000;
  auto sink = open();
  ASSERT_EQ(sink->cursor().last_sequence, 0u);
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(value("SELECT count(*) FROM records"), "60");
}

TEST_F(postgres_sink_test, several_connections_store_what_one_does) {
  config.postgres.connections = 4;
  frame_list frames;
  for (int i = 0; i < 50; ++i)
    frames.add(i == 7 ? 3000 : 40);
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(plain(contents(*sink)), sorted(contents(frames.all())));
  EXPECT_EQ(value(std::string{"SELECT count(*) FROM pg_stat_activity WHERE "} + of_sinks
                  + " AND datname = current_database()"),
            "4");
}

TEST_F(postgres_sink_test, when_one_of_several_parts_fails_the_others_are_not_doubled) {
  config.postgres.connections = 4;
  frame_list frames;
  for (int i = 0; i < 50; ++i)
    frames.add(40);
  auto sink = open();
  // The last part waits for a key that somebody else holds and is ended while it waits.
  auto holder = db();
  ASSERT_TRUE(holder.script("begin", "BEGIN"));
  ASSERT_TRUE(holder.script(
    "hold a key", "INSERT INTO batch_keys SELECT '00000000-0000-0007-0000-000000000032',"
                  " now(), 0, 0, 0, 0, 0, 0, 0, false"));
  std::thread saboteur{[&] {
    wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
               " AND datname = current_database()");
    execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE"
            " wait_event_type = 'Lock' AND datname = current_database()");
  }};
  EXPECT_FALSE(commit_all(*sink, frames));
  saboteur.join();
  ASSERT_TRUE(holder.script("let go", "ROLLBACK"));
  EXPECT_EQ(sink->cursor().last_sequence, 0u);
  EXPECT_NE(value("SELECT count(*) FROM records"), "0");
  commit_until_done(*sink, frames);
  EXPECT_EQ(plain(contents(*sink)), sorted(contents(frames.all())));
}

TEST_F(postgres_sink_test, records_that_jsonb_cannot_hold_are_set_aside_alone) {
  frame_list frames;
  auto& frame = frames.add(9);
  const std::vector<std::string> unfit{R"({"a":"\u0000"})", R"({"a":"x\ud800y"})",
                                       R"({"a":"\udc00"})"};
  for (size_t i = 0; i < unfit.size(); ++i)
    frame.records[2 * i] = frames.keep(unfit[i]);
  frame.records[1] = frames.keep(R"({"a":"\ud83d\ude00 \\u0000"})"); // both are fine
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(value("SELECT count(*) FROM records"), "6");
  EXPECT_EQ(value("SELECT string_agg(body, ' ' ORDER BY id) FROM records_set_aside"),
            unfit[0] + " " + unfit[1] + " " + unfit[2]);
  EXPECT_EQ(value("SELECT body ->> 'a' FROM records WHERE id = 2"), "😀 \\u0000");
  EXPECT_THAT(warnings, testing::ElementsAre("sink_records_set_aside"));
  EXPECT_EQ(sink->set_aside(), 3u);
  EXPECT_EQ(contents(*sink).size(), 9u); // export has them all
}

TEST_F(postgres_sink_test,
       records_that_only_the_server_refuses_are_found_among_the_others) {
  frame_list frames;
  for (int i = 0; i < 20; ++i)
    frames.add(25);
  auto huge = frames.all();
  huge[3].records[4] = R"({"a":1e999999})";
  huge[11].records[0] = R"({"a":-1e999999})";
  huge[11].records[24] = R"({"a":1e-999999})";
  auto sink = open();
  ASSERT_TRUE(sink->commit(huge, frames.end()));
  EXPECT_EQ(value("SELECT count(*) FROM records"), "497");
  EXPECT_EQ(value("SELECT string_agg(id::text, ' ' ORDER BY id) FROM records_set_aside"),
            "80 276 300");
  EXPECT_THAT(value("SELECT reason FROM records_set_aside WHERE id = 80"),
              HasSubstr("numeric"));
}

TEST_F(postgres_sink_test, a_wall_clock_that_is_wrong_for_a_while_forgets_no_key) {
  constexpr int64_t year_us = 365 * 24 * 3'600'000'000LL;
  frame_list frames;
  auto sink = open();
  for (const auto wrong_us : {int64_t{0}, -year_us, int64_t{0}, year_us, int64_t{0}}) {
    clock.wall_wrong_us = wrong_us;
    clock.us += 120'000'000; // upkeep is due
    frames.add(1, "web", clock.unix_us()).keyed = true;
    frames.add(1, "web", clock.unix_us());
    ASSERT_TRUE(commit_all(*sink, frames));
  }
  EXPECT_EQ(value("SELECT count(*) FROM batch_keys"), "10");
  EXPECT_EQ(open()->keys()->size(), 5u);
}

TEST_F(postgres_sink_test, a_key_that_came_under_a_wrong_clock_is_not_the_oldest) {
  config.keys_max = 2;
  frame_list frames;
  auto sink = open();
  for (const auto wrong_us : {0LL, 0LL, 0LL, -3'600'000'000LL, 0LL}) {
    frames.add(1, "web", clock.us + wrong_us).keyed = true;
    clock.us += 120'000'000; // upkeep is due
    ASSERT_TRUE(commit_all(*sink, frames));
  }
  // The last upkeep was before the last commit.
  EXPECT_EQ(value("SELECT string_agg(last_sequence::text, ' ' ORDER BY last_sequence)"
                  " FROM batch_keys"),
            "3 4 5");
}

TEST_F(postgres_sink_test, keys_above_the_limit_are_forgotten_oldest_first) {
  config.keys_max = 10;
  frame_list frames;
  for (int i = 0; i < 60; ++i)
    frames.add(1, "web", clock.us + i).keyed = i % 2 == 0;
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  clock.us += 120'000'000;
  frames.add(1, "web", clock.us);
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(sink->keys()->size(), 10u);
  EXPECT_EQ(sink->keys()->back().last_sequence, 59u);
}

TEST_F(postgres_sink_test, no_failure_has_the_password_in_its_text) {
  config.postgres.url = "postgresql://weir:s3cret@127.0.0.1:1/weir";
  const auto refused = open_sink(config, clock);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ec::sink_unavailable);
  EXPECT_THAT(refused.error().text, HasSubstr("weir@127.0.0.1:1/weir"));
  EXPECT_THAT(refused.error().text, testing::Not(HasSubstr("s3cret")));
  const auto malformed = postgres::shown("postgresql://weir:s3cret%zz@h/d");
  ASSERT_FALSE(malformed);
  EXPECT_THAT(malformed.error().text, testing::Not(HasSubstr("s3cret")));
}
