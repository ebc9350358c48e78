// What people new to YAML, or to weir, get wrong: each is told with its line and what to do.
#include "app/config/config.hpp"
#include "app/config/config_reader.hpp"
#include "app/config/yaml_mistakes.hpp"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace {

std::string bad(std::string_view text, const std::vector<std::string>& overrides = {}) {
  const auto settings = parse_config(text, "x.yaml", overrides);
  return settings ? "all good" : settings.error().text;
}

} // namespace

TEST(config_mistakes, each_is_told_with_its_own_line_and_what_to_do) {
  struct mistake {
    const char* text;
    const char* place;
    const char* told;
  };
  const mistake mistakes[] = {
    {"ingest:\n\tlisten: 127.0.0.1:9\n", "x.yaml:2: ", "a tab"},
    {"ingest:\n  threads: 1\n\tlisten: 127.0.0.1:9\n", "x.yaml:3: ", "a tab"},
    {"ingest:\n  threads: 1\n \t listen: 127.0.0.1:9\n", "x.yaml:3: ", "a tab"},
    {"streams:\n  web:\n    transform:\n\t- add: [received_at]\n", "x.yaml:4: ", "a tab"},
    {"[ingest]\nlisten = \"127.0.0.1:9\"\n", "x.yaml: ", "TOML"},
    {"# c\n\ndata_dir = \"x\"\n", "x.yaml:3: ", "TOML"},
    {"data_dir = \"x\"\n[ingest]\nlisten = 'a'\n[log]\nlevel='info'\n",
     "x.yaml:1: ", "TOML"},
    {"[[streams]]\nname = \"a\"\n", "x.yaml: ", "TOML"},
    {"; an INI\n[ingest]\nlisten=127.0.0.1:9\n", "x.yaml:1: ", "TOML or INI"},
    {"ingest:\n  listen:127.0.0.1:9\n  threads: 2\n", "x.yaml:2: ", "behind the colon"},
    {"ingest:\n  listen:127.0.0.1:9\n", "x.yaml:1: ingest: ", "behind the colon"},
    {"data_dir:x\n", "x.yaml:1: ", "behind the colon"},
    {"data_dir: \"abc\ningest:\n  threads: 2\n", "x.yaml:1: ", "never closed"},
    {"node:\n  name: 'abc\n", "x.yaml:2: ", "never closed"},
    {"\xef\xbb\xbf"
     "node:\n  name: 'abc\n",
     "x.yaml:2: ", "never closed"},
    {"data_dir: \"abc\ningest:\n  listen: \"127.0.0.1:9\"\n", "x.yaml:1: ", "not closed"},
    {"data_dir: 'it's'\ningest: {}\n", "x.yaml:1: ", "quote closed too early"},
    {"data_dir: a\ndata_dir: b\n", "x.yaml:2: ", "given twice"},
    {"ingest:\n  threads: 2\n   listen: 127.0.0.1:9\n", "x.yaml:3: ", "indented wrongly"},
    {"ingest:\n   threads: 2\n  listen: 127.0.0.1:9\n", "x.yaml:3: ", "indented wrongly"},
    {"ingest:\nbatch_records: 2\n",
     "x.yaml:2: batch_records: ", "did you mean ingest.batch_records?"},
    {"streams:\n  web:\n    transform:\n    -add: [received_at]\n",
     "x.yaml:4: ", "behind the `-`"},
    {"data_dir: a\nsink: {bytes_per_transaction: 300MiB}\n",
     "x.yaml:2: memory.ceiling: ", "sink.bytes_per_transaction"},
    {"ingest: {threads: 2\nlog: {level: info}\n", "x.yaml:2: ", "{ is not closed"},
    {"sink:\n  path: *x\n", "x.yaml:2: ", "put it in quotes"},
    {"data_dir: @x\n", "x.yaml:1: ", "put it in quotes"},
    {"data_dir: a: b\n", "x.yaml:1: ", "in quotes"},
    {"data_dir: a\ringest: {threads: 2}\r", "x.yaml:1: ", "lone CR"},
    {"--- \ndata_dir: a\n---\nnode: {name: b}\n", "x.yaml: ", "2 YAML documents"},
  };
  for (const auto& [text, place, told] : mistakes)
    EXPECT_THAT(bad(text), AllOf(StartsWith(place), HasSubstr(told))) << text;
}

TEST(config_mistakes, what_is_none_is_taken) {
  for (const auto* text :
       {"", "\n", "# only words\n",
        "\xef\xbb\xbf"
        "data_dir: a\n",
        "data_dir: a\r\ningest:\r\n  threads: 2\r\n", "data_dir: \"a\n  b\"\n",
        "{\"data_dir\": \"x\", \"ingest\": {\"threads\": 2}}", "data_dir: it's\n",
        "data_dir: 'it''s'\n", "data_dir: \"a \\\" b\"\n", "ingest:\n  threads:\t2\n",
        "data_dir: a=b\n", "sink: {kind: null}\n",
        "\xef\xbb\xbf"
        "sink: {kind: null}\n",
        "\xef\xbb\xbf# \xc3\xa4\ndata_dir: '\xc3\xa4'\nsink: {kind: null}\n"})
    EXPECT_EQ(bad(text), "all good") << text;
}

TEST(config_mistakes, only_a_name_that_is_near_is_suggested) {
  for (const auto* far : {"foo=1", "xyz=1", "ab=1", "port=1", "tool=1", "host=1"})
    EXPECT_THAT(bad("", {far}),
                AllOf(HasSubstr("known here: "), Not(HasSubstr("did you mean"))))
      << far;
  for (const auto& [typed, meant] : {std::pair{"lgo.level=info", "log"},
                                     {"ingets.threads=1", "ingest"},
                                     {"stream.a.ack=stored", "streams"},
                                     {"jornal={}", "journal"},
                                     {"ingest.treads=1", "threads"},
                                     {"ingest.lisen=1", "listen"}})
    EXPECT_THAT(bad("", {typed}), HasSubstr(std::string{"did you mean "} + meant + "?"))
      << typed;
}

TEST(config_mistakes, all_of_them_are_told_at_once_in_all_sections_streams_and_steps) {
  const auto told = bad("ingest:\n"
                        "  threads: many\n"
                        "  lisen: 127.0.0.1:1\n"
                        "supervision:\n"
                        "  backoff: {initial: 1m, max: 1s}\n"
                        "streams:\n"
                        "  a:\n"
                        "    ack: fast\n"
                        "    transform:\n"
                        "      - nonsense: {}\n"
                        "      - add: [received_at]\n"
                        "      - rename: 7\n"
                        "  b:\n"
                        "    transform:\n"
                        "      - parse: {field: 1}\n"
                        "      - convert: {}\n");
  for (const auto* each :
       {"x.yaml:2: ingest.threads: ", "x.yaml:3: ingest.lisen: ",
        "x.yaml:5: supervision.backoff.initial: ", "x.yaml:8: streams.a.ack: ",
        "x.yaml:10: streams.a.transform, step 1",
        "x.yaml:12: streams.a.transform, step 3",
        "x.yaml:15: streams.b.transform, step 1",
        "x.yaml:16: streams.b.transform, step 2"})
    EXPECT_THAT(told, HasSubstr(each)) << told;
  EXPECT_THAT(told, Not(HasSubstr("step 2 (add)")));
  std::istringstream lines{told};
  for (std::string line; std::getline(lines, line);)
    EXPECT_THAT(line, StartsWith("x.yaml:"));
}

TEST(config_mistakes, a_value_that_is_wrong_is_not_told_again_as_a_contradiction) {
  EXPECT_THAT(bad("node: {nam: x}\ningest: {coalesce_bytes: 2MiB}"),
              HasSubstr("x.yaml:2: ingest.coalesce_bytes: 2MiB is above"));
  EXPECT_EQ(bad("ingest: {batch_bytes: 70MiB, coalesce_bytes: 2MiB}"),
            "x.yaml:1: ingest.batch_bytes: 70MiB is out of range: allowed 4KiB … 16MiB");
}
