#include "storage/sinks/null/sink.hpp"

#include "storage/open_sink.hpp"
#include "tests/storage/sinks/sink_frames.hpp"

#include <gtest/gtest.h>

using namespace weir;
using namespace weir::sink_test;

namespace {

/// What holds for every kind of sink.
struct any_sink_test : ::testing::TestWithParam<const char*> {
  scratch_directory directory;
  manual_clock clock;
  sink_config config = [&] {
    sink_config c;
    c.kind = GetParam();
    c.path = directory / "here";
    c.rotate_bytes = 2000;
    return c;
  }();
  std::unique_ptr<sink> open() { return std::move(open_sink(config, clock).value()); }
  bool keeps_records() const { return config.kind != "null"; }
};

} // namespace

TEST_P(any_sink_test, remembers_cursor_and_keys_across_a_restart) {
  EXPECT_FALSE(sink_exists(config));
  frame_list frames;
  frames.add(3, "web", clock.us).keyed = true;
  ASSERT_TRUE(commit_all(*open(), frames));
  EXPECT_TRUE(sink_exists(config));
  auto sink = open();
  EXPECT_EQ(sink->cursor().position, frames.end());
  EXPECT_EQ(sink->cursor().last_sequence, 3u);
  EXPECT_EQ(sink->keys()->size(), 1u);
  EXPECT_EQ((*open_sink_read_only(config))->cursor().last_sequence, 3u);
  EXPECT_EQ(contents(*sink).size(), keeps_records() ? 3u : 0u);
}

TEST_P(any_sink_test, moves_its_cursor_over_a_stretch_without_frames) {
  auto sink = open();
  ASSERT_TRUE(sink->commit({}, {3, 400}));
  ASSERT_TRUE(sink->commit({}, {2, 0}));
  EXPECT_EQ(open()->cursor().position, (journal_position{3, 400}));
}

// Random frames, committed in random stretches that may begin again before the cursor,
// with restarts in between; the model is the list of frames itself.
TEST_P(any_sink_test, holds_every_record_once_whatever_is_replayed) {
  for (const auto seed : seeds(6)) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
    random_source random{seed};
    std::filesystem::remove_all(config.path);
    frame_list frames;
    for (int i = 0; i < 60; ++i)
      frames.add(random.next() % 4 == 0 ? 0 : random.next() % 150, "s", clock.us).keyed =
        random.next() % 2 == 0;
    auto sink = open();
    for (size_t done = 0; done < frames.all().size();) {
      const auto from = done - random.next() % (done + 1);
      const auto to = std::min(frames.all().size(), done + random.next() % 8);
      if (to > from) {
        ASSERT_TRUE(
          sink->commit(frames.slice(from, to - from), frames.all()[to - 1].next));
      }
      done = std::max(done, to);
      if (random.next() % 4 == 0)
        sink = open();
      ASSERT_EQ(sink->cursor().position,
                done == 0 ? journal_position{} : frames.all()[done - 1].next);
      if (keeps_records() && random.next() % 8 == 0) {
        ASSERT_EQ(contents(*sink), contents(frames.slice(0, done)));
      }
    }
    EXPECT_EQ(sink->cursor().last_sequence, frames.last_sequence());
    EXPECT_EQ(contents(*sink), contents(frames.slice(0, keeps_records() ? 60 : 0)));
  }
}

INSTANTIATE_TEST_SUITE_P(kinds, any_sink_test,
                         ::testing::Values("sqlite", "file", "null"),
                         [](const auto& kind) { return std::string{kind.param}; });

TEST(open_sink, refuses_a_kind_it_does_not_know) {
  sink_config config;
  config.kind = "tape";
  EXPECT_EQ(open_sink(config, manual_clock{}).error().code, ec::invalid_config);
  EXPECT_EQ(open_sink_read_only(config).error().code, ec::invalid_config);
}
