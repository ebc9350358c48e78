// Batches that are validated and transformed in one go, as the work table sees them.
#include "base/clock.hpp"
#include "records/formats/framer.hpp"
#include "records/fuse.hpp"
#include "records/transform/plan.hpp"
#include "records/validate.hpp"
#include "tests/actors/work_table_fixture.hpp"

#include <nlohmann/json.hpp>

using namespace weir;
using namespace weir::work_table_test;
using namespace std::chrono_literals;

namespace {

work_limits fusing(size_t bytes) {
  work_limits limits;
  limits.fuse_bytes = bytes;
  return limits;
}

} // namespace

TEST(work_table, small_batches_are_fused_larger_ones_and_chunks_of_a_stream_are_not) {
  work_table table{fusing(30)};
  table.submit(small_batch(1, 10), t0); // 30 bytes
  table.submit(small_batch(2, 11), t0);
  table.submit(make_batch(3, 1), t0);
  for (const bool fused : {true, false, false}) {
    const auto order = table.take(1, t0);
    ASSERT_TRUE(order);
    EXPECT_EQ(order->fused, fused);
    EXPECT_TRUE(table.finish({order->job, worked(*order->batch), {7, 3ms}}));
    const auto done = table.take_done();
    ASSERT_TRUE(done);
    EXPECT_EQ(done->fused, fused);
    EXPECT_EQ(done->next.records, 7u);
    EXPECT_EQ(done->next.took, 3ms);
  }
}

TEST(work_table, of_a_streamed_request_all_chunks_are_fused_or_none) {
  auto limits = fusing(4);
  limits.fuse_chunks = true;
  work_table table{limits};
  table.submit(make_batch(1, 1), t0);
  table.submit(make_batch(2, 100), t0); // far above fuse_bytes
  for (uint64_t worker = 1; worker <= 2; ++worker) {
    const auto order = table.take(worker, t0);
    ASSERT_TRUE(order);
    EXPECT_TRUE(order->fused);
  }
}

TEST(work_table, where_nothing_is_fused_a_batch_without_text_is_not_either) {
  work_table table{fusing(0)};
  auto empty = std::make_shared<record_batch>(*small_batch(1, 1));
  empty->records.clear();
  empty->text = std::make_shared<const std::string>();
  table.submit(empty, t0);
  const auto done = table.take_done();
  ASSERT_TRUE(done);
  EXPECT_FALSE(done->fused);
}

// It may be somebody's data.
TEST(fused_work, what_a_stream_discards_has_no_body_whatever_refuses_it) {
  for (const auto policy : {dead_letter_policy::discard, dead_letter_policy::store}) {
    stream_spec spec;
    spec.settings.name = "web";
    spec.settings.dead_letters = policy;
    spec.check = schema::compile(R"({"required": ["a"]})", "test").value();
    spec.steps = plan::compile(nlohmann::json::array(), "web", {}).value();
    catalog::stream_map streams;
    streams.emplace("web", std::move(spec));
    const catalog all{std::move(streams)};
    auto source = std::make_shared<envelope>();
    source->stream = "web";
    source->bytes = "{\"b\":1}\n{\"a\":}\n5\n";
    source->bytes.reserve(source->bytes.size() + text_padding);
    auto batch = std::make_shared<record_batch>();
    framer frames{body_format::ndjson, {}};
    (void)frames.scan(source->bytes, true, 100, batch->records);
    source->parts.resize(1);
    source->parts[0].format = body_format::ndjson;
    batch->dropped = {0};
    batch->text = std::shared_ptr<const std::string>(source, &source->bytes);
    batch->source = source;
    work_scratch scratch{1};
    std::atomic<uint32_t> mark{0};
    const system_clock_source clock;
    for (const auto& done :
         {validate(*batch, all, scratch, mark),
          validate_and_transform(*batch, all, scratch, mark, clock).batch}) {
      ASSERT_EQ(done->rejections.size(), 3u);
      for (const auto& refused : done->rejections)
        EXPECT_EQ(refused.body.empty(), policy == dead_letter_policy::discard)
          << to_string(refused.code);
    }
  }
}
