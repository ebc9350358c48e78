#include "app/config/config_reference.hpp"
#include "app/config/effective.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;
using testing::HasSubstr;

namespace {

std::vector<effective_value> of(const std::string& text,
                                const std::vector<std::string>& overrides = {}) {
  const auto settings = parse_config(text, "weir.yaml", overrides);
  EXPECT_TRUE(settings) << settings.error().text;
  return effective_values(settings.value());
}

effective_value find(const std::vector<effective_value>& rows, const std::string& path) {
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const auto& row) { return row.path == path; });
  return found == rows.end() ? effective_value{path, "(absent)", ""} : *found;
}

} // namespace

TEST(effective_values, say_where_each_came_from) {
  const auto rows = of("node: {name: here}\n"
                       "ingest:\n"
                       "  listen: 127.0.0.1:9000\n",
                       {"ingest.batch_records=77"});
  EXPECT_EQ(find(rows, "node.name").value, "here");
  EXPECT_EQ(find(rows, "node.name").from, "weir.yaml:1");
  EXPECT_EQ(find(rows, "ingest.listen").value, "127.0.0.1:9000");
  EXPECT_EQ(find(rows, "ingest.listen").from, "weir.yaml:3");
  EXPECT_EQ(find(rows, "ingest.batch_records").value, "77");
  EXPECT_EQ(find(rows, "ingest.batch_records").from, "--set");
  EXPECT_EQ(find(rows, "ingest.idle_timeout").from, "default");
  EXPECT_EQ(find(rows, "ingest.threads").from, "derived") << "of the number of cores";
  EXPECT_NE(find(rows, "ingest.budget_bytes").value, "derived");
  EXPECT_EQ(find(rows, "ingest.budget_bytes").from, "derived");
}

TEST(effective_values, have_each_stream_and_each_key_as_it_is) {
  const auto digest = std::string(64, 'a');
  const auto rows = of("streams:\n"
                       "  web: {ack: stored}\n"
                       "  app: {priority: high}\n"
                       "ingest:\n"
                       "  api_keys:\n"
                       "    - {name: one, sha256: "
                       + digest
                       + "}\n"
                         "    - {name: two, sha256: "
                       + std::string(64, 'b') + ", streams: [web]}\n");
  EXPECT_EQ(find(rows, "streams.web.ack").value, "stored");
  EXPECT_EQ(find(rows, "streams.web.ack").from, "weir.yaml:2");
  EXPECT_EQ(find(rows, "streams.web.priority").from, "default");
  EXPECT_EQ(find(rows, "streams.app.priority").value, "high");
  EXPECT_EQ(find(rows, "ingest.api_keys.0.name").value, "one");
  EXPECT_EQ(find(rows, "ingest.api_keys.1.streams").value, "[web]");
  EXPECT_EQ(find(rows, "ingest.api_keys.2.name").value, "(absent)");
}

TEST(effective_values, show_no_password) {
  for (const std::string url : {"postgresql://weir:hush@db.example.org/weir",
                                "host=db.example.org user=weir password=hush"})
    for (const auto& row : of("sink: {kind: postgres, url: '" + url + "'}\n"))
      EXPECT_EQ(row.value.find("hush"), std::string::npos) << row.path;
}

// A key that nobody sees here is one that nobody can ask about.
TEST(effective_values, have_every_key_of_the_reference) {
  const auto rows =
    of("ingest: {api_keys: [{name: one, sha256: " + std::string(64, 'a') + "}]}\n");
  for (const auto& key : config_reference()) {
    if (key.type == "section" || key.type == "map by name" || key.type == "list")
      continue;
    auto path = key.path;
    if (const auto star = path.find("streams.*"); star != path.npos)
      path.replace(star, 9, "streams.default");
    if (const auto star = path.find("api_keys.*"); star != path.npos)
      path.replace(star, 10, "api_keys.0");
    EXPECT_NE(find(rows, path).value, "(absent)") << path;
  }
}
