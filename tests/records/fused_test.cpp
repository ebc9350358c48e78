// A batch that one worker validates and transforms, block by block and with what it knows of a
// record from validating it, ends as one that goes through both stages one after the other.
#include "tests/records/formats/framing_fixture.hpp"
#include "tests/records/transform/plan_fixture.hpp"

#include "base/clock.hpp"
#include "records/fuse.hpp"
#include "records/transform.hpp"
#include "records/validate.hpp"

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
  add("fatal", true, R"([{"fault": {"field": "a", "crash": "x"}}])");
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
  for (size_t i = from.random.under(from.random.one_in(4) ? 300 : 20); i > 0; --i)
    body += format == body_format::csv
              ? from.random.text(9, "ab7\\,") + "," + from.random.text(3, "0127") + ",x\n"
              : from.record() + "\n";
  return body;
}

/// Each reading is a millisecond after the one before.
struct counting_clock final : clock_source {
  mutable int readings = 0;
  std::chrono::steady_clock::time_point now() const noexcept override {
    return std::chrono::steady_clock::time_point{std::chrono::milliseconds{++readings}};
  }
  int64_t unix_us() const noexcept override { return 0; }
};

struct fused_test : ::testing::Test {
  const catalog streams = make_streams();
  work_scratch scratch{1};
  std::atomic<uint32_t> mark{0};
  counting_clock clock;
};

} // namespace

TEST_F(fused_test, a_batch_ends_the_same_whether_one_worker_does_both_or_two_do) {
  const auto seed = test::seed_of_run();
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  writer from{seed};
  work_scratch first{1}, second{1};
  size_t kept = 0, rejected = 0;
  for (int round = 0; round < 2'000; ++round) {
    const auto stream = std::array{"both", "steps", "schema"}[from.random.under(3)];
    const auto format = std::array{body_format::ndjson, body_format::json,
                                   body_format::csv}[from.random.under(3)];
    const auto batch = make_batch(stream, format, body_of(from, format));
    const auto together = validate_and_transform(*batch, streams, scratch, mark, clock);
    const auto checked = validate(*batch, streams, first, mark);
    const auto apart = transform(*checked, streams, second, mark);
    ASSERT_EQ(told(*together.batch), told(*apart)) << batch->source->bytes;
    ASSERT_EQ(together.transformed, checked->records.size());
    kept += apart->records.size();
    rejected += apart->rejections.size();
  }
  EXPECT_GT(kept, 1'000u);
  EXPECT_GT(rejected, 1'000u);
}

TEST_F(fused_test, the_mark_is_of_the_record_whose_steps_kill_the_worker) {
  std::string body;
  for (int i = 0; i < 200; ++i) // every third is refused before it comes to the steps
    body += i % 3 == 0 ? "{\"a\":true}\n"
            : i == 100 ? "{\"a\":\"x\"}\n"
                       : "{\"a\":\"fine\"}\n";
  const auto batch = make_batch("fatal", body_format::ndjson, body);
  EXPECT_ANY_THROW((void)validate_and_transform(*batch, streams, scratch, mark, clock));
  EXPECT_EQ(mark.load(), 100u);
}

TEST_F(fused_test,
       the_time_is_that_of_the_steps_and_the_clock_is_asked_for_many_at_once) {
  std::string body;
  for (int i = 0; i < 640; ++i)
    body += "{\"a\":1}\n";
  const auto batch = make_batch("both", body_format::ndjson, body);
  const auto done = validate_and_transform(*batch, streams, scratch, mark, clock);
  EXPECT_EQ(done.took, std::chrono::milliseconds{10});
  EXPECT_EQ(clock.readings, 20);
}

TEST_F(fused_test, a_stream_without_steps_keeps_the_text_it_came_with) {
  const auto batch =
    make_batch("schema", body_format::ndjson, "{\"a\":1}\n{\"a\":true}\n");
  const auto done = validate_and_transform(*batch, streams, scratch, mark, clock);
  EXPECT_EQ(done.batch->text, batch->text);
  EXPECT_EQ(done.transformed, 1u);
}

TEST_F(fused_test, a_block_ends_behind_a_large_record_and_the_next_begins_with_another) {
  std::string large = "{\"a\":{},\"z\":[0";
  while (large.size() < 200'000)
    large += ",0"; // a token a byte
  large += "]}\n";
  const auto batch =
    make_batch("steps", body_format::ndjson, large + "{\"c\":2}\n" + large);
  work_scratch other{1};
  EXPECT_EQ(
    told(*validate_and_transform(*batch, streams, scratch, mark, clock).batch),
    told(*transform(*validate(*batch, streams, other, mark), streams, other, mark)));
}
