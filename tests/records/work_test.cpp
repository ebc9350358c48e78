// What crosses links is a peer's making: a batch may be none that our own listener would make.
#include "records/work.hpp"

#include <gtest/gtest.h>

using namespace weir;

TEST(validate, refuses_csv_records_of_a_batch_that_has_no_header) {
  auto arrived = std::make_shared<envelope>();
  arrived->stream = "table";
  arrived->bytes = "1,2\n3,4\n";
  arrived->bytes.reserve(arrived->bytes.size() + text_padding);
  arrived->parts.resize(1);
  arrived->parts[0].format = body_format::csv;
  arrived->parts[0].records = 2;
  record_batch batch;
  batch.source = arrived;
  batch.text = std::shared_ptr<const std::string>(arrived, &arrived->bytes);
  batch.records = {{0, 3, 0, 0, 0}, {4, 3, 0, 1, 1}};

  const catalog streams{{{"table", stream_spec{}}}};
  work_scratch scratch{1};
  std::atomic<uint32_t> mark{0};
  const auto checked = validate(batch, streams, scratch, mark);
  EXPECT_TRUE(checked->records.empty());
  ASSERT_EQ(checked->rejections.size(), 2u);
  EXPECT_EQ(checked->rejections[1].record, 1u);
  EXPECT_EQ(checked->rejections[1].code, reject::ragged_row);
}
