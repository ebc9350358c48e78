// A name that occurs twice in an object: a step that looks at it leaves one, the last, so that
// no later reader, whichever it takes, sees what the step did not.
#include "tests/records/formats/framing_fixture.hpp"
#include "tests/records/transform/plan_fixture.hpp"

#include "base/clock.hpp"
#include "records/fuse.hpp"

using namespace weir;
using namespace weir::testing_plans;

namespace {

constexpr const char* redact_n =
  R"([{"redact": {"field": "n", "pattern": "[0-9]+", "with": "#"}}])";
constexpr const char* redact_nested =
  R"([{"redact": {"field": "/p/q/n", "pattern": "[0-9]+", "with": "#"}}])";

/// The pointers that a step of the property below names.
struct named_step {
  const char* step;
  std::vector<std::vector<std::string>> pointers;
};

const std::vector<named_step>& named_steps() {
  static const std::vector<named_step> all = {
    {R"({"redact": {"field": "n", "pattern": "[0-9]"}})", {{"n"}}},
    {R"({"redact": {"field": "/p/n", "pattern": "[0-9]"}})", {{"p", "n"}}},
    {R"({"uppercase": ["n", "/p/q/n"]})", {{"n"}, {"p", "q", "n"}}},
    {R"({"lowercase": "/p/q/n"})", {{"p", "q", "n"}}},
    {R"({"trim": "m"})", {{"m"}}},
    {R"({"truncate": {"field": "/q/n", "bytes": 2}})", {{"q", "n"}}},
    {R"({"hash": {"field": "n"}})", {{"n"}}},
    {R"({"hash": {"field": "m", "to": "/q/m"}})", {{"m"}}},
    {R"({"convert": {"field": "/p/m", "to": "bool", "null_if": "none"}})", {{"p", "m"}}},
    {R"({"default": {"field": "/q/q/n", "value": "x"}})", {{"q", "q", "n"}}},
    {R"({"set": {"field": "/p/n", "value": {"n": 1}}})", {{"p", "n"}}},
    {R"({"set": {"field": "m", "template": "{n} {/p/n}"}})", {{"m"}, {"n"}, {"p", "n"}}},
    {R"({"add": {"client": "n", "stream": "/q/m"}})", {{"n"}, {"q", "m"}}},
    {R"({"remove": ["n", "/q/n"]})", {{"n"}, {"q", "n"}}},
    {R"({"rename": {"from": "n", "to": "m"}})", {{"n"}}},
    {R"({"rename": {"from": "/p/n", "to": "/q/n"}})", {{"p", "n"}}},
    {R"({"copy": {"from": "p", "to": "n"}})", {{"p"}}},
    {R"({"keep": ["n", "/p/q"]})", {{"n"}, {"p", "q"}}},
    {R"({"parse": {"field": "n", "as": "key_value"}})", {}},
    {R"({"drop": true, "when": {"field": "n", "eq": "drop"}})", {{"n"}}},
    {R"({"drop": true, "when": {"missing": "/p/q/n"}})", {{"p", "q", "n"}}},
    {R"({"drop": true, "when": {"matches": {"field": "/q/n", "pattern": "never"}}})",
     {{"q", "n"}}},
    {R"({"sample": {"rate": 1, "key": "/p/m"}})", {{"p", "m"}}},
  };
  return all;
}

/// A record whose names occur twice and more; `once` has only the last of each.
class twins {
 public:
  explicit twins(uint64_t seed) : random_(seed) {}

  struct texts {
    std::string all;
    std::string once;
  };
  texts object(unsigned depth) {
    std::vector<std::pair<std::string, texts>> members;
    for (uint64_t i = below(7); i > 0; --i)
      members.emplace_back(std::string(1, "nmpq"[below(4)]), value(depth));
    texts made{"{", "{"};
    for (size_t i = 0; i < members.size(); ++i) {
      const auto& [name, held] = members[i];
      made.all += (i ? "," : "") + key(name) + held.all;
      bool last = true;
      for (size_t j = i + 1; j < members.size(); ++j)
        last = last && members[j].first != name;
      if (last)
        made.once += (made.once.size() > 1 ? ",\"" : "\"") + name + "\":" + held.once;
    }
    made.all += '}';
    made.once += '}';
    return made;
  }
  uint64_t below(uint64_t bound) { return random_.next() % bound; }

 private:
  texts value(unsigned depth) {
    static const char* const scalars[] = {"\"secret 99\"", "\"none\"", "7",   "null",
                                          "\"a=1 a=2\"",   "\"drop\"", "[{}]"};
    if (depth > 0 && below(2) == 0)
      return object(depth - 1);
    const std::string text = scalars[below(std::size(scalars))];
    return {text, text};
  }
  /// `"n":`, or the same name as other writers spell it.
  std::string key(const std::string& name) {
    static constexpr char digits[] = "0123456789abcdef";
    const auto c = static_cast<unsigned char>(name[0]);
    const std::string escape{'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
    return "\"" + (escapes_ && below(2) == 0 ? escape : name) + "\""
           + (below(4) == 0 ? " : " : ":");
  }

  random_source random_;

 public:
  bool escapes_ = true;
};

/// How many members of that name the record has along the pointer, at most.
size_t most_of(const std::string& record, const std::vector<std::string>& pointer) {
  simdjson::dom::parser parser;
  const simdjson::padded_string text(record);
  simdjson::dom::element at = parser.parse(text).value();
  size_t most = 0;
  for (const auto& name : pointer) {
    simdjson::dom::object object;
    if (at.get(object) != simdjson::SUCCESS)
      break;
    size_t count = 0;
    for (const auto [key, value] : object)
      if (key == name) {
        ++count;
        at = value;
      }
    most = std::max(most, count);
    if (count == 0)
      break;
  }
  return most;
}

nlohmann::json last_of_each(const std::string& record) {
  return nlohmann::json::parse(record);
}

std::string fused(const char* steps, const std::string& record, bool checked) {
  catalog::stream_map streams;
  stream_spec spec;
  spec.settings.name = "s";
  if (checked)
    spec.check =
      schema::compile(R"({"properties": {"n": {"type": "string"}}})", "s").value();
  spec.steps = compiled(steps);
  streams.emplace("s", std::move(spec));
  const catalog all{std::move(streams)};
  auto source = std::make_shared<envelope>();
  source->stream = "s";
  source->bytes = record + "\n";
  source->bytes.reserve(source->bytes.size() + text_padding);
  auto batch = std::make_shared<record_batch>();
  batch->records.push_back({0, static_cast<uint32_t>(record.size()), 0, 0, 0});
  source->parts.resize(1);
  source->parts[0].format = body_format::ndjson;
  batch->dropped = {0};
  batch->text = std::shared_ptr<const std::string>(source, &source->bytes);
  batch->source = source;
  work_scratch scratch{1};
  std::atomic<uint32_t> mark{0};
  const auto done =
    validate_and_transform(*batch, all, scratch, mark, system_clock_source{});
  return done.batch->records.empty()
           ? std::string{}
           : std::string{done.batch->text_of(done.batch->records[0])};
}

} // namespace

TEST(step_names, redaction_leaves_one_of_a_name_and_the_secret_in_none) {
  EXPECT_EQ(result_of(redact_n, R"({"n":"secret 99","n":"none"})"), R"({"n":"none"})");
  EXPECT_EQ(result_of(redact_n, R"({"n":"none","n":"secret 99"})"),
            R"({"n":"secret #"})");
  EXPECT_EQ(result_of(redact_n, R"({"n":"secret 99","a":1,"\u006e":"none"})"),
            R"({"a":1,"\u006e":"none"})");
  EXPECT_EQ(result_of(redact_n, R"({"n":"secret 99","n":null})"), R"({"n":null})");
  EXPECT_EQ(
    result_of(redact_nested,
              R"({"p":{"q":{"n":"1"}},"p":{"q":{"n":"2"},"\u0071":{"n":"3","n":"x"}}})"),
    R"({"p":{"\u0071":{"n":"x"}}})");
  EXPECT_EQ(result_of(redact_nested, R"({"p":{"q":{"n":"1"}},"p":5})"), R"({"p":5})");
}

TEST(step_names, a_condition_looks_at_the_last_and_leaves_it_alone) {
  const char* const drop = R"([{"drop":true,"when":{"field":"/p/n","eq":"x"}}])";
  EXPECT_EQ(result_of(drop, R"({"p":{"n":"y","n":"x"}})"), "dropped");
  EXPECT_EQ(result_of(drop, R"({"p":{"n":"x"},"p":{"n":"x","n":"y"}})"),
            R"({"p":{"n":"y"}})");
}

TEST(step_names, what_no_step_names_is_stored_as_it_came) {
  EXPECT_EQ(result_of(redact_n, R"({"a":1,"a":2,"p":{"n":"1","n":"2"}})"),
            R"({"a":1,"a":2,"p":{"n":"1","n":"2"}})");
}

TEST(step_names, parsed_text_gives_one_field_of_each_name) {
  const auto parse = [](const char* how, const std::string& text) {
    return result_of(R"([{"parse": {"field": "m", )" + std::string(how) + "}}]",
                     nlohmann::json{{"m", text}}.dump());
  };
  EXPECT_EQ(parse(R"("as":"key_value")", "a=1 b=2 a=3"), R"({"b":"2","a":"3"})");
  EXPECT_EQ(parse(R"("as":"key_value","into":"q")", "a=1 a=3"), R"({"q":{"a":"3"}})");
  EXPECT_EQ(parse(R"("as":"json")", R"({"a":1,"b":2,"\u0061":3})"),
            R"({"b":2,"\u0061":3})");
  std::string many, last;
  for (int i = 0; i < 600; ++i)
    many += "k" + std::to_string(i % 300) + "=" + std::to_string(i) + " ";
  for (int i = 300; i < 600; ++i)
    last += (last.empty() ? "{\"k" : ",\"k") + std::to_string(i % 300) + "\":\""
            + std::to_string(i) + "\"";
  EXPECT_EQ(parse(R"("as":"key_value")", many), last + "}");
}

TEST(step_names, redaction_holds_on_every_way_through_a_worker) {
  for (const bool checked : {false, true})
    for (const char* const record :
         {R"({"n":"secret 99","n":"none"})", R"({ "n" : "secret 99" , "n" : "none" })",
          R"({"n":"secret 99","\u006e":"none"})", R"({"p":{},"n":"99","n":"none"})"}) {
      const auto stored = fused(redact_n, record, checked);
      EXPECT_EQ(most_of(stored, {"n"}), 1u) << record << " " << stored;
      EXPECT_EQ(stored.find("99"), std::string::npos) << record << " " << stored;
    }
}

TEST(step_names, every_step_does_with_twins_what_it_does_with_the_last_alone) {
  const auto seed = test::seed_of_run();
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed));
  twins made(seed);
  size_t kept = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto& step = named_steps()[made.below(named_steps().size())];
    made.escapes_ = made.below(2) == 0;
    const auto record = made.object(3);
    const auto plan = compiled("[" + std::string(step.step) + "]");
    const auto of_all = run(*plan, record.all, *make_plan_scratch(1));
    const auto of_once = run(*plan, record.once, *make_plan_scratch(1));
    ASSERT_EQ(of_all.outcome.what, of_once.outcome.what) << step.step << "\n"
                                                         << record.all << "\n"
                                                         << of_all.outcome.detail;
    if (of_all.outcome.what != transform_outcome::kind::kept)
      continue;
    ++kept;
    ASSERT_EQ(last_of_each(of_all.out), last_of_each(of_once.out)) << step.step << "\n"
                                                                   << record.all << "\n"
                                                                   << of_all.out;
    for (const auto& pointer : step.pointers)
      ASSERT_LE(most_of(of_all.out, pointer), 1u) << step.step << "\n"
                                                  << record.all << "\n"
                                                  << of_all.out;
  }
  EXPECT_GT(kept, 5'000u);
}
