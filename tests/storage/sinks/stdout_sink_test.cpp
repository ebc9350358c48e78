#include "storage/open_sink.hpp"
#include "storage/sinks/stdout/sink.hpp"
#include "tests/storage/sinks/sink_frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include <fcntl.h>

using namespace weir;
using namespace weir::sink_test;

namespace {

struct stdout_sink_test : ::testing::Test {
  scratch_directory directory;
  manual_clock clock;
  sink_config config;
  int reading = -1;
  int writing = -1;
  std::string seen;

  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN); // as run_cli() does
    config.kind = "stdout";
    config.path = directory / "here";
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reading = ends[0];
    writing = ends[1];
    ::fcntl(reading, F_SETFL, O_NONBLOCK);
  }
  void TearDown() override {
    ::close(reading);
    ::close(writing);
  }
  std::unique_ptr<sink> open() {
    return std::move(
      open_stdout_sink(config, clock, writing, std::chrono::milliseconds{0}).value());
  }
  /// What has come out so far.
  const std::string& read() {
    char piece[65536];
    for (ssize_t got; (got = ::read(reading, piece, sizeof piece)) > 0;)
      seen.append(piece, static_cast<size_t>(got));
    return seen;
  }
  /// Numbers of the lines, in the order in which they came.
  std::vector<uint64_t> ids() {
    std::vector<uint64_t> found;
    const auto& text = read();
    for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
      EXPECT_EQ(text.substr(at, 6), R"({"id":)") << "at byte " << at;
      found.push_back(std::stoull(text.substr(at + 6)));
    }
    return found;
  }
};

std::vector<uint64_t> up_to(uint64_t last) {
  std::vector<uint64_t> all;
  for (uint64_t i = 1; i <= last; ++i)
    all.push_back(i);
  return all;
}

} // namespace

TEST_F(stdout_sink_test, writes_each_record_as_a_line_once) {
  frame_list frames;
  frames.add(3);
  frames.add(2);
  ASSERT_TRUE(commit_all(*open(), frames));
  EXPECT_EQ(ids(), up_to(5));
  EXPECT_TRUE(commit_all(*open(), frames)) << "after a restart";
  EXPECT_EQ(ids(), up_to(5));
  EXPECT_EQ((*open_sink_read_only(config))->cursor().last_sequence, 5u);
}

TEST_F(stdout_sink_test, goes_on_in_the_middle_of_a_line_when_a_reader_reads_again) {
  frame_list frames;
  for (int i = 0; i < 60; ++i)
    frames.add(100);
  const auto out = open();
  int refused = 0;
  while (!commit_all(*out, frames)) {
    ++refused;
    read(); // one pipe full
    ASSERT_LT(refused, 1000);
  }
  EXPECT_GT(refused, 1) << "a pipe is smaller than this";
  EXPECT_EQ(ids(), up_to(6000));
}

TEST_F(stdout_sink_test, repeats_nothing_when_the_next_try_has_fewer_records) {
  frame_list frames;
  for (int i = 0; i < 60; ++i)
    frames.add(100);
  const auto out = open();
  const auto all = frames.all();
  ASSERT_FALSE(out->commit(all, frames.end())) << "the pipe is full";
  read();
  for (size_t i = 0; i < all.size(); ++i)
    while (!out->commit(std::span{all}.subspan(i, 1), all[i].next))
      read();
  EXPECT_EQ(ids(), up_to(6000));
}

TEST_F(stdout_sink_test, says_that_nobody_reads_and_loses_nothing) {
  frame_list frames;
  frames.add(1);
  ::close(std::exchange(reading, ::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  const auto refused = commit_all(*open(), frames);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ec::sink_unavailable);
  EXPECT_THAT(refused.error().text, ::testing::HasSubstr("nobody reads"));
  EXPECT_EQ(open()->cursor().last_sequence, 0u);
}
