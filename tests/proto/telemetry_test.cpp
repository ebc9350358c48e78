#include "proto/telemetry.hpp"

#include "base/log.hpp"

#include <gtest/gtest.h>

using namespace weir;

TEST(latency_histogram, a_time_on_a_bound_counts_below_it_and_one_above_in_the_next) {
  latency_histogram made;
  made.observe(0.001);
  made.observe(0.0010001);
  made.observe(0);
  made.observe(100);
  EXPECT_EQ(made.bucket(0), 1u);
  EXPECT_EQ(made.bucket(3), 1u) << "1 ms";
  EXPECT_EQ(made.bucket(4), 1u);
  EXPECT_EQ(made.bucket(latency_histogram::bounds.size()), 1u);
  EXPECT_NEAR(made.sum_seconds(), 100.0020001, 1e-6);
}

TEST(latency_histogram, a_clock_that_went_back_adds_nothing) {
  latency_histogram made;
  made.observe(-5);
  EXPECT_EQ(made.bucket(0), 1u);
  EXPECT_EQ(made.sum_seconds(), 0);
}

TEST(telemetry, a_name_is_one_gauge_whoever_asks) {
  telemetry figures;
  auto& queue = figures.queue("links");
  EXPECT_EQ(&figures.queue("links"), &queue);
  EXPECT_NE(&figures.queue("other"), &queue);
  EXPECT_EQ(&figures.stage("sink"), &figures.stage("sink"));
  EXPECT_EQ(figures.stages().size(), 1u);
}

TEST(telemetry, only_described_queues_are_shown_and_the_first_description_stands) {
  telemetry figures;
  figures.queue("unknown");
  EXPECT_TRUE(figures.queues().empty());
  figures.describe_queue("links", 7, {"batches", "a", "b", "c", "d"});
  figures.describe_queue("links", 9, {"bytes", "", "", "", ""});
  ASSERT_EQ(figures.queues().size(), 1u);
  EXPECT_EQ(figures.queues()[0]->said.unit, "batches");
  EXPECT_EQ(figures.queues()[0]->capacity, 9) << "a reload may change it";
}

namespace {
int lines = 0;
} // namespace

TEST(log, goes_where_it_was_told_and_nowhere_without) {
  set_log_writer(nullptr);
  log_event(log_level::info, "nobody_hears");
  set_log_writer([](log_level level, std::string_view event, auto fields) {
    EXPECT_EQ(level, log_level::warning);
    EXPECT_EQ(event, "something");
    EXPECT_EQ(fields.size(), 1u);
    ++lines;
  });
  log_event(log_level::warning, "something", {{"n", 1}});
  set_log_writer(nullptr);
  log_event(log_level::warning, "nobody_hears");
  EXPECT_EQ(lines, 1);
}
