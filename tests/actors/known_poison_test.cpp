#include "actors/known_poison.hpp"

#include "tests/actors/work_table_fixture.hpp"

using namespace weir;
using namespace weir::work_table_test;
using namespace std::chrono_literals;

TEST(work_table, what_hung_before_costs_no_worker_and_its_neighbours_go_through) {
  mill m;
  m.how = loss::hung;
  m.table.submit(make_batch(1, 5, {2}), t0);
  m.grind();
  m.table.submit(make_batch(2, 6, {0, 3, 5}), t0 + 9min);
  const auto done = m.grind();
  ASSERT_TRUE(done);
  EXPECT_EQ(m.crashes, 2) << "those of the first time";
  EXPECT_EQ(texts(*done), (std::vector<std::string>{"R1", "R2", "R4"}));
  ASSERT_EQ(done->rejections.size(), 3u);
  EXPECT_EQ(done->rejections[1].record, 3u);
  EXPECT_EQ(done->rejections[1].code, reject::quarantined);
  EXPECT_EQ(done->rejections[1].detail, "hung workers when it came before");
  EXPECT_EQ(done->rejections[1].body, "poison");
  m.table.submit(make_batch(3, 1, {0}), t0);
  EXPECT_TRUE(m.table.take_done()) << "nothing of it stands, nobody works on it";
  EXPECT_TRUE(m.table.empty());
}

TEST(work_table, what_hung_in_another_stream_or_long_ago_or_only_crashed_is_tried) {
  mill m;
  const auto come = [&](uint64_t id, const char* stream, work_table::time_point now) {
    auto batch = std::make_shared<record_batch>(*make_batch(id, 1, {0}));
    auto source = std::make_shared<envelope>(*batch->source);
    source->stream = stream;
    batch->source = source;
    m.table.submit(batch, now);
    m.grind();
    return std::exchange(m.crashes, 0);
  };
  EXPECT_EQ(come(1, "default", t0), 3);
  m.how = loss::hung;
  EXPECT_EQ(come(2, "default", t0), 2);
  EXPECT_EQ(come(3, "other", t0), 2);
  EXPECT_EQ(come(4, "default", t0 + known_poison::lasts - 1s), 0);
  EXPECT_EQ(come(5, "default", t0 + known_poison::lasts), 2);
}

TEST(known_poison, forgets_the_oldest_when_it_is_full) {
  known_poison known;
  const auto batch = make_batch(1, known_poison::records_max + 1);
  for (const auto& ref : batch->records)
    known.add(*batch, ref, t0);
  EXPECT_FALSE(known.has(*batch, batch->records.front(), t0));
  EXPECT_TRUE(known.has(*batch, batch->records[1], t0));
  EXPECT_TRUE(known.has(*batch, batch->records.back(), t0));
}

namespace {

/// The same text as a record of another stream, format or header.
struct variant {
  std::shared_ptr<record_batch> batch =
    std::make_shared<record_batch>(*make_batch(1, 1, {0}));
  std::shared_ptr<envelope> source;
  variant() : source(std::make_shared<envelope>(*batch->source)) {
    source->parts[0].format = body_format::csv;
    source->parts[0].header = std::make_shared<const csv_header>(csv_header{{"a", "b"}});
    batch->source = source;
  }
  const record_ref& ref() const { return batch->records.front(); }
};

} // namespace

TEST(known_poison, is_known_by_text_stream_format_and_header_and_nothing_else) {
  known_poison known;
  const variant first;
  known.add(*first.batch, first.ref(), t0);
  EXPECT_TRUE(known.has(*variant{}.batch, variant{}.ref(), t0))
    << "another header of the same names";
  const auto knows = [&](auto change) {
    variant other;
    change(*other.source);
    return known.has(*other.batch, other.ref(), t0);
  };
  EXPECT_FALSE(knows([](envelope& e) { e.stream = "other"; }));
  EXPECT_FALSE(knows([](envelope& e) { e.parts[0].format = body_format::text; }));
  EXPECT_FALSE(knows([](envelope& e) { e.parts[0].header = nullptr; }));
  EXPECT_FALSE(knows([](envelope& e) {
    e.parts[0].header = std::make_shared<const csv_header>(csv_header{{"a", "c"}});
  }));
  EXPECT_FALSE(knows([](envelope& e) {
    e.parts[0].header = std::make_shared<const csv_header>(csv_header{{"ab"}});
  }))
    << "where one name ends and the next begins counts";
  EXPECT_TRUE(knows([](envelope& e) { e.parts[0].client = "203.0.113.9"; }));
}

TEST(known_poison, is_forgotten_when_its_time_is_over) {
  known_poison known;
  const variant one;
  known.add(*one.batch, one.ref(), t0);
  EXPECT_TRUE(known.has(*one.batch, one.ref(), t0 + known_poison::lasts - 1ms));
  EXPECT_FALSE(known.has(*one.batch, one.ref(), t0 + known_poison::lasts));
}
