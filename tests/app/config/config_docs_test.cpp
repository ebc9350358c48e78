// docs/config.md and the configurations in configs/ say what the code does.
#include "app/commands/certificates.hpp"
#include "app/config/config.hpp"
#include "app/config/config_reference.hpp"
#include "app/config/config_text.hpp"
#include "tests/app/repository.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;

namespace {

std::set<std::string> table_rows(const std::string& text) {
  std::set<std::string> rows;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("| `"))
      rows.insert(line);
  return rows;
}

/// Whoever starts weir with a file that came with it loses no data to a default, and can start
/// Prometheus beside it.
void keeps_everything_and_leaves_prometheus_its_port(const config& settings) {
  EXPECT_EQ(settings.sink.postgres.retention.count(), 0) << settings.file;
  for (const auto& at :
       {settings.ingest.listen, settings.operations.listen, settings.cluster.listen})
    EXPECT_NE(at.port, 9090) << settings.file;
}

} // namespace

TEST(config_docs, the_table_has_every_key_of_the_code_and_no_other) {
  const auto text = read_file((repository() / "docs/config.md").string(), 1 << 20);
  ASSERT_TRUE(text) << text.error().text;
  const auto documented = table_rows(*text);
  const auto real = table_rows(config_reference_markdown());
  for (const auto& row : real)
    EXPECT_TRUE(documented.contains(row)) << "missing in docs/config.md:\n" << row;
  for (const auto& row : documented)
    EXPECT_TRUE(real.contains(row)) << "in docs/config.md only:\n" << row;
  EXPECT_GT(real.size(), 80u);
}

TEST(config_docs, every_key_says_what_it_means_and_value_keys_have_a_type_and_a_default) {
  for (const auto& row : config_reference()) {
    EXPECT_GT(row.meaning.size(), 10u) << row.path;
    EXPECT_FALSE(row.type.empty()) << row.path;
    EXPECT_EQ(row.meaning.find('|'), std::string::npos) << row.path;
  }
}

TEST(config_docs, every_configuration_that_comes_with_weir_is_good) {
  const auto pem = std::filesystem::temp_directory_path() / "weir_docs_test.pem";
  const auto made = make_authority(1).value();
  { std::ofstream{pem} << made.certificate << made.key; }
  const std::string digests[] = {std::string(64, 'a'), std::string(64, 'b'),
                                 std::string(64, 'c')};
  ::setenv("WEIR_CERTIFICATE", pem.c_str(), 1);
  ::setenv("WEIR_CERTIFICATE_KEY", pem.c_str(), 1);
  ::setenv("WEIR_SHOP_KEY_SHA256", digests[0].c_str(), 1);
  ::setenv("WEIR_FLEET_KEY_SHA256", digests[1].c_str(), 1);
  ::setenv("WEIR_TOKEN_SHA256", digests[2].c_str(), 1);
  ::setenv("WEIR_POSTGRES", "postgresql://weir@db.example.org/weir", 1);
  size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator{repository() / "configs"}) {
    if (entry.path().extension() != ".yaml")
      continue;
    ++files;
    const auto settings = load_config(entry.path().string());
    ASSERT_TRUE(settings) << settings.error().text;
    keeps_everything_and_leaves_prometheus_its_port(*settings);
  }
  EXPECT_GE(files, 3u);
  std::filesystem::remove(pem);
}

TEST(config_docs,
     the_nodes_of_a_cluster_share_neither_directory_nor_port_on_one_machine) {
  const auto certificates = std::filesystem::temp_directory_path() / "weir_docs_certs";
  std::filesystem::create_directories(certificates);
  ::setenv("WEIR_CERTS", certificates.c_str(), 1);
  ::setenv("WEIR_POSTGRES", "postgresql://weir@db.example.org/weir", 1);
  std::set<std::string> directories;
  std::set<uint16_t> ports;
  const auto authority = make_authority(1).value();
  std::ofstream{certificates / "ca.pem"} << authority.certificate;
  for (const std::string role : {"gateway", "worker", "persister"}) {
    const auto made = issue_certificate(authority, {role + "-1", {}, 1}).value();
    std::ofstream{certificates / (role + "-1.pem")} << made.certificate;
    std::ofstream{certificates / (role + "-1.key")} << made.key;
    const auto settings =
      load_config((repository() / ("configs/cluster/" + role + ".yaml")).string());
    ASSERT_TRUE(settings) << settings.error().text;
    directories.insert(settings->data_dir);
    ports.insert({settings->operations.listen.port, settings->cluster.listen.port});
    keeps_everything_and_leaves_prometheus_its_port(*settings);
  }
  EXPECT_EQ(directories.size(), 3u);
  EXPECT_EQ(ports.size(), 6u);
  ::unsetenv("WEIR_CERTS");
  std::filesystem::remove_all(certificates);
}

TEST(config_docs, a_database_whose_address_is_missing_or_empty_is_not_guessed) {
  for (const auto* file : {"configs/postgres.yaml", "configs/cluster/persister.yaml"}) {
    ::unsetenv("WEIR_POSTGRES");
    const auto missing = load_config((repository() / file).string());
    ASSERT_FALSE(missing) << file;
    EXPECT_THAT(missing.error().text, testing::HasSubstr("WEIR_POSTGRES is not set"));
    ::setenv("WEIR_POSTGRES", "", 1); // as `export WEIR_POSTGRES=$(…)` leaves it
    const auto empty = load_config((repository() / file).string());
    ASSERT_FALSE(empty) << file;
    EXPECT_THAT(empty.error().text, testing::HasSubstr("sink.url"));
  }
  ::unsetenv("WEIR_POSTGRES");
}

TEST(config_docs, a_secure_configuration_without_its_secrets_says_which_are_missing) {
  for (const auto* name :
       {"WEIR_CERTIFICATE", "WEIR_CERTIFICATE_KEY", "WEIR_SHOP_KEY_SHA256",
        "WEIR_FLEET_KEY_SHA256", "WEIR_TOKEN_SHA256"})
    ::unsetenv(name);
  const auto settings = load_config((repository() / "configs/secure.yaml").string());
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error().text, testing::HasSubstr("WEIR_TOKEN_SHA256 is not set"));
}
