// The step split: a record becomes several, and its verdict stays one.
#include "tests/records/formats/framing_fixture.hpp"
#include "tests/records/transform/plan_fixture.hpp"

#include "base/clock.hpp"
#include "records/fuse.hpp"
#include "records/transform.hpp"
#include "records/validate.hpp"

#include <cstdlib>
#include <map>
#include <optional>

using namespace weir;
using namespace weir::testing_plans;

namespace {

/// The parts, one a line; or what result_of() says.
std::string parts_of(std::string_view steps, std::string_view record) {
  const auto plan = compiled(steps);
  const auto scratch = make_plan_scratch(1);
  const auto result = run(*plan, record, *scratch);
  if (result.outcome.what != transform_outcome::kind::kept)
    return result_of(steps, record);
  std::string lines;
  size_t begin = 0;
  for (const auto end : result.outcome.ends) {
    lines += result.out.substr(begin, end - begin) + "\n";
    begin = end;
  }
  EXPECT_EQ(begin, result.outcome.ends.empty() ? 0 : result.out.size());
  return result.outcome.ends.empty() ? result.out : lines;
}

std::string split(const std::string& arguments, std::string_view record) {
  return parts_of(R"([{"split": )" + arguments + "}]", record);
}

struct split_work : ::testing::Test {
  batch_ptr batch_of(const std::string& body) const {
    auto source = std::make_shared<envelope>();
    source->stream = "s";
    source->bytes = body;
    source->bytes.reserve(source->bytes.size() + text_padding);
    auto batch = std::make_shared<record_batch>();
    framer frames{body_format::ndjson, {}};
    (void)frames.scan(source->bytes, true, 100'000, batch->records);
    source->parts.resize(1);
    source->parts[0].format = body_format::ndjson;
    source->parts[0].records = static_cast<uint32_t>(batch->records.size());
    batch->dropped = {0};
    batch->text = std::shared_ptr<const std::string>(source, &source->bytes);
    batch->source = std::move(source);
    return batch;
  }

  catalog with(const char* steps, const char* rules = nullptr) const {
    catalog::stream_map streams;
    stream_spec spec;
    spec.settings.name = "s";
    spec.settings.dead_letters = dead_letter_policy::store;
    if (rules)
      spec.check = schema::compile(rules, "s").value();
    spec.steps = compiled(steps);
    streams.emplace("s", std::move(spec));
    return catalog{std::move(streams)};
  }

  static std::string told(const record_batch& batch) {
    std::string text;
    for (const auto& ref : batch.records)
      text += std::to_string(ref.record) + " " + std::string{batch.text_of(ref)} + "\n";
    for (const auto& r : batch.rejections)
      text +=
        std::to_string(r.record) + " " + r.pointer + " " + r.detail + " " + r.body + "\n";
    return text + std::to_string(batch.dropped.at(0)) + " dropped";
  }

  /// Both ways through the workers; they must agree.
  std::string stored(const record_batch& batch, const catalog& streams) {
    const auto together = validate_and_transform(batch, streams, first, mark, clock);
    const auto checked = validate(batch, streams, second, mark);
    EXPECT_EQ(told(*together.batch), told(*transform(*checked, streams, second, mark)));
    return told(*together.batch);
  }

  work_scratch first{1}, second{1};
  std::atomic<uint32_t> mark{0};
  system_clock_source clock;
};

} // namespace

TEST(step_split, makes_a_record_of_each_element) {
  const char* const record = R"({"h":"a", "logs":[{"n":1.10},{"n" : 2,"h":"b"}],"t":3})";
  EXPECT_EQ(split(R"("logs")", record), "{\"n\":1.10}\n{\"n\":2,\"h\":\"b\"}\n");
  EXPECT_EQ(split(R"({"field":"logs","keep":true})", record),
            "{\"h\":\"a\",\"t\":3,\"n\":1.10}\n{\"h\":\"b\",\"t\":3,\"n\":2}\n");
  EXPECT_EQ(split(R"({"field":"logs","keep":true,"into":"logs"})", record),
            "{\"h\":\"a\",\"t\":3,\"logs\":{\"n\":1.10}}\n"
            "{\"h\":\"a\",\"t\":3,\"logs\":{\"n\":2,\"h\":\"b\"}}\n");
  EXPECT_EQ(split(R"({"field":"logs","into":"/x/log"})", record),
            "{\"x\":{\"log\":{\"n\":1.10}}}\n{\"x\":{\"log\":{\"n\":2,\"h\":\"b\"}}}\n");
  EXPECT_EQ(split(R"({"field":"/a/b","keep":true})", R"({"a":{"b":[{"x":1}],"c":2}})"),
            "{\"a\":{\"c\":2},\"x\":1}\n");
}

TEST(step_split, takes_any_value_when_it_has_a_name_for_it) {
  EXPECT_EQ(split(R"({"field":"a","into":"v"})", R"({"a":[1,"x\n",null,[2],{}]})"),
            "{\"v\":1}\n{\"v\":\"x\\n\"}\n{\"v\":null}\n{\"v\":[2]}\n{\"v\":{}}\n");
  EXPECT_EQ(
    split(R"("a")", R"({"a":[{},7]})"),
    "/a: step 1 (split): element 1, 7, is no object; name a field for it with `into`");
}

TEST(step_split, of_nothing_drops_and_of_no_array_rejects) {
  EXPECT_EQ(split(R"("a")", R"({"a":[]})"), "dropped");
  EXPECT_EQ(split(R"("a")", R"({"a":{"b":1}})"),
            R"(/a: step 1 (split): {"b":1} is not an array)");
  EXPECT_EQ(split(R"("a")", R"({"b":1})"), R"({"b":1})");
  EXPECT_EQ(split(R"("a")", R"({"a":null})"), R"({"a":null})");
  EXPECT_EQ(split(R"({"field":"a","on_missing":"reject"})", R"({"b":1})"),
            "/a: step 1 (split): the field is missing");
}

TEST(step_split, leaves_one_of_each_name) {
  EXPECT_EQ(split(R"({"field":"a","keep":true})",
                  R"({"a":[{"s":1}],"a":[{"x":1,"x":2,"\u0078":3}],"x":4,"x":5})"),
            "{\"x\":3}\n");
}

TEST(step_split, the_steps_after_it_run_on_each_part) {
  const char* const steps = R"([{"split":"a"},{"drop":true,"when":{"field":"n","eq":2}},
                                {"convert":{"field":"n","to":"string"}},{"add":["stream"]}])";
  EXPECT_EQ(parts_of(steps, R"({"a":[{"n":1},{"n":2},{"n":3}]})"),
            "{\"n\":\"1\",\"stream\":\"web\"}\n{\"n\":\"3\",\"stream\":\"web\"}\n");
  EXPECT_EQ(parts_of(steps, R"({"a":[{"n":2},{"n":2}]})"), "dropped");
  EXPECT_EQ(parts_of(R"([{"split":"a"},{"convert":{"field":"n","to":"int"}}])",
                     R"({"a":[{"n":1},{"n":"x"}]})"),
            R"(/n: part 2 of 2: step 2 (convert): "x" is not an integer of 64 bits)");
}

TEST(step_split, splits_what_was_split_and_splits_only_when_it_should) {
  const char* const nested = R"([{"split":{"field":"a","keep":true}},{"split":"b"}])";
  EXPECT_EQ(
    parts_of(nested,
             R"({"a":[{"b":[{"n":1},{"n":2}]},{"c":0},{"b":[]},{"b":[{"n":3}]}]})"),
    "{\"n\":1}\n{\"n\":2}\n{\"c\":0}\n{\"n\":3}\n");
  const char* const guarded = R"([{"split":"a","when":{"field":"k","eq":1}}])";
  EXPECT_EQ(parts_of(guarded, R"({"k":1,"a":[{}]})"), "{}\n");
  EXPECT_EQ(parts_of(guarded, R"({"k":2,"a":[{}]})"), R"({"k":2,"a":[{}]})");
}

TEST(step_split, is_bounded) {
  const auto record = [](size_t count, const std::string& element,
                         const std::string& rest) {
    std::string text = "{" + rest + "\"a\":[";
    for (size_t i = 0; i < count; ++i)
      text += (i ? "," : "") + element;
    return text + "]}";
  };
  EXPECT_EQ(split(R"("a")", record(1001, "{}", "")),
            "/a: step 1 (split): it has 1001 elements, and parts_max is 1000");
  EXPECT_EQ(split(R"({"field":"a","parts_max":2})", record(2, "{}", "")), "{}\n{}\n");
  EXPECT_NE(
    split(R"({"field":"a","parts_max":2})", record(3, "{}", "")).find("parts_max is 2"),
    std::string::npos);
  const auto wide = "\"r\":\"" + std::string(2000, 'r') + "\",";
  EXPECT_NE(split(R"({"field":"a","keep":true,"bytes_max":10000})", record(5, "{}", wide))
              .find("more than bytes_max, 10000 bytes, together"),
            std::string::npos);
  // three times a hundred: a million parts in all
  std::string steps;
  for (const char* const field : {"a", "b", "c"})
    steps += R"({"split":{"field":")" + std::string(field) + R"(","keep":true}},)";
  steps.pop_back();
  const auto list = record(100, "{}", "").substr(5, 301);
  EXPECT_NE(parts_of("[" + steps + "]",
                     R"({"a":)" + list + R"(,"b":)" + list + R"(,"c":)" + list + "}")
              .find("more than 10000 parts"),
            std::string::npos);
  std::string many = R"({"split":"a"})";
  for (int i = 0; i < 4; ++i)
    many += R"(,{"split":"a"})";
  EXPECT_NE(error_of("[" + many + "]").find("at most 4"), std::string::npos);
  EXPECT_NE(
    error_of(R"([{"split":{"field":"a","parts_max":10001}}])").find("from 1 to 10000"),
    std::string::npos);
}

TEST_F(split_work, all_parts_have_the_record_they_came_in_and_one_verdict) {
  const auto streams = with(R"([{"split":"a"},{"convert":{"field":"n","to":"int"}}])",
                            R"({"required":["a"]})");
  const auto batch = batch_of("{\"a\":[{\"n\":1},{\"n\":2}]}\n"
                              "{\"b\":1}\n"
                              "{\"a\":[{\"n\":3},{\"n\":\"x\"}]}\n"
                              "{\"a\":[]}\n"
                              "{\"a\":[{\"n\":4}]}\n");
  EXPECT_EQ(stored(*batch, streams),
            "0 {\"n\":1}\n0 {\"n\":2}\n4 {\"n\":4}\n"
            "1  missing property \"a\" (required) {\"b\":1}\n"
            "2 /n part 2 of 2: step 2 (convert): \"x\" is not an integer of 64 bits "
            "{\"a\":[{\"n\":3},{\"n\":\"x\"}]}\n"
            "1 dropped");
}

TEST_F(split_work, a_batch_becomes_no_more_than_was_charged_for_it) {
  const auto streams = with(R"([{"split":{"field":"a","keep":true}}])");
  const auto record = "{\"r\":\"" + std::string(30'000, 'r')
                      + "\",\"a\":[{},{},{},{},{},{},{},{},{},{}]}\n";
  std::string body;
  for (int i = 0; i < 60; ++i)
    body += record;
  const auto room = compiled(R"([{"split":"a"}])")->parts_room(body.size());
  EXPECT_EQ(room, (size_t{1} << 20) + 4 * body.size());
  const auto accepted_of = [&](uint32_t framed) {
    auto batch = std::make_shared<record_batch>(*batch_of(body));
    auto source = std::make_shared<envelope>(*batch->source);
    source->parts[0].records = framed;
    batch->text = std::shared_ptr<const std::string>(source, &source->bytes);
    batch->source = source;
    source->bytes.reserve(source->bytes.size() + text_padding);
    const auto done = validate_and_transform(*batch, streams, first, mark, clock).batch;
    EXPECT_EQ(done->records.size() / 10 + done->rejections.size(), 60u);
    EXPECT_NE(done->rejections.at(0).detail.find("send fewer at once"),
              std::string::npos);
    return done->records.size() / 10;
  };
  const auto part = record.size() - 1 - 36 + part_bytes;
  EXPECT_EQ(accepted_of(60), room / (10 * part));
  EXPECT_EQ(accepted_of(120), room / 2 / (10 * part)) << "half a batch has half its room";
}

TEST_F(split_work, steps_after_it_make_no_more_of_a_batch_than_was_charged_for_it) {
  const auto streams =
    with((R"([{"split":{"field":"a","bytes_max":2048}},{"set":{"field":"x","value":")"
          + std::string(500, 'x') + R"("}}])")
           .c_str());
  const auto batch = batch_of("{\"a\":[{},{},{},{},{},{},{},{}]}\n{\"a\":[{},{}]}\n");
  const auto text = stored(*batch, streams);
  EXPECT_NE(text.find("0  step 1 (split): no room"), std::string::npos) << text;
  EXPECT_EQ(text.find("1 {\"x\""), 0u) << "the next one has the room: " << text;
}

TEST(step_split, needs_no_room_where_there_is_no_split_and_12_mib_at_most) {
  EXPECT_EQ(compiled(R"([{"remove":"a"}])")->parts_room(1000), 0u);
  const auto two = compiled(
    R"([{"split":{"field":"a","bytes_max":2000}},{"split":{"field":"b","bytes_max":3000}}])");
  EXPECT_EQ(two->parts_room(10), 3040u);
  EXPECT_EQ(two->splits(), 2u);
  EXPECT_EQ(two->parts_room(SIZE_MAX), size_t{12} << 20);
}

TEST(step_split, takes_no_more_fields_than_a_part_may_have_at_its_top_level) {
  const auto fields = [](size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i)
      text += (i ? ",\"" : "\"") + std::to_string(i) + "\":0";
    return text;
  };
  const std::string wide = " has more than 1024 fields at its top level";
  EXPECT_EQ(split(R"("a")", "{\"a\":[{" + fields(1025) + "}]}"),
            "/a: step 1 (split): an element" + wide);
  EXPECT_EQ(split(R"({"field":"a","keep":true})", "{\"a\":[{}]," + fields(1025) + "}"),
            "/a: step 1 (split): the rest of the record" + wide);
  EXPECT_EQ(split(R"("a")", "{\"a\":[{" + fields(1024) + "}]}"),
            "{" + fields(1024) + "}\n");
  EXPECT_EQ(split(R"({"field":"a","into":"v"})", "{\"a\":[{" + fields(1025) + "}]}"),
            "{\"v\":{" + fields(1025) + "}}\n")
    << "below the top level nothing is opened";
}

namespace {

using ordered = nlohmann::ordered_json;

struct drawn_split {
  bool keep, names_it, nested;
  size_t parts_max;

  std::string step() const {
    std::string text =
      R"({"split":{"field":"/a/l","parts_max":)" + std::to_string(parts_max);
    text += keep ? ",\"keep\":true" : "";
    if (names_it)
      text += nested ? ",\"into\":\"/p/q\"" : ",\"into\":\"k0\"";
    return text + "}}";
  }

  /// The element in its place, by the words of docs/transform.md.
  std::optional<ordered> part(const ordered& rest, const ordered& element) const {
    auto made = keep ? rest : ordered::object();
    if (!names_it) {
      if (!element.is_object())
        return {};
      for (const auto& [name, value] : element.items())
        made[name] = value;
    } else if (!nested) {
      made["k0"] = element;
    } else {
      if (made.contains("p") && !made["p"].is_object())
        return {};
      made["p"]["q"] = element;
    }
    return made;
  }

  std::string expected(const ordered& record) const {
    if (!record.contains("a") || !record["a"].contains("l") || record["a"]["l"].is_null())
      return record.dump();
    const auto list = record["a"]["l"];
    if (!list.is_array())
      return "rejected";
    if (list.empty())
      return "dropped";
    if (list.size() > parts_max)
      return "rejected";
    auto rest = record;
    rest["a"].erase("l");
    std::string lines;
    for (const auto& element : list) {
      const auto made = part(rest, element);
      if (!made)
        return "rejected";
      if (!made->contains("gone"))
        lines += made->dump() + "\n";
    }
    return lines.empty() ? "dropped" : lines;
  }
};

ordered drawn_value(random_source& random, int depth) {
  const auto below = [&](uint64_t n) { return random.next() % n; };
  const auto kind = below(depth > 0 ? 6 : 4);
  if (kind == 0)
    return nullptr;
  if (kind == 1)
    return static_cast<int64_t>(below(1000)) - 500;
  if (kind == 2)
    return std::string(below(4), 'x') + (below(2) ? "\"\\,]}\n" : "é");
  if (kind == 3)
    return below(2) == 0;
  auto made = kind == 4 ? ordered::array() : ordered::object();
  for (auto n = below(4); n > 0; --n)
    if (kind == 4)
      made.push_back(drawn_value(random, depth - 1));
    else
      made["k" + std::to_string(below(4))] = drawn_value(random, depth - 1);
  return made;
}

ordered drawn_record(random_source& random) {
  const auto below = [&](uint64_t n) { return random.next() % n; };
  ordered record = ordered::object();
  for (auto n = below(4); n > 0; --n)
    record[below(4) ? "k" + std::to_string(below(3)) : "p"] = drawn_value(random, 2);
  auto list = ordered::array();
  const bool mixed = below(4) == 0;
  for (auto n = below(6); n > 0; --n) {
    auto element = drawn_value(random, 2);
    if (!mixed && !element.is_object())
      element = ordered{{"k1", element}};
    if (element.is_object() && below(5) == 0)
      element["gone"] = 1;
    list.push_back(element);
  }
  if (const auto how = below(10); how > 0)
    record["a"]["l"] = how == 1 ? drawn_value(random, 1) : list;
  return record;
}

} // namespace

TEST(step_split, does_what_a_simple_model_does) {
  const char* const alone = std::getenv("WEIR_SEED");
  const uint64_t seed = alone ? std::strtoull(alone, nullptr, 10) : 1;
  random_source random{seed};
  const auto below = [&](uint64_t n) { return random.next() % n; };
  std::map<std::string, size_t> seen;
  for (int round = 0; round < 5'000; ++round) {
    const auto record = drawn_record(random);
    const drawn_split drawn{below(2) == 0, below(2) == 0, below(2) == 0, 1 + below(6)};
    const auto steps = "[" + drawn.step() + R"(,{"drop":true,"when":{"exists":"gone"}}])";
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " round " + std::to_string(round)
                 + " " + steps + " " + record.dump());
    const auto plan = compiled(steps);
    const auto scratch = make_plan_scratch(1); // its ends
    const auto ran = run(*plan, record.dump(round % 3 == 0 ? 1 : -1), *scratch);
    auto expected = drawn.expected(record);
    if (ran.outcome.ends.empty() && ran.outcome.what == transform_outcome::kind::kept) {
      ++seen["whole"];
      ASSERT_EQ(ran.out, expected);
      continue;
    }
    if (ran.outcome.what != transform_outcome::kind::kept) {
      const auto what =
        ran.outcome.what == transform_outcome::kind::dropped ? "dropped" : "rejected";
      ++seen[what];
      ASSERT_EQ(what, expected);
      ASSERT_EQ(ran.out, "");
      continue;
    }
    ++seen["parts"];
    std::string lines;
    size_t begin = 0;
    for (const auto end : ran.outcome.ends) {
      lines += ran.out.substr(begin, end - begin) + "\n";
      begin = end;
    }
    ASSERT_EQ(lines, expected);
  }
  for (const char* const what : {"whole", "dropped", "rejected", "parts"})
    EXPECT_GT(seen[what], 200u) << what;
}
