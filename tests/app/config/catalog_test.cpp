// Compiling a configuration's streams, check, and the dry run: these need records/ whole.
#include "app/commands/check.hpp"
#include "app/config/catalog_loader.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace weir;
using testing::AllOf;
using testing::HasSubstr;

namespace {

class catalog_files : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path()
                 / ("weir_catalog_test_" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string put(const std::string& name, const std::string& text) {
    std::ofstream{directory_ / name} << text;
    return (directory_ / name).string();
  }
  config settings(const std::string& text) {
    auto parsed = parse_config(text, (directory_ / "c.yaml").string());
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().text);
    return parsed ? *parsed : config{};
  }

  std::filesystem::path directory_;
};

constexpr auto person = R"({"type":"object","required":["name"],
  "properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0}}})";

} // namespace

TEST_F(catalog_files, streams_get_their_schema_and_steps) {
  put("s.json", person);
  const auto loaded = load_catalog(settings(R"(
streams:
  people: {schema: s.json, transform: [{remove: [age]}]}
  any:
)"));
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_TRUE((*loaded)->find("people")->check);
  EXPECT_EQ((*loaded)->find("people")->steps->describe().size(), 1u);
  EXPECT_FALSE((*loaded)->find("any")->check);
  EXPECT_TRUE((*loaded)->find("any")->steps->empty());
}

TEST_F(catalog_files, every_stream_that_does_not_compile_is_reported_with_its_line) {
  put("bad.json", R"({"type":"objekt"})");
  const auto loaded = load_catalog(settings("streams:\n"
                                            "  a:\n"
                                            "    schema: bad.json\n"
                                            "  b:\n"
                                            "    transform:\n"
                                            "      - remove: [x]\n"
                                            "      - no_such_step: {}\n"));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ec::invalid_config);
  EXPECT_THAT(loaded.error().text,
              AllOf(HasSubstr("c.yaml:3: streams.a.schema: "), HasSubstr("bad.json"),
                    HasSubstr("c.yaml:7: streams.b.transform, step 2"),
                    HasSubstr("no_such_step")));
}

TEST_F(catalog_files, the_step_fault_is_an_error_unless_it_is_enabled) {
  const std::string text =
    "streams: {a: {transform: [{fault: {field: f, crash: {value: x}}}]}}";
  EXPECT_FALSE(load_catalog(settings(text)));
  EXPECT_TRUE(load_catalog(settings("fault_injection: true\n" + text)));
}

TEST_F(catalog_files, check_prints_the_plan_of_every_stream) {
  put("s.json", person);
  const auto c =
    settings("streams: {people: {schema: s.json, transform: [{remove: [age]}]}}");
  std::ostringstream out, err;
  EXPECT_EQ(command_check(c, {}, out, err), exit_ok);
  EXPECT_THAT(out.str(), AllOf(HasSubstr("stream people"), HasSubstr("s.json"),
                               HasSubstr("  step 1. remove /age\n"),
                               HasSubstr("memory 512MiB"), HasSubstr("all good")));
}

TEST_F(catalog_files, a_dry_run_prints_each_record_or_why_it_would_not_be_stored) {
  put("s.json", person);
  const auto c =
    settings("streams: {people: {schema: s.json, transform: [{remove: [age]}]}}");
  check_options options;
  options.stream = "people";
  options.dry_run =
    put("in.ndjson", "{\"name\":\"Ada\",\"age\":36}\n\n{\"age\":1}\n{\"name\":3}\n"
                     "nonsense\n{\"name\":\"Bob\"}\n");
  std::ostringstream out, err;
  EXPECT_EQ(command_check(c, options, out, err), exit_failed);
  std::vector<std::string> lines;
  std::istringstream in{out.str()};
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  ASSERT_EQ(lines.size(), 5u) << out.str();
  EXPECT_EQ(lines[0], R"({"name":"Ada"})");
  EXPECT_THAT(lines[1],
              testing::StartsWith("rejected record 2 line 3 schema_violation "));
  EXPECT_THAT(lines[2],
              testing::StartsWith("rejected record 3 line 4 schema_violation /name "));
  EXPECT_THAT(lines[3], testing::StartsWith("rejected record 4 line 5 malformed_json "));
  EXPECT_EQ(lines[4], R"({"name":"Bob"})");
  EXPECT_THAT(err.str(), HasSubstr("2 would be stored, 3 rejected, 0 dropped"));
}

TEST_F(catalog_files, a_dry_run_without_rejections_ends_well_and_names_what_was_dropped) {
  const auto c =
    settings("streams: {s: {transform: [{drop: {}, when: {field: a, eq: 2}}]}}");
  check_options options;
  options.stream = "s";
  options.dry_run = put("in.json", "[{\"a\":1},\n{\"a\":2}]");
  std::ostringstream out, err;
  EXPECT_EQ(command_check(c, options, out, err), exit_ok) << out.str();
  EXPECT_EQ(out.str(), "{\"a\":1}\ndropped record 2 line 2\n");
}

TEST_F(catalog_files, a_dry_run_of_many_batches_numbers_records_through) {
  const auto c = settings("ingest: {batch_records: 3}\nstreams: {s: }");
  std::string text = "n\n";
  for (int i = 0; i < 10; ++i)
    text += i == 8 ? "1,2\n" : std::to_string(i) + "\n";
  check_options options;
  options.stream = "s";
  options.format.format = body_format::csv;
  options.dry_run = put("in.csv", text);
  std::ostringstream out, err;
  EXPECT_EQ(command_check(c, options, out, err), exit_failed);
  EXPECT_THAT(out.str(), AllOf(testing::StartsWith("{\"n\":\"0\"}\n"),
                               HasSubstr("rejected record 9 line 10 ragged_row"),
                               testing::EndsWith("{\"n\":\"9\"}\n")));
}

TEST_F(catalog_files, a_stream_that_is_not_there_is_a_usage_error) {
  check_options options;
  options.stream = "none";
  options.dry_run = put("in.json", "{}");
  std::ostringstream out, err;
  EXPECT_EQ(command_check(settings(""), options, out, err), exit_usage);
}

TEST_F(catalog_files, a_dry_run_looks_at_as_much_of_a_file_as_a_node_does) {
  const auto c = settings("");
  std::ostringstream out, err;
  check_options options;
  options.dry_run = put("in", "iata,name\n00M,Thigpen\n");
  EXPECT_EQ(command_check(c, options, out, err), exit_ok) << err.str();
  EXPECT_EQ(out.str(), "{\"iata\":\"00M\",\"name\":\"Thigpen\"}\n");
}

TEST_F(catalog_files, a_dry_run_of_a_file_without_records_fails_as_the_node_would) {
  const auto c = settings("");
  for (const auto* text : {"", "\n\r\n", "[]"}) {
    std::ostringstream out, err;
    check_options options;
    options.dry_run = put("in", text);
    EXPECT_EQ(command_check(c, options, out, err), exit_failed) << text;
    EXPECT_THAT(err.str(), HasSubstr("/in: the body has no records")) << text;
  }
}

TEST_F(catalog_files, a_file_that_cannot_be_read_is_named_once) {
  std::ostringstream out, err;
  check_options options;
  options.dry_run = "/nowhere.csv";
  EXPECT_EQ(command_check(settings(""), options, out, err), exit_failed);
  EXPECT_EQ(err.str(), "/nowhere.csv: cannot open: No such file or directory\n");
}
