// What becomes of the records of a batch: each is counted for its part, and a text that was
// refused is kept by nobody who was not asked to.
#include "tests/records/transform/plan_fixture.hpp"

#include "base/clock.hpp"
#include "records/formats/framer.hpp"
#include "records/fuse.hpp"
#include "records/transform.hpp"
#include "records/validate.hpp"

#include <gmock/gmock.h>

using namespace weir;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

namespace {

/// Remembers where the mark stood each time it was asked.
struct watching_clock final : clock_source {
  explicit watching_clock(const std::atomic<uint32_t>& of) : mark(of) {}
  std::chrono::steady_clock::time_point now() const noexcept override {
    seen.push_back(mark.load());
    return {};
  }
  int64_t unix_us() const noexcept override { return 0; }

  const std::atomic<uint32_t>& mark;
  mutable std::vector<uint32_t> seen;
};

struct work_results : ::testing::Test {
  work_scratch scratch{1};
  std::atomic<uint32_t> mark{UINT32_MAX};
  watching_clock clock{mark};

  static catalog stream(dead_letter_policy letters, std::string_view steps = "[]",
                        const char* rules = nullptr) {
    stream_spec spec;
    spec.settings.name = "web";
    spec.settings.dead_letters = letters;
    spec.steps = testing_plans::compiled(steps);
    if (rules)
      spec.check = schema::compile(rules, "test").value();
    return catalog{{{"web", std::move(spec)}}};
  }

  /// One part of each text, all of one format, from clients "c0", "c1", …
  static batch_ptr batch_of(body_format format, const std::vector<std::string>& texts) {
    auto source = std::make_shared<envelope>();
    source->stream = "web";
    auto batch = std::make_shared<record_batch>();
    source->parts.resize(texts.size());
    for (uint32_t i = 0; i < texts.size(); ++i) {
      std::vector<record_ref> records;
      framer frames{format, {}};
      EXPECT_TRUE(frames.scan(texts[i], true, 1'000, records));
      for (auto ref : records) {
        ref.offset += static_cast<uint32_t>(source->bytes.size());
        ref.part = i;
        batch->records.push_back(ref);
      }
      source->bytes += texts[i];
      source->parts[i].format = format;
      source->parts[i].header = frames.header();
      source->parts[i].client = "c" + std::to_string(i);
    }
    source->bytes.reserve(source->bytes.size() + text_padding);
    batch->text = std::shared_ptr<const std::string>(source, &source->bytes);
    batch->source = std::move(source);
    return batch;
  }

  batch_ptr both(const record_batch& batch, const catalog& streams) {
    return validate_and_transform(batch, streams, scratch, mark, clock).batch;
  }
};

constexpr std::string_view drops_sevens =
  R"([{"drop": {}, "when": {"field": "a", "eq": 7}}])";

} // namespace

TEST_F(work_results, what_a_step_drops_is_counted_for_its_part) {
  const auto streams = stream(dead_letter_policy::discard, drops_sevens);
  const auto batch =
    batch_of(body_format::ndjson,
             {"{\"a\":7}\n{\"a\":1}\n", "{\"a\":1}\n", "{\"a\":7}\n{\"a\":7}\n"});
  EXPECT_THAT(both(*batch, streams)->dropped, ElementsAre(1, 0, 2));
  const auto checked = validate(*batch, streams, scratch, mark);
  EXPECT_THAT(transform(*checked, streams, scratch, mark)->dropped, ElementsAre(1, 0, 2));
}

TEST_F(work_results, the_client_is_that_of_the_record_s_own_request) {
  const auto streams = stream(dead_letter_policy::discard, R"([{"add": ["client"]}])");
  const auto batch =
    batch_of(body_format::ndjson, {"{\"a\":1}\n", "{\"a\":2}\n", "{\"a\":3}\n"});
  const auto done = both(*batch, streams);
  ASSERT_EQ(done->records.size(), 3u);
  for (uint32_t i = 0; i < 3; ++i)
    EXPECT_THAT(std::string{done->text_of(done->records[i])},
                HasSubstr("\"c" + std::to_string(i) + "\""));
}

TEST_F(work_results, a_refused_record_is_kept_only_where_the_stream_stores_dead_letters) {
  constexpr auto* no_secrets = R"({"properties": {"secret": false}})";
  constexpr auto* no_text = R"([{"convert": {"field": "n", "to": "int"}}])";
  const std::string body = "{\"secret\":\"s3cr3t\"}\nno JSON s3cr3t\n[\"s3cr3t\"]\n"
                           "{\"n\":\"s3cr3t\"}\n";
  for (const auto policy : {dead_letter_policy::discard, dead_letter_policy::store}) {
    const auto streams = stream(policy, no_text, no_secrets);
    const auto batch = batch_of(body_format::ndjson, {body});
    for (const auto& done :
         {both(*batch, streams),
          transform(*validate(*batch, streams, scratch, mark), streams, scratch, mark)}) {
      ASSERT_EQ(done->rejections.size(), 4u);
      for (const auto& r : done->rejections)
        if (policy == dead_letter_policy::store)
          EXPECT_THAT(r.body, HasSubstr("s3cr3t")) << to_string(r.code);
        else
          EXPECT_EQ(r.body, "") << to_string(r.code);
    }
  }
}

TEST_F(work_results, the_text_of_a_refused_record_goes_no_further) {
  const auto streams = stream(dead_letter_policy::discard, "[]",
                              R"({"properties": {"a": {"maxLength": 1}}})");
  const auto batch = batch_of(body_format::csv, {"a\nx\ns3cr3t\ny\n"});
  const auto checked = validate(*batch, streams, scratch, mark);
  ASSERT_EQ(checked->records.size(), 2u);
  EXPECT_EQ(*checked->text, R"({"a":"x"}{"a":"y"})");
}

TEST_F(work_results, a_record_is_an_object_and_nothing_else) {
  const auto streams = stream(dead_letter_policy::discard);
  for (const std::string text : {"1", "[]", "[{}]", "\"a\"", "null", "true", "-0.5"}) {
    const auto batch = batch_of(body_format::ndjson, {text + "\n{\"a\":[1]}\n"});
    const auto checked = validate(*batch, streams, scratch, mark);
    ASSERT_EQ(checked->rejections.size(), 1u) << text;
    EXPECT_EQ(checked->rejections[0].code, reject::not_an_object) << text;
    EXPECT_EQ(checked->records.size(), 1u) << text;
  }
}

TEST_F(work_results, the_mark_is_of_the_record_that_is_checked_before_any_step_runs) {
  const auto streams = stream(dead_letter_policy::discard, drops_sevens);
  const auto batch =
    batch_of(body_format::ndjson, {"{\"a\":7}\n{\"a\":1}\nno JSON\n{\"a\":2}\nno\n"});
  (void)both(*batch, streams);
  ASSERT_EQ(clock.seen.size(), 2u);
  EXPECT_EQ(clock.seen[0], 4u) << "all are checked, the last one is refused";
  EXPECT_EQ(clock.seen[1], 3u) << "the steps have run on all that stand";
  EXPECT_EQ(mark.load(), UINT32_MAX);
}

/// The parser reads behind a record's end.
TEST_F(work_results, a_text_that_was_decoded_has_room_behind_it) {
  const auto streams = stream(dead_letter_policy::discard, drops_sevens);
  auto batch = std::make_shared<record_batch>(
    *batch_of(body_format::ndjson, {"{\"a\":\"" + std::string(300, 'x') + "\"}\n", ""}));
  auto source = std::make_shared<envelope>(*batch->source);
  source->parts[1].format = body_format::json; // so texts are decoded
  source->bytes.reserve(source->bytes.size() + text_padding);
  batch->text = std::shared_ptr<const std::string>(source, &source->bytes);
  batch->source = source;
  const auto done = both(*batch, streams);
  ASSERT_EQ(done->records.size(), 1u);
  EXPECT_EQ(scratch.decoded.size(), 308u);
  EXPECT_GE(scratch.decoded.capacity(), 308u + text_padding);
}
