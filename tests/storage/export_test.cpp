#include "storage/export.hpp"

#include "storage/open_sink.hpp"
#include "tests/storage/sinks/sink_frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

using namespace weir;
using namespace weir::sink_test;

namespace {

/// A journal over hand-made frames, whose oldest segments the test deletes.
struct fake_journal {
  frame_list frames;
  size_t published = 0;
  uint64_t first_segment = 0; ///< older ones are deleted
  bool holes_are_silent =
    false;                 ///< a missing segment is stepped over instead of an error
  bool fails_once = false; ///< the next read does
  std::function<void()> before_read = [] {};

  journal_position end() const {
    return published == 0 ? journal_position{} : frames.all()[published - 1].next;
  }

  class reader final : public journal_reader {
   public:
    reader(fake_journal& from, journal_position at) : from_(from), at_(at) {}
    result<std::vector<frame_view>> read(journal_position until, size_t,
                                         size_t) override {
      from_.before_read();
      if (std::exchange(from_.fails_once, false))
        return fail(ec::io_failed, "cannot read");
      for (const auto& frame : from_.frames.all()) {
        if (frame.next <= at_ || frame.next > until)
          continue;
        if (frame.next.segment < from_.first_segment) {
          if (!from_.holes_are_silent)
            return fail(ec::io_failed, "segment " + std::to_string(frame.next.segment)
                                         + " does not exist");
          continue;
        }
        at_ = frame.next;
        return std::vector<frame_view>{frame};
      }
      return std::vector<frame_view>{};
    }
    journal_position position() const noexcept override { return at_; }

   private:
    fake_journal& from_;
    journal_position at_;
  };

  journal_source source() {
    return {[this]() -> result<journal_position> { return end(); },
            [this](journal_position from) -> result<std::unique_ptr<journal_reader>> {
              return std::make_unique<reader>(*this, from);
            }};
  }
};

struct export_test : ::testing::TestWithParam<const char*> {
  scratch_directory directory;
  manual_clock clock;
  fake_journal journal;
  export_options options = [&] {
    export_options o;
    o.sink.kind = GetParam();
    o.sink.path = directory / "sink";
    o.sink.rotate_bytes = 2000;
    return o;
  }();
  std::unique_ptr<sink> sink_;

  sink& writer() {
    if (!sink_)
      sink_ = std::move(open_sink(options.sink, clock).value());
    return *sink_;
  }
  void publish(size_t frames, size_t records, std::string_view stream = "web") {
    for (size_t i = 0; i < frames; ++i)
      journal.frames.add(records, stream,
                         start_us + static_cast<int64_t>(journal.published++));
  }
  /// The sink goes on to behind so many frames; older segments than its own are deleted.
  void sink_up_to(size_t frames) {
    const auto next = journal.frames.all()[frames - 1].next;
    ASSERT_TRUE(writer().commit(journal.frames.slice(0, frames), next));
    journal.first_segment = next.segment;
  }
  std::vector<uint64_t> ids() {
    std::vector<uint64_t> all;
    const auto visited =
      export_records(options, journal.source(), [&](const exported& r) {
        all.push_back(r.id);
        return true;
      });
    EXPECT_TRUE(visited) << visited.error().text;
    EXPECT_EQ(visited.value_or(0), all.size());
    return all;
  }
  static std::vector<uint64_t> range(uint64_t first, uint64_t last) {
    std::vector<uint64_t> all;
    for (auto id = first; id <= last; ++id)
      all.push_back(id);
    return all;
  }
};

} // namespace

TEST_P(export_test, visits_the_sinks_records_and_then_what_only_the_journal_has) {
  publish(40, 5);
  sink_up_to(25);
  EXPECT_EQ(ids(), range(1, 200));
  sink_.reset(); // the server is down
  EXPECT_EQ(ids(), range(1, 200));
}

TEST_P(export_test, works_before_there_is_a_sink_and_when_the_journal_has_nothing_more) {
  publish(4, 5);
  EXPECT_EQ(ids(), range(1, 20));
  sink_up_to(4);
  EXPECT_EQ(ids(), range(1, 20));
}

TEST_P(export_test, gives_stream_time_batch_and_body_of_each) {
  publish(1, 1, "a");
  publish(1, 1, "b");
  sink_up_to(1);
  std::vector<std::string> lines;
  ASSERT_TRUE(export_records(options, journal.source(), [&](const exported& r) {
    lines.push_back(std::string{r.stream} + " "
                    + std::to_string(r.received_at_us - start_us) + " "
                    + std::string{r.batch} + " " + std::string{r.body});
    return true;
  }));
  EXPECT_EQ(lines, (std::vector<std::string>{"a 0  {\"n\":1}",
                                             "b 1 " + to_hex({7, 2}) + " {\"n\":2}"}));
}

TEST_P(export_test, filters_by_stream_and_time_and_stops_at_its_limit) {
  publish(10, 1, "a");
  publish(10, 1, "b");
  publish(10, 1, "a");
  sink_up_to(15);
  options.stream = "b";
  EXPECT_EQ(ids(), range(11, 20));
  options.since_us = start_us + 12;
  options.until_us = start_us + 17;
  EXPECT_EQ(ids(), range(13, 17));
  options.limit = 4;
  EXPECT_EQ(ids(), range(13, 16));
  options.limit = 0;
  EXPECT_TRUE(ids().empty());
  options = {options.sink, "", "", start_us, start_us + 100, 100};
  uint64_t calls = 0;
  EXPECT_EQ(*export_records(options, journal.source(),
                            [&](const exported&) { return ++calls < 18; }),
            18u);
  EXPECT_EQ(calls, 18u);
}

TEST_P(export_test,
       when_a_segment_is_deleted_before_it_is_read_nothing_is_lost_or_doubled) {
  for (const bool silent : {false, true}) {
    SCOPED_TRACE(silent);
    std::filesystem::remove_all(options.sink.path);
    sink_.reset();
    journal.frames = {};
    journal.published = 0;
    journal.first_segment = 0;
    publish(100, 3);
    sink_up_to(10);
    journal.holes_are_silent = silent;
    int reads = 0;
    journal.before_read = [&] {
      if (++reads == 5)
        sink_up_to(60);
      if (reads == 40)
        sink_up_to(97);
    };
    EXPECT_EQ(ids(), range(1, 300));
    EXPECT_GT(reads, 40);
  }
}

TEST_P(export_test, when_the_sink_goes_on_meanwhile_nothing_is_lost_or_doubled) {
  for (const auto seed : seeds(8)) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
    random_source random{seed};
    std::filesystem::remove_all(options.sink.path);
    sink_.reset();
    journal.frames = {};
    journal.published = 0;
    journal.first_segment = 0;
    publish(80, 2);
    size_t done = 1 + random.next() % 40;
    sink_up_to(done);
    journal.before_read = [&] {
      if (random.next() % 10 == 0)
        sink_up_to(done = std::min<size_t>(80, done + random.next() % 40));
    };
    EXPECT_EQ(ids(), range(1, 160));
  }
}

TEST_P(export_test,
       when_reading_begins_again_before_what_was_visited_nothing_comes_twice) {
  publish(30, 2);
  sink_up_to(2);
  int reads = 0;
  journal.before_read = [&] {
    if (++reads == 12) { // 11 frames behind the sink's cursor have been visited
      sink_up_to(5);
      journal.fails_once = true;
    }
  };
  EXPECT_EQ(ids(), range(1, 60));
}

TEST_P(export_test,
       when_recovery_took_a_frame_out_of_the_journal_export_goes_on_behind_it) {
  publish(30, 2);
  sink_up_to(4);
  journal.first_segment =
    2; // 16 frames of segment 1 can't be read, the sink stands still
  journal.holes_are_silent = true;
  auto expected = range(1, 8);
  for (const auto id : range(33, 60))
    expected.push_back(id);
  EXPECT_EQ(ids(), expected);
}

TEST_P(export_test, when_the_journal_cannot_be_read_and_the_sink_stands_still_it_fails) {
  publish(30, 2);
  sink_up_to(4);
  journal.first_segment = 2;
  const auto failed =
    export_records(options, journal.source(), [](const exported&) { return true; });
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().text, ::testing::HasSubstr("segment 1"));
}

INSTANTIATE_TEST_SUITE_P(kinds, export_test, ::testing::Values("sqlite", "file"),
                         [](const auto& kind) { return std::string{kind.param}; });
