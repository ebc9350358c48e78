// docs/http.md says what the code does: every code with its status, every reason of a rejected
// record, the media types, and each limit with its key and default.
#include "app/config/config_reference.hpp"
#include "app/config/config_text.hpp"
#include "base/codes.hpp"
#include "records/formats/kind.hpp"
#include "records/formats/media_type.hpp"
#include "tests/app/repository.hpp"

#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>
#include <re2/re2.h>

using namespace weir;

namespace {

using table_row = std::vector<std::string>;

/// The cells of every table row of docs/http.md.
std::vector<table_row> rows() {
  const auto text = read_file((repository() / "docs/http.md").string(), 1 << 20);
  if (!text)
    throw std::runtime_error(text.error().text);
  std::vector<table_row> found;
  std::istringstream lines{*text};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| "))
      continue;
    table_row cells;
    std::istringstream rest{line.substr(1)};
    for (std::string cell; std::getline(rest, cell, '|');) {
      const auto first = cell.find_first_not_of(' ');
      const auto last = cell.find_last_not_of(' ');
      cells.push_back(first == cell.npos ? "" : cell.substr(first, last - first + 1));
    }
    found.push_back(std::move(cells));
  }
  return found;
}

/// What stands between backticks.
std::vector<std::string> quoted(const std::string& cell) {
  static const RE2 pattern{"`([^`]+)`"};
  std::vector<std::string> found;
  re2::StringPiece rest{cell};
  for (std::string one; RE2::FindAndConsume(&rest, pattern, &one);)
    found.push_back(one);
  return found;
}

/// Codes that an answer can carry: all but those that only logs and the supervisor see.
std::map<std::string, int> codes_of_answers() {
  static const std::set<std::string> inside{
    "restart_limit_reached", "worker_hung",    "journal_corrupt", "sink_unavailable",
    "out_of_turn",           "invalid_config", "io_failed"};
  std::map<std::string, int> all;
  for (int i = 1; i < 256; ++i) {
    const auto code = static_cast<ec>(i);
    const std::string name{to_string(code)};
    if (name != "unknown_code" && !inside.contains(name))
      all[name] = http_status(code);
  }
  return all;
}

} // namespace

TEST(http_docs, every_code_of_an_answer_is_there_with_its_status_and_no_other) {
  std::map<std::string, int> documented;
  for (const auto& row : rows())
    if (row.size() == 3 && row[0].size() == 3 && row[0] >= "400" && row[0] <= "599")
      for (const auto& code : quoted(row[1]))
        documented[code] = std::stoi(row[0]);
  EXPECT_EQ(documented, codes_of_answers());
}

TEST(http_docs, every_reason_of_a_rejected_record_is_there_and_no_other) {
  std::set<std::string> real, documented;
  for (int i = 1; i < reject_codes; ++i)
    real.insert(std::string{to_string(static_cast<reject>(i))});
  bool inside = false;
  for (const auto& row : rows()) {
    if (row[0] == "`code` of a record")
      inside = true;
    else if (inside && !real.contains(row[0].substr(1, row[0].size() - 2)))
      inside = false; // the next table
    else if (inside)
      documented.insert(quoted(row[0]).at(0));
  }
  EXPECT_EQ(documented, real);
}

/// A row has types of one format. `…+json` stands for all types with that suffix.
TEST(http_docs, every_media_type_of_every_format_is_there_and_no_other) {
  std::map<std::string, std::string_view> documented, real;
  bool inside = false;
  for (const auto& row : rows()) {
    if (row[0] == "`Content-Type`")
      inside = true;
    else if (row[0].starts_with("none"))
      inside = false;
    const auto types = inside ? quoted(row[0]) : std::vector<std::string>{};
    if (types.empty() || row[0] == "`Content-Type`")
      continue;
    const auto first = media_type_of(types.front());
    ASSERT_TRUE(first) << types.front();
    for (const auto& type : types)
      EXPECT_TRUE(documented.emplace(type, kind_of(first->format).name).second) << type;
  }
  for (const auto* kind : format_kinds()) {
    for (const auto& name : kind->media_types)
      real.emplace(name.type, kind->name);
    if (!kind->suffix.empty())
      real.emplace("…" + std::string{kind->suffix}, kind->name);
  }
  EXPECT_EQ(documented, real);
}

TEST(http_docs, every_limit_has_a_key_that_exists_and_its_default) {
  std::map<std::string, std::string> defaults;
  for (const auto& key : config_reference())
    defaults[key.path] = key.default_text;
  size_t found = 0;
  for (const auto& row : rows()) {
    const auto keys = row.size() == 4 ? quoted(row[1]) : std::vector<std::string>{};
    if (keys.size() != 1 || keys[0].find('.') == std::string::npos)
      continue;
    ++found;
    EXPECT_EQ("`" + row[2] + "`", defaults[keys[0]]) << keys[0];
  }
  EXPECT_GE(found, 11u);
}

TEST(http_docs, every_configuration_key_in_the_text_exists) {
  std::set<std::string> known;
  for (const auto& key : config_reference())
    known.insert(key.path);
  const auto text = read_file((repository() / "docs/http.md").string(), 1 << 20);
  ASSERT_TRUE(text);
  size_t found = 0;
  for (const auto& word : quoted(*text))
    if (RE2::FullMatch(word, "(ingest|streams|pipeline|journal|sink)\\.[a-z_.*]+")) {
      ++found;
      EXPECT_TRUE(known.contains(word)) << word;
    }
  EXPECT_GE(found, 15u);
}
