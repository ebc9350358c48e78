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
