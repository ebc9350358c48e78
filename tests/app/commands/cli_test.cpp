#include "app/commands/cli.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace weir;
using testing::AllOf;
using testing::HasSubstr;

namespace {

struct ended {
  int code = 0;
  std::string out, err;
};

class cli : public testing::Test {
 protected:
  void SetUp() override {
    file_ = (std::filesystem::temp_directory_path()
             / ("weir_cli_test_" + std::to_string(::getpid()) + ".yaml"))
              .string();
    std::ofstream{file_} << "node: {name: from_file}\n";
  }
  void TearDown() override { std::filesystem::remove(file_); }

  ended run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "weir");
    std::vector<char*> argv;
    for (auto& argument : arguments)
      argv.push_back(argument.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    ended result;
    result.code =
      run_cli(static_cast<int>(argv.size()), argv.data(), [this](const run_options& o) {
        asked_ = o;
        return node_ends_with_;
      });
    result.out = testing::internal::GetCapturedStdout();
    result.err = testing::internal::GetCapturedStderr();
    return result;
  }

  std::string file_;
  run_options asked_;
  int node_ends_with_ = exit_ok;
};

} // namespace

TEST_F(cli, run_loads_the_configuration_and_hands_it_to_the_node) {
  EXPECT_EQ(run({"run", "--config", file_, "--set", "ingest.threads=3", "--set",
                 "log.level=error"})
              .code,
            exit_ok);
  EXPECT_EQ(asked_.settings.node_name, "from_file");
  EXPECT_EQ(asked_.settings.ingest.threads, 3u);
  EXPECT_EQ(asked_.file, file_);
  EXPECT_THAT(asked_.overrides,
              testing::ElementsAre("ingest.threads=3", "log.level=error"));
  node_ends_with_ = exit_failed;
  EXPECT_EQ(run({"run", "-c", file_}).code, exit_failed);
}

TEST_F(cli, a_bad_configuration_ends_with_78_and_says_where) {
  std::ofstream{file_} << "ingest:\n  listen: x\n";
  const auto r = run({"run", "-c", file_});
  EXPECT_EQ(r.code, 78);
  EXPECT_THAT(r.err, HasSubstr(file_ + ":2: ingest.listen: "));
  EXPECT_EQ(run({"run", "-c", "/nowhere.yaml"}).code, 78);
  EXPECT_EQ(run({"export", "-c", file_}).code, 78);
  EXPECT_EQ(run({"dead-letters", "list", "-c", file_}).code, 78);
}

TEST_F(cli, a_command_line_that_makes_no_sense_ends_with_2) {
  const std::vector<std::vector<std::string>> lines = {
    {},
    {"fly"},
    {"run"},
    {"run", "-c", file_, "--frobnicate"},
    {"send"},
    {"send", "x", "--format", "xml"},
    {"send", "x", "--batch-bytes", "4"},
    {"send", "x", "--stream", "Web"},
    {"send", "x", "--key", "a b"},
    {"send", "x", "--retries", "-1"},
    {"send", file_, "--url", "nonsense"},
    {"export", "-c", file_, "--since", "yesterday"},
    {"dead-letters"},
    {"dead-letters", "replay", "-c", file_},
    {"dead-letters", "show", "-c", file_},
    {"dead-letters", "list", "-c", file_, "--limit", "0"},
    {"dead-letters", "list", "-c", file_, "--limit", "-1"},
    {"dead-letters", "list", "-c", file_, "--after", "-1"},
    {"dead-letters", "show", "-1", "-c", file_},
    {"dead-letters", "replay", "-1", "-c", file_},
    {"export", "-c", file_, "--limit", "-1"},
    {"check"},
    {"check", "-c", file_, "--stream", "default"},
  };
  for (const auto& line : lines) {
    const auto r = run(line);
    EXPECT_EQ(r.code, exit_usage) << testing::PrintToString(line) << r.err;
    EXPECT_FALSE(r.err.empty()) << testing::PrintToString(line);
  }
}

TEST_F(cli, every_command_has_help_with_an_example) {
  const std::vector<std::vector<std::string>> commands = {{},
                                                          {"run"},
                                                          {"check"},
                                                          {"send"},
                                                          {"export"},
                                                          {"dead-letters"},
                                                          {"dead-letters", "list"},
                                                          {"dead-letters", "show"},
                                                          {"dead-letters", "replay"},
                                                          {"version"}};
  for (auto command : commands) {
    std::string example = "weir";
    for (const auto& word : command)
      example += " " + word;
    command.push_back("--help");
    const auto r = run(command);
    EXPECT_EQ(r.code, exit_ok) << example;
    EXPECT_THAT(r.out, AllOf(HasSubstr("Example"), HasSubstr("  " + example))) << example;
  }
}

TEST_F(cli, what_is_not_understood_is_named_before_what_is_missing) {
  auto r = run({"frobnicate"});
  EXPECT_EQ(r.code, exit_usage);
  EXPECT_THAT(r.err, HasSubstr("unknown: \"frobnicate\""));
  r = run({"run", "--confg", "x.yaml"});
  EXPECT_EQ(r.code, exit_usage);
  EXPECT_THAT(r.err, HasSubstr("unknown: \"--confg\""));
  r = run({"run"});
  EXPECT_EQ(r.code, exit_usage);
  EXPECT_THAT(r.err, HasSubstr("--config is required"));
}

TEST_F(cli, version_names_what_the_binary_is_made_of) {
  const auto r = run({"version"});
  EXPECT_EQ(r.code, exit_ok);
  EXPECT_THAT(r.out, AllOf(testing::StartsWith("weir "), HasSubstr("\nCAF 0.17."),
                           HasSubstr("\nSQLite ")));
}

TEST_F(cli, check_prints_the_table_of_keys_without_a_configuration) {
  const auto r = run({"check", "--keys"});
  EXPECT_EQ(r.code, exit_ok);
  EXPECT_THAT(r.out, HasSubstr("| `ingest.listen` | host:port | `127.0.0.1:8080` |"));
}

TEST_F(cli, a_file_that_cannot_be_read_ends_with_1) {
  const auto r = run({"send", "/nowhere.log"});
  EXPECT_EQ(r.code, exit_failed);
  EXPECT_THAT(r.err, HasSubstr("/nowhere.log: cannot open: No such file"));
  const auto ca = run({"send", file_, "--url", "https://127.0.0.1:1", "--ca-file",
                       "/nowhere.pem", "--retries", "0"});
  EXPECT_EQ(ca.code, exit_failed);
  EXPECT_EQ(ca.err, "--ca-file: /nowhere.pem: cannot open: No such file or directory\n");
}

TEST_F(cli, config_show_says_what_the_file_and_the_command_line_changed) {
  const auto r =
    run({"config", "show", "-c", file_, "--changed", "--set", "ingest.threads=3"});
  EXPECT_EQ(r.code, exit_ok);
  EXPECT_EQ(r.out, "node.name: from_file  # " + file_
                     + ":1\n"
                       "ingest.threads: 3     # --set\n");
  EXPECT_THAT(run({"config", "show", "-c", file_, "--json"}).out,
              HasSubstr(R"({"key":"node.name","value":"from_file","from":")" + file_));
  EXPECT_EQ(run({"config", "show", "-c", "/nowhere.yaml"}).code, exit_bad_config);
  EXPECT_EQ(run({"config"}).code, exit_usage);
}
