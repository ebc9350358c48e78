// What crosses links is a peer's making: a batch may be none that our own listener would make.
#include "records/formats/framer.hpp"
#include "records/validate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;
using testing::ElementsAre;
using testing::StartsWith;

namespace {

/// One record of each line, as a peer would send it.
batch_ptr batch_of(std::string lines, body_format format) {
  auto arrived = std::make_shared<envelope>();
  arrived->stream = "table";
  arrived->bytes = std::move(lines);
  arrived->bytes.reserve(arrived->bytes.size() + text_padding);
  arrived->parts.resize(1);
  arrived->parts[0].format = format;
  auto batch = std::make_shared<record_batch>();
  framer frames{body_format::ndjson, {}};
  EXPECT_TRUE(frames.scan(arrived->bytes, true, 1'000, batch->records));
  batch->source = arrived;
  batch->text = std::shared_ptr<const std::string>(arrived, &arrived->bytes);
  return batch;
}

/// For each record refused: its number, code and detail.
std::vector<std::string> refused(const std::string& lines, body_format format,
                                 uint32_t json_depth_max = 64) {
  stream_spec spec;
  spec.settings.json_depth_max = json_depth_max;
  const catalog streams{{{"table", std::move(spec)}}};
  work_scratch scratch{1};
  std::atomic<uint32_t> mark{0};
  const auto batch = batch_of(lines, format);
  std::vector<std::string> out;
  const auto checked = validate(*batch, streams, scratch, mark);
  for (const auto& r : checked->rejections)
    out.push_back(std::to_string(r.record) + " " + std::string{to_string(r.code)} + ": "
                  + r.detail);
  return out;
}

} // namespace

TEST(validate, counts_the_depth_of_a_record_alike_in_every_format_empty_or_not) {
  for (const auto format : {body_format::ndjson, body_format::json}) {
    EXPECT_THAT(refused(R"({"a":{"b":{"c":{"d":1}}}}
{"a":{"b":{"c":{"d":{}}}}}
{"a":{"b":{"c":{}}}}
{"a":{"b":{"c":{"d":[]}}},"e":1}
{"a":{"b":{"c":{"d":"[[[{{{\"[["}}}}
{"a":{"b":{"c":{"d":{"e":1}}}}}
{"a":1})",
                        format, 4),
                ElementsAre("1 too_deep: nested deeper than 4 levels (json_depth_max)",
                            "3 too_deep: nested deeper than 4 levels (json_depth_max)",
                            "5 too_deep: nested deeper than 4 levels (json_depth_max)"));
    EXPECT_THAT(refused("{}\n{\"a\":\"\\n\"}\n{\"a\":{}}", format, 1),
                ElementsAre("2 too_deep: nested deeper than 1 levels (json_depth_max)"));
  }
}

TEST(validate, says_which_number_neither_64_bits_nor_a_double_hold) {
  EXPECT_THAT(
    refused(R"({"a":18446744073709551615,"b":-9223372036854775808,"c":1e308}
{"a":"1e999","b":18446744073709551616}
{"a":-9223372036854775809}
{"a":[1e309]}
{"a":1e-999,"b":0e999,"c":123456789012345678901234567890.0}
{"a":01})",
            body_format::ndjson),
    ElementsAre(
      "1 malformed_json: column 18: \"18446744073709551616\" is a number outside of what "
      "64 "
      "bits or a double hold; send it as text",
      "2 malformed_json: column 6: \"-9223372036854775809\" is a number outside of what "
      "64 "
      "bits or a double hold; send it as text",
      "3 malformed_json: column 7: \"1e309\" is a number outside of what 64 bits or a "
      "double hold; send it as text",
      StartsWith("5 malformed_json: column 6: a number does not begin with 0")));
}

TEST(validate, says_what_stands_in_json_that_is_none_and_where_in_what_came) {
  EXPECT_THAT(
    refused("{\"a\" : NaN}\n{\"a\":1}\n{\"a\":1,}\n{\"a\":1}{\"b\":2}",
            body_format::ndjson),
    ElementsAre("0 malformed_json: column 8: `NaN` is no JSON value; send null, "
                "or text in double quotes",
                StartsWith("2 malformed_json: column 7: a comma that nothing"),
                StartsWith("3 malformed_json: column 8: another value")));
}

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

TEST(validate, decodes_each_part_of_a_batch_as_its_own_format_wants) {
  auto arrived = std::make_shared<envelope>();
  arrived->stream = "table";
  record_batch batch;
  const auto add = [&](body_format format, std::string_view record) {
    auto& part = arrived->parts.emplace_back();
    part.format = format;
    if (format == body_format::csv)
      part.header = std::make_shared<const csv_header>(csv_header{{"p", "q"}});
    const auto at = static_cast<uint32_t>(arrived->bytes.size());
    const auto index = static_cast<uint32_t>(arrived->parts.size() - 1);
    arrived->bytes += record;
    batch.records.push_back({at, static_cast<uint32_t>(record.size()), index, 0, 0});
  };
  add(body_format::json, "{\"a\":\n1}");
  add(body_format::csv, "x,y");
  add(body_format::text, "hi");
  add(body_format::ndjson, "{\"b\": 2}");
  add(body_format::csv, "v,w");
  arrived->bytes.reserve(arrived->bytes.size() + text_padding);
  batch.text = std::shared_ptr<const std::string>(arrived, &arrived->bytes);
  batch.source = arrived;

  const catalog streams{{{"table", stream_spec{}}}};
  work_scratch scratch{1};
  std::atomic<uint32_t> mark{0};
  const auto checked = validate(batch, streams, scratch, mark);
  std::vector<std::string_view> texts;
  for (const auto& ref : checked->records)
    texts.push_back(checked->text_of(ref));
  EXPECT_THAT(texts, ElementsAre("{\"a\":1}", "{\"p\":\"x\",\"q\":\"y\"}",
                                 "{\"message\":\"hi\"}", "{\"b\": 2}",
                                 "{\"p\":\"v\",\"q\":\"w\"}"));
}
