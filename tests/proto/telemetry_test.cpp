#include "proto/telemetry.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <stdexcept>

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
  telemetry metrics;
  auto& queue = metrics.queue("links");
  EXPECT_EQ(&metrics.queue("links"), &queue);
  EXPECT_NE(&metrics.queue("other"), &queue);
  EXPECT_EQ(&metrics.stage("sink"), &metrics.stage("sink"));
  EXPECT_EQ(metrics.stages().size(), 1u);
}

TEST(telemetry, only_described_queues_are_shown_and_the_first_description_stands) {
  telemetry metrics;
  metrics.queue("unknown");
  EXPECT_TRUE(metrics.queues().empty());
  metrics.describe_queue("links", 7, {"batches", "a", "b", "c", "d"});
  metrics.describe_queue("links", 9, {"bytes", "", "", "", ""});
  ASSERT_EQ(metrics.queues().size(), 1u);
  EXPECT_EQ(metrics.queues()[0]->said.unit, "batches");
  EXPECT_EQ(metrics.queues()[0]->capacity, 9) << "a reload may change it";
}

namespace {

constexpr metric_spec words{"weir_words_total", "Words."};
constexpr metric_spec level{"weir_level", "A level."};

const metric_family* find(const std::vector<metric_family>& all, std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const auto& one) { return one.spec.name == name; });
  return found == all.end() ? nullptr : &*found;
}

/// "a,b=1 c,d=2", of one metric.
std::string shown(telemetry& metrics, std::string_view name) {
  const auto all = metrics.families();
  const auto* const family = find(all, name);
  if (!family)
    return "nothing";
  std::string text;
  for (const auto& sample : family->samples) {
    text += text.empty() ? "" : " ";
    for (const auto& value : sample.label_values)
      text += value + (&value == &sample.label_values.back() ? "" : ",");
    text += "=" + std::to_string(static_cast<int64_t>(sample.value));
  }
  return text;
}

} // namespace

TEST(telemetry, who_is_restarted_finds_the_count_and_no_other_node_does) {
  telemetry metrics;
  add(metrics.counter(words), 3);
  auto& again = metrics.counter(words);
  EXPECT_EQ(again, 3u);
  add(again);
  EXPECT_EQ(shown(metrics, "weir_words_total"), "=4");
  telemetry other;
  EXPECT_EQ(other.counter(words), 0u);
}

TEST(telemetry, each_value_of_a_label_has_a_series_of_its_own) {
  telemetry metrics;
  add(metrics.counter(words, {{"sink", "main"}}), 2);
  add(metrics.counter(words, {{"sink", "bus"}}), 5);
  add(metrics.counter(words, {{"sink", "main"}}));
  EXPECT_EQ(shown(metrics, "weir_words_total"), "main=3 bus=5");
  EXPECT_EQ(metrics.families().at(0).labels, std::vector<std::string_view>{"sink"});
}

TEST(telemetry, a_metric_that_is_declared_without_a_label_s_value_shows_no_series) {
  telemetry metrics;
  add(metrics.counter(words, {{"sink", ""}}), 2);
  EXPECT_EQ(shown(metrics, "weir_words_total"), "");
  EXPECT_EQ(metrics.families().size(), 1u);
  EXPECT_EQ(metrics.counter(words, {{"sink", "main"}}), 0u);
}

TEST(telemetry, a_gauge_begins_as_it_says_and_may_be_absent) {
  telemetry metrics;
  auto& made = metrics.gauge(level, {}, 1);
  EXPECT_EQ(shown(metrics, "weir_level"), "=1");
  made = -2;
  EXPECT_EQ(metrics.gauge(level, {}, 1), -2) << "only the first time";
  EXPECT_EQ(shown(metrics, "weir_level"), "=-2");
  made = gauge_absent;
  EXPECT_EQ(shown(metrics, "weir_level"), "");
}

TEST(telemetry, of_numbered_counters_those_that_counted_are_shown) {
  telemetry metrics;
  const auto made = metrics.numbered(words, "code", 600);
  ASSERT_EQ(made.size(), 600u);
  EXPECT_EQ(shown(metrics, "weir_words_total"), "");
  add(made[503], 2);
  add(metrics.numbered(words, "code", 600)[200]);
  EXPECT_EQ(shown(metrics, "weir_words_total"), "200=1 503=2");
}

TEST(telemetry, what_is_computed_is_read_with_the_page) {
  telemetry metrics;
  int64_t now = 4;
  metrics.computed(level, metric_type::level, {}, [&] { return now; });
  EXPECT_EQ(shown(metrics, "weir_level"), "=4");
  now = 7;
  EXPECT_EQ(shown(metrics, "weir_level"), "=7");
  std::vector<std::string> peers{"a", "b"};
  metrics.sampled(words, metric_type::total, {"peer"}, [&] {
    std::vector<metric_sample> samples;
    for (const auto& peer : peers)
      samples.push_back({{peer}, 1});
    return samples;
  });
  EXPECT_EQ(shown(metrics, "weir_words_total"), "a=1 b=1");
  peers = {"b"};
  EXPECT_EQ(shown(metrics, "weir_words_total"), "b=1");
}

TEST(telemetry, a_histogram_is_read_bucket_by_bucket) {
  telemetry metrics;
  constexpr metric_spec time{"weir_time_seconds", "Time."};
  metrics.histogram(time).observe(0.0002);
  metrics.histogram(time).observe(3);
  const auto sample = metrics.families().at(0).samples.at(0);
  EXPECT_EQ(sample.buckets[1], 1u);
  EXPECT_EQ(sample.buckets[14], 1u);
  EXPECT_NEAR(sample.value, 3.0002, 1e-6);
}

TEST(telemetry, a_metric_has_one_type_one_help_and_one_set_of_labels) {
  telemetry metrics;
  metrics.counter(words, {{"sink", "main"}});
  EXPECT_THROW(metrics.counter(words), std::logic_error);
  EXPECT_THROW(metrics.counter(words, {{"stage", "main"}}), std::logic_error);
  EXPECT_THROW(metrics.counter({words.name, "Other words."}, {{"sink", "main"}}),
               std::logic_error);
  metrics.gauge(level);
  EXPECT_THROW(metrics.histogram(level), std::logic_error);
}

TEST(telemetry, a_name_says_its_type_and_a_help_is_a_sentence) {
  telemetry metrics;
  EXPECT_THROW(metrics.counter({"weir_words", "Words."}), std::logic_error);
  EXPECT_THROW(metrics.gauge({"weir_level_total", "A level."}), std::logic_error);
  EXPECT_THROW(metrics.histogram({"weir_time", "Time."}), std::logic_error);
  EXPECT_THROW(metrics.gauge({"weir_level", "A level"}), std::logic_error);
  EXPECT_THROW(metrics.gauge({"weir_Level", "A level."}), std::logic_error);
  EXPECT_THROW(metrics.gauge({"", "A level."}), std::logic_error);
  EXPECT_TRUE(metrics.families().empty());
}

TEST(telemetry, stages_and_described_queues_have_their_series) {
  telemetry metrics;
  metrics.declare_stages();
  metrics.declare_queues();
  EXPECT_EQ(shown(metrics, "weir_records_processed_total"), "");
  auto& stage = metrics.stage("validate");
  add(stage.records_processed, 3);
  metrics.stage("validate").credit_available = 8;
  metrics.stage("sink");
  EXPECT_EQ(shown(metrics, "weir_records_processed_total"), "validate=3 sink=0");
  EXPECT_EQ(shown(metrics, "weir_credit_available"), "validate=8") << "sink gives none";
  metrics.queue("admission").depth = 5;
  EXPECT_EQ(shown(metrics, "weir_queue_depth"), "");
  metrics.describe_queue("admission", 9, {"bytes", "a", "b", "c", "d"});
  EXPECT_EQ(shown(metrics, "weir_queue_depth"), "admission=5");
  EXPECT_EQ(shown(metrics, "weir_queue_capacity"), "admission=9");
  EXPECT_EQ(metrics.families().size(), 7u);
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
