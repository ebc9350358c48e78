// docs/metrics.md says what the code counts. With WEIR_WRITE_DOCS=1 in the environment the test
// writes the tables of the page anew; a new section needs its heading first.
#include "app/config/config_text.hpp"
#include "app/node/metrics.hpp"
#include "cluster/board.hpp"
#include "tests/app/repository.hpp"

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

using namespace weir;

namespace {

std::string row_of(const metric_family& metric) {
  std::string labels;
  for (const auto label : metric.labels)
    labels += (labels.empty() ? "`" : ", `") + std::string{label} + "`";
  const std::string meaning{metric.spec.docs.empty() ? metric.spec.help
                                                     : metric.spec.docs};
  return "| `" + std::string{metric.spec.name} + "` | "
         + std::string{to_string(metric.type)} + " | " + labels + " | " + meaning
         + " |\n";
}

/// The table of each heading, as the code has it.
std::map<std::string, std::string, std::less<>> tables() {
  std::map<std::string, std::string, std::less<>> made;
  const cluster_board nobody{"node"};
  telemetry metrics;
  size_t told = 0;
  for (const auto& section : metric_sections()) {
    section.declare(metrics, &nobody);
    std::string table = "| name | type | labels | meaning |\n|---|---|---|---|\n";
    const auto known = metrics.families();
    // A section may read what one before it has declared.
    for (; told < known.size(); ++told)
      table += row_of(known[told]);
    made.emplace(section.heading, std::move(table));
  }
  return made;
}

/// The page with the tables of the code in place of its own.
std::string renewed(const std::string& page) {
  auto left = tables();
  std::string heading;
  std::string made;
  bool in_table = false;
  std::istringstream lines{page};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## "))
      heading = line.substr(3);
    const bool row = line.starts_with('|');
    if (row && !in_table) {
      made += left[heading];
      left.erase(heading);
    }
    in_table = row;
    if (!row)
      made += line + '\n';
  }
  for (const auto& [missing, table] : left)
    ADD_FAILURE() << "docs/metrics.md has no table for ## " << missing << ":\n" << table;
  return made;
}

/// The lines of `text` that `other` has not.
std::string missing_lines(const std::string& text, const std::string& other) {
  std::string missing;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);)
    if (other.find(line + '\n') == other.npos)
      missing += line + '\n';
  return missing;
}

} // namespace

TEST(metrics_docs, the_page_has_what_the_code_counts) {
  const auto path = (repository() / "docs/metrics.md").string();
  const auto page = read_file(path, 1 << 20);
  ASSERT_TRUE(page) << page.error().text;
  const auto expected = renewed(*page);
  if (std::getenv("WEIR_WRITE_DOCS"))
    std::ofstream{path} << expected;
  EXPECT_TRUE(*page == expected)
    << "WEIR_WRITE_DOCS=1 ./dev test -R metrics_docs writes:\n"
    << missing_lines(expected, *page) << "and takes away:\n"
    << missing_lines(*page, expected);
}

TEST(metrics_docs, a_node_alone_has_all_but_the_cluster_s_from_its_start) {
  telemetry alone;
  declare_metrics(alone, nullptr);
  telemetry one_of_many;
  const cluster_board nobody{"node"};
  declare_metrics(one_of_many, &nobody);
  const auto of_cluster = one_of_many.families().size() - alone.families().size();
  EXPECT_EQ(of_cluster, 13u);
  for (const auto& metric : alone.families()) {
    const bool counts_at_once = metric.labels.empty()
                                || metric.spec.name == "weir_records_rejected_total"
                                || metric.spec.name == "weir_build_info";
    EXPECT_EQ(!metric.samples.empty(), counts_at_once) << metric.spec.name;
  }
}
