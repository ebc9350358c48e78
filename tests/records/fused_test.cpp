// What a worker knows of a record from validating it must not show in what transform makes of
// it: a batch that goes through both on one scratch ends as one that goes through them apart.
#include "framing_fixture.hpp"
#include "plan_fixture.hpp"

#include "records/work.hpp"

using namespace weir;

namespace {

constexpr std::string_view steps_text = R"-([
  {"drop": {}, "when": {"field": "a", "eq": 7}},
  {"rename": {"c": "renamed"}},
  {"convert": {"field": "b", "to": "string"}},
  {"set": {"field": "/d/made", "value": [1, {"x": "\n"}]}, "when": {"exists": "d"}},
  {"copy": {"/d/a": "copied"}},
  {"truncate": {"field": "e\"f", "bytes": 5}},
  {"lowercase": ["a"], "when": {"matches": {"field": "a", "pattern": "^[A-Z]"}}},
  {"sample": {"rate": 0.9}}])-";
constexpr std::string_view schema_text =
  R"({"properties": {"a": {"type": ["string", "number", "object"]}, "b": {"maximum": 1e17},
      "c": {"minLength": 2}}})";

catalog make_streams() {
  catalog::stream_map streams;
  const auto add = [&](const char* name, bool checked, std::string_view steps) {
    stream_spec spec;
    spec.settings.name = name;
    spec.settings.json_depth_max = 100; // deeper than the steps go
    spec.settings.dead_letters = dead_letter_policy::store;
    if (checked)
      spec.check = schema::compile(schema_text, "test").value();
    spec.steps = testing_plans::compiled(steps);
    streams.emplace(name, std::move(spec));
  };
  add("both", true, steps_text);
  add("steps", false, steps_text);
  add("schema", true, "[]");
  return catalog{std::move(streams)};
}

batch_ptr make_batch(std::string stream, body_format format, std::string body) {
  auto source = std::make_shared<envelope>();
  source->stream = std::move(stream);
  source->bytes = std::move(body);
  source->bytes.reserve(source->bytes.size() + text_padding);
  auto batch = std::make_shared<record_batch>();
  framer frames{format, {}};
  (void)frames.scan(source->bytes, true, 1'000,
                    batch->records); // up to what is not framed
  source->parts.resize(1);
  source->parts[0].format = format;
  source->parts[0].header = frames.header();
  batch->dropped = {0};
  batch->text = std::shared_ptr<const std::string>(source, &source->bytes);
  batch->source = std::move(source);
  return batch;
}

/// All that a batch says, for comparison.
std::string told(const record_batch& batch) {
  std::string text;
  for (const auto& ref : batch.records)
    text.append(std::to_string(ref.record)).append(" ").append(batch.text_of(ref)) +=
      '\n';
  for (const auto& r : batch.rejections)
    text += std::to_string(r.record) + " " + std::string{to_string(r.code)} + " "
            + r.pointer + " " + r.detail + " " + r.body + "\n";
  return text + std::to_string(batch.dropped.at(0)) + " dropped";
}

/// Records as clients write them and as they should not.
class writer {
 public:
  explicit writer(uint64_t seed) : random(seed) {}

  std::string record() {
    std::string text = object(3);
    if (random.one_in(6))
      text[random.under(text.size())] = "\"\\{}[],:u0 \x80\xc3\t"[random.under(13)];
    return text;
  }

  test::dice random;

 private:
  std::string pick(std::initializer_list<const char*> from) {
    return from.begin()[random.under(from.size())];
  }
  std::string space() {
    return spaced_ && random.one_in(2) ? pick({" ", "\t", "  "}) : "";
  }
  std::string name() {
    return pick({"a", "b", "c", "d", "e\\\"f", "\\u0061", "é", "x y"});
  }

  static std::string deep(size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  }

  std::string value(size_t depth) {
    switch (random.under(depth ? 10 : 8)) {
    case 0:
      return pick({"7", "-0", "1.50e+3", "12345678901234567", "18446744073709551615",
                   "18446744073709551616", "0.1000000000000000055", "1e999"});
    case 1:
      return pick({"true", "false", "null"});
    case 2:
      return pick({"{}", "[]", "{ }", "\"\"", "[ [1 ,2] , \"}\" ]"});
    case 3:
      return pick({R"("\ud83d\ude00")", R"("\udc00 alone")", R"("\ud800")", R"("\\\"")",
                   R"("a\/b\u00e9\n")", R"({"a":"\udc00"})"});
    case 4:
      return random.one_in(30) ? deep(60 + random.under(6)) : "\"Abc\"";
    case 8:
      return "[" + value(depth - 1) + space() + "," + value(depth - 1) + "]";
    case 9:
      return object(depth - 1);
    default:
      return "\"" + random.text(40, "abc{}[]:, AZ") + "\"";
    }
  }

  std::string object(size_t depth) {
    spaced_ = random.one_in(3);
    std::string text = space() + "{";
    for (size_t i = 0, members = random.under(6); i < members; ++i)
      text += (i ? "," : "") + space() + '"' + name() + '"' + space() + ":" + space()
              + value(depth) + space();
    return text + space() + "}" + space();
  }

  bool spaced_ = false;
};

std::string body_of(writer& from, body_format format) {
  std::string body = format == body_format::csv ? "a,b,c\n" : "";
  for (size_t i = from.random.under(20); i > 0; --i)
    body += format == body_format::csv
              ? from.random.text(9, "ab7\\,") + "," + from.random.text(3, "0127") + ",x\n"
              : from.record() + "\n";
  return body;
}

} // namespace

TEST(outline_property, a_batch_ends_the_same_whether_one_worker_does_both_or_two_do) {
  const auto seed = test::seed_of_run();
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  writer from{seed};
  const auto streams = make_streams();
  work_scratch one{1}, first{1}, second{1};
  std::atomic<uint32_t> mark{0};
  size_t kept = 0, rejected = 0, outlined = 0;
  for (int round = 0; round < 2'000; ++round) {
    const auto stream = std::array{"both", "steps", "schema"}[from.random.under(3)];
    const auto format = std::array{body_format::ndjson, body_format::json,
                                   body_format::csv}[from.random.under(3)];
    const auto batch = make_batch(stream, format, body_of(from, format));
    const auto checked = validate(*batch, streams, one, mark);
    outlined += one.outline.is_of(*checked) ? checked->records.size() : 0;
    const auto together = transform(*checked, streams, one, mark);
    const auto apart =
      transform(*validate(*batch, streams, first, mark), streams, second, mark);
    ASSERT_EQ(told(*together), told(*apart)) << batch->source->bytes;
    kept += apart->records.size();
    rejected += apart->rejections.size();
  }
  EXPECT_GT(kept, 1'000u);
  EXPECT_GT(rejected, 1'000u);
  EXPECT_GT(outlined, 1'000u);
}

TEST(outline, is_of_the_batch_that_validate_made_last_and_of_no_other) {
  const auto streams = make_streams();
  work_scratch scratch{1};
  std::atomic<uint32_t> mark{0};
  const auto batch = make_batch("steps", body_format::ndjson, "{\"a\":1}\n{\"a\":[]}\n");
  const auto older = validate(*batch, streams, scratch, mark);
  ASSERT_TRUE(scratch.outline.is_of(*older));
  EXPECT_EQ(scratch.outline.of(0).size(), 5u);
  EXPECT_EQ(scratch.outline.of(1).size(), 6u);
  const auto newer = validate(*batch, streams, scratch, mark);
  EXPECT_TRUE(scratch.outline.is_of(*newer));
  EXPECT_FALSE(scratch.outline.is_of(*older));
  EXPECT_FALSE(scratch.outline.is_of(*batch));
}

TEST(outline, is_not_made_for_a_stream_without_steps) {
  const auto streams = make_streams();
  work_scratch scratch{1};
  std::atomic<uint32_t> mark{0};
  const auto batch = make_batch("schema", body_format::ndjson, "{\"a\":1}\n");
  EXPECT_FALSE(scratch.outline.is_of(*validate(*batch, streams, scratch, mark)));
}

TEST(outline, ends_where_its_memory_does_and_the_records_behind_are_read) {
  const auto streams = make_streams();
  work_scratch scratch{1};
  std::atomic<uint32_t> mark{0};
  std::string large = "{\"a\":{},\"z\":[0";
  while (large.size() < batch_outline::tokens_max * 2 / 5)
    large += ",0"; // a token a byte
  large += "]}\n";
  const auto batch =
    make_batch("steps", body_format::ndjson, large + large + large + "{\"c\":2}\n");
  const auto checked = validate(*batch, streams, scratch, mark);
  ASSERT_EQ(checked->records.size(), 4u);
  EXPECT_FALSE(scratch.outline.of(1).empty());
  EXPECT_TRUE(scratch.outline.of(2).empty());
  EXPECT_FALSE(scratch.outline.of(3).empty());
  work_scratch other{1};
  EXPECT_EQ(told(*transform(*checked, streams, scratch, mark)),
            told(*transform(*checked, streams, other, mark)));
}
