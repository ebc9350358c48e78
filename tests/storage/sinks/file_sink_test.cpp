#include "storage/sinks/file/sink.hpp"

#include "storage/open_sink.hpp"
#include "storage/sinks/file/records.hpp"
#include "tests/storage/sinks/sink_frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

using namespace weir;
using namespace weir::sink_test;

namespace {

struct file_sink_test : ::testing::Test {
  scratch_directory directory;
  manual_clock clock;
  faulty_disk disk;
  sink_config config = [&] {
    sink_config c;
    c.kind = "file";
    c.path = directory / "out";
    return c;
  }();

  result<std::unique_ptr<sink>> try_open() { return open_file_sink(config, clock, disk); }
  std::unique_ptr<sink> open() {
    auto opened = try_open();
    if (!opened)
      throw std::runtime_error(opened.error().text);
    return std::move(*opened);
  }
  std::vector<std::string> record_files() {
    std::vector<std::string> names;
    const auto all = posix_file_system().list(config.path).value();
    for (const auto& name : all)
      if (name.starts_with("records-"))
        names.push_back(name);
    return names;
  }
  void execute_on_state(const char* sql) {
    auto db = sqlite::connection::open(
      config.path + "/state.db", sqlite::access::read_write, std::chrono::seconds{1});
    ASSERT_TRUE(db);
    ASSERT_TRUE(db->execute("test", sql));
  }
  /// Commits `count` frames one by one, and puts the state back that was there after the first.
  /// What the files have then.
  std::string commit_and_restore_state(const frame_list& frames, size_t count) {
    const auto state = config.path + "/state.db";
    for (size_t i = 0; i < count; ++i) {
      EXPECT_TRUE(open()->commit(frames.slice(i, 1), frames.all()[i].next));
      if (i == 0)
        std::filesystem::copy_file(state, directory / "old");
    }
    std::filesystem::remove(state);
    std::filesystem::rename(directory / "old", state);
    return text_of(record_files()[0]);
  }
  std::string text_of(const std::string& name) {
    std::ifstream file{config.path + "/" + name, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
};

} // namespace

TEST_F(file_sink_test, writes_one_line_of_json_for_each_record) {
  frame_list frames;
  frames.add(2, "web", 5);
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  ASSERT_EQ(record_files(),
            std::vector<std::string>{"records-00000000000000000001.ndjson"});
  EXPECT_EQ(text_of(record_files()[0]),
            "{\"id\":1,\"stream\":\"web\",\"received_at\":5,\"body\":{\"n\":1}}\n"
            "{\"id\":2,\"stream\":\"web\",\"received_at\":5,\"body\":{\"n\":2}}\n");
  EXPECT_EQ(contents(*sink), contents(frames.all()));
}

TEST_F(file_sink_test, reads_back_what_it_wrote_beside_the_writer_and_without_it) {
  frame_list frames;
  config.rotate_bytes = 15'000;
  auto sink = open();
  for (size_t i = 0; i < 30; ++i) {
    frames.add(100);
    ASSERT_TRUE(sink->commit(frames.slice(i, 1), frames.end()));
  }
  EXPECT_GT(record_files().size(), 5u);
  EXPECT_EQ(contents(**open_sink_read_only(config)), contents(frames.all()));
  sink.reset();
  EXPECT_EQ(contents(**open_sink_read_only(config)), contents(frames.all()));
}

TEST_F(file_sink_test, starts_a_new_file_above_its_size_and_after_its_time) {
  config.rotate_bytes = 200;
  config.rotate_after = std::chrono::seconds{60};
  auto sink = open();
  frame_list frames;
  const auto commit_one = [&] {
    frames.add(2);
    ASSERT_TRUE(sink->commit(frames.slice(frames.all().size() - 1, 1), frames.end()));
  };
  commit_one();
  commit_one();
  EXPECT_EQ(record_files().size(), 1u);
  commit_one(); // above 200 bytes now
  EXPECT_EQ(record_files().size(), 2u);
  clock.us += 61'000'000;
  sink = open();
  commit_one();
  EXPECT_EQ(record_files().back(), "records-00000000000000000007.ndjson");
  EXPECT_EQ(contents(*sink), contents(frames.all()));
  std::vector<uint64_t> later;
  ASSERT_TRUE(sink->each_after(5, [&](const stored_record& r) {
    later.push_back(r.id);
    return true;
  }));
  EXPECT_EQ(later, (std::vector<uint64_t>{6, 7, 8}));
}

TEST_F(file_sink_test, cuts_off_what_was_appended_but_never_committed) {
  frame_list frames;
  frames.add(3);
  ASSERT_TRUE(commit_all(*open(), frames));
  const auto name = record_files()[0];
  const auto committed = text_of(name);
  std::ofstream{config.path + "/" + name, std::ios::app} << "{\"id\":4,\"str";
  frames.add(2);
  ASSERT_TRUE(commit_all(*open(), frames));
  EXPECT_TRUE(text_of(name).starts_with(committed));
  EXPECT_EQ(contents(*open()), contents(frames.all()));
}

TEST_F(file_sink_test, a_file_that_was_begun_by_a_clock_that_was_ahead_is_finished) {
  auto sink = open();
  frame_list frames;
  for (const auto ahead_us : {3'600'000'000LL, 0LL, 0LL}) {
    clock.wall_wrong_us = ahead_us;
    frames.add(2);
    ASSERT_TRUE(commit_all(*sink, frames));
  }
  EXPECT_EQ(record_files().size(), 2u);
}

// Every operation on the disk fails once, at every place, and everything after it until
// the sink is opened again, as if the process had been killed there.
TEST_F(file_sink_test,
       when_it_dies_at_any_step_everything_is_there_once_after_the_replay) {
  config.rotate_bytes = 150;
  uint64_t step = 0;
  for (bool failed = true; failed; ++step) {
    ASSERT_LT(step, 200u);
    std::filesystem::remove_all(config.path);
    frame_list frames;
    for (int i = 0; i < 5; ++i)
      frames.add(2);
    disk.operations_left = step;
    failed = false;
    if (auto sink = try_open())
      for (size_t i = 0; i < 5 && !failed; ++i)
        failed = !(*sink)->commit(frames.slice(i, 1), frames.all()[i].next);
    else
      failed = true;
    disk.operations_left = UINT64_MAX;
    auto sink = open();
    ASSERT_TRUE(commit_all(*sink, frames)) << "step " << step;
    ASSERT_EQ(contents(*sink), contents(frames.all())) << "step " << step;
  }
  EXPECT_GT(step, 20u);
}

TEST_F(file_sink_test, when_a_sync_fails_that_file_is_not_appended_to_again) {
  auto sink = open();
  frame_list frames;
  frames.add(2);
  frames.add(2);
  ASSERT_TRUE(sink->commit(frames.slice(0, 1), frames.all()[0].next));
  const auto first = text_of(record_files()[0]);
  disk.operations_left = 2; // open, write; the sync fails
  const auto refused = sink->commit(frames.slice(1, 1), frames.end());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ec::sink_unavailable);
  disk.operations_left = UINT64_MAX;
  ASSERT_TRUE(commit_all(*sink, frames));
  ASSERT_EQ(record_files().size(), 2u);
  EXPECT_EQ(text_of(record_files()[0]), first);
  EXPECT_EQ(contents(*sink), contents(frames.all()));
}

TEST_F(file_sink_test, on_a_full_disk_attempts_leave_nothing_behind) {
  auto sink = open();
  frame_list frames;
  frames.add(2);
  frames.add(2);
  ASSERT_TRUE(sink->commit(frames.slice(0, 1), frames.all()[0].next));
  disk.full = true;
  for (int i = 0; i < 300; ++i)
    ASSERT_FALSE(sink->commit(frames.slice(1, 1), frames.end()));
  EXPECT_EQ(record_files().size(), 1u);
  disk.full = false;
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(record_files().size(), 2u);
  EXPECT_EQ(contents(*open()), contents(frames.all()));
}

TEST_F(file_sink_test, a_file_of_a_transaction_that_failed_is_not_left_behind) {
  auto sink = open();
  frame_list frames;
  frames.add(2);
  execute_on_state(
    "CREATE TRIGGER full BEFORE UPDATE ON cursor BEGIN SELECT raise(ABORT, "
    "'full'); END");
  for (int i = 0; i < 3; ++i)
    ASSERT_FALSE(commit_all(*sink, frames));
  EXPECT_LE(record_files().size(), 1u); // the last attempt's
  execute_on_state("DROP TRIGGER full");
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(record_files().size(), 1u);
  EXPECT_EQ(contents(*open()), contents(frames.all()));
}

TEST_F(file_sink_test,
       a_file_that_could_not_be_written_is_not_appended_to_after_a_detour) {
  auto sink = open();
  frame_list frames;
  frames.add(2);
  frames.add(2);
  ASSERT_TRUE(sink->commit(frames.slice(0, 1), frames.all()[0].next));
  disk.full = true;
  ASSERT_FALSE(commit_all(*sink, frames)); // appends
  ASSERT_FALSE(commit_all(*sink, frames)); // begins another
  disk.full = false;
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(record_files().size(), 2u);
}

TEST_F(file_sink_test,
       when_the_current_file_is_taken_away_the_next_commit_starts_another) {
  auto sink = open();
  frame_list frames;
  frames.add(2);
  frames.add(2);
  ASSERT_TRUE(sink->commit(frames.slice(0, 1), frames.all()[0].next));
  std::filesystem::remove(config.path + "/" + record_files()[0]);
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(contents(*sink), contents(frames.slice(1, 1)));
  EXPECT_EQ(contents(*open()), contents(frames.slice(1, 1)));
}

TEST_F(file_sink_test,
       when_the_state_is_lost_the_old_files_are_set_aside_and_not_deleted) {
  frame_list frames;
  frames.add(2);
  ASSERT_TRUE(commit_all(*open(), frames));
  const auto text = text_of(record_files()[0]);
  std::filesystem::remove(config.path + "/state.db");
  ASSERT_TRUE(commit_all(*open(), frames));
  EXPECT_EQ(text_of("records-00000000000000000001.ndjson.orphan"), text);
  EXPECT_EQ(contents(*open()), contents(frames.all()));
}

TEST_F(file_sink_test, lines_that_an_older_state_does_not_know_are_set_aside) {
  frame_list frames;
  for (int i = 0; i < 4; ++i)
    frames.add(2);
  const auto lines = commit_and_restore_state(frames, 3);
  const auto committed = text_of(record_files()[0]).substr(0, lines.size() / 3);
  for (int i = 0; i < 2; ++i) // the journal has the last frame only
    ASSERT_TRUE(open()->commit(frames.slice(3, 1), frames.end()));
  EXPECT_THAT(record_files(), ::testing::SizeIs(2));
  EXPECT_TRUE(text_of(record_files()[0]).starts_with(committed + "{\"id\":7"));
  EXPECT_EQ(text_of("records-00000000000000000001.ndjson.orphan"),
            lines.substr(committed.size()));
}

TEST_F(file_sink_test, what_is_set_aside_is_on_the_disk_before_its_lines_are_cut_off) {
  frame_list frames;
  for (int i = 0; i < 4; ++i)
    frames.add(2);
  commit_and_restore_state(frames, 3);
  const auto cut = record_files()[0];
  config.rotate_bytes = 1; // what comes next is in another file
  auto sink = open();
  disk.done.clear();
  ASSERT_TRUE(sink->commit(frames.slice(3, 1), frames.end()));
  const std::vector<std::string> first{"create " + cut + ".orphan",
                                       "sync " + cut + ".orphan", "sync out",
                                       "truncate " + cut, "sync " + cut};
  ASSERT_GE(disk.done.size(), first.size());
  EXPECT_THAT(std::vector(disk.done.begin(), disk.done.begin() + 5),
              ::testing::ElementsAreArray(first));
}

TEST_F(file_sink_test, a_file_as_long_as_the_limit_is_full) {
  frame_list frames;
  frames.add(1);
  frames.add(1);
  {
    auto sink = open();
    ASSERT_TRUE(sink->commit(frames.slice(0, 1), frames.all()[0].next));
    config.rotate_bytes = text_of(record_files()[0]).size();
  }
  ASSERT_TRUE(open()->commit(frames.slice(1, 1), frames.all()[1].next));
  EXPECT_EQ(record_files().size(), 2u);
}

TEST_F(file_sink_test,
       lines_that_an_older_state_does_not_know_and_the_journal_has_are_not) {
  for (const size_t at_once : {1, 4}) {
    std::filesystem::remove_all(config.path);
    frame_list frames;
    for (int i = 0; i < 4; ++i)
      frames.add(2);
    commit_and_restore_state(frames, 3);
    auto sink = open();
    for (size_t from = 0; from < 4; from += at_once)
      ASSERT_TRUE(
        sink->commit(frames.slice(from, at_once), frames.all()[from + at_once - 1].next));
    EXPECT_THAT(record_files(), ::testing::SizeIs(1));
    EXPECT_EQ(contents(*sink), contents(frames.all()));
  }
}

TEST_F(file_sink_test, files_set_aside_are_numbered_and_empty_ones_are_not_kept) {
  frame_list frames;
  frames.add(2);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(commit_all(*open(), frames));
    std::filesystem::remove(config.path + "/state.db");
  }
  std::ofstream{config.path + "/records-00000000000000000009.ndjson"};
  ASSERT_TRUE(commit_all(*open(), frames));
  EXPECT_THAT(record_files(), ::testing::UnorderedElementsAre(
                                "records-00000000000000000001.ndjson",
                                "records-00000000000000000001.ndjson.orphan",
                                "records-00000000000000000001.ndjson.2.orphan",
                                "records-00000000000000000001.ndjson.3.orphan",
                                "records-00000000000000000001.ndjson.4.orphan"));
}

TEST_F(file_sink_test, when_a_file_lost_committed_bytes_the_sink_refuses_and_says_which) {
  frame_list frames;
  frames.add(2);
  ASSERT_TRUE(commit_all(*open(), frames));
  const auto path = config.path + "/" + record_files()[0];
  std::filesystem::resize_file(path, 10);
  const auto refused = try_open();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, ::testing::HasSubstr(path));
}

TEST(record_line, is_read_as_it_was_written_and_nothing_else_is) {
  frame_view frame;
  frame.stream = "a-b_9";
  frame.received_at_us = -7;
  frame.first_sequence = 18446744073709551614u;
  frame.records = {"{}", R"({"x":"}\"","y":[1,2]})"};
  std::string lines;
  append_lines(lines, frame);
  const auto end = lines.find('\n');
  EXPECT_EQ(parse_line(lines.substr(0, end))->id, 18446744073709551614u);
  const auto line = lines.substr(end + 1, lines.size() - end - 2);
  const auto record = parse_line(line);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->id, 18446744073709551615u);
  EXPECT_EQ(record->stream, "a-b_9");
  EXPECT_EQ(record->received_at_us, -7);
  EXPECT_EQ(record->body, R"({"x":"}\"","y":[1,2]})");
  for (size_t size = 0; size < line.size() - 2; ++size)
    if (const auto cut = parse_line(line.substr(0, size))) {
      EXPECT_LT(cut->body.size(), record->body.size());
    }
  EXPECT_FALSE(parse_line(R"({"id":x,"stream":"a","received_at":1,"body":{}})"));
  EXPECT_EQ(parse_record_file_name(record_file_name(42)), 42u);
  EXPECT_FALSE(parse_record_file_name("records-42.ndjson"));
  EXPECT_FALSE(parse_record_file_name("records-0000000000000000004x.ndjson"));
}

TEST_F(file_sink_test, a_name_that_no_stream_has_does_not_stop_it) {
  frame_list frames;
  frames.add(2, "a\"b\\c\n");
  frames.add(1);
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  const auto lines = contents(*sink);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0],
            "1 a\\u0022b\\u005cc\\u000a " + std::to_string(start_us) + R"( {"n":1})");
}

TEST_F(file_sink_test, a_file_that_somebody_else_made_grow_is_not_appended_to) {
  frame_list frames;
  frames.add(2);
  auto sink = open();
  ASSERT_TRUE(commit_all(*sink, frames));
  const auto first = record_files().at(0);
  const auto ours = text_of(first);
  std::ofstream{config.path + "/" + first, std::ios::app} << "not ours\n";
  frames.add(2);
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(text_of(first), ours + "not ours\n");
  EXPECT_EQ(record_files().size(), 2u);
  EXPECT_EQ(contents(*sink), contents(frames.all()));
}
