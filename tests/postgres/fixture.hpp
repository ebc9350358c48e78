// One server for the program, one database for each test.
#pragma once

#include "base/log.hpp"
#include "storage/open_sink.hpp"
#include "storage/sinks/postgres/sink.hpp"
#include "tests/postgres/server.hpp"
#include "tests/storage/sinks/sink_frames.hpp"

#include <algorithm>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::postgres_test {

using namespace weir::sink_test;

inline server& shared_server() {
  static server one;
  return one;
}

class postgres_fixture : public testing::Test {
 protected:
  postgres_fixture() {
    static int number = 0;
    database_ = "test_" + std::to_string(++number);
    auto db = server_.connect("postgres");
    const auto made = db.run("make a database", "CREATE DATABASE " + database_);
    if (!made)
      throw std::runtime_error(made.error().text);
    config.kind = "postgres";
    config.postgres.url = server_.url(database_);
    config.postgres.node = "weir";
    config.postgres.journal_directory = directory / "journal";
    warnings.clear();
    set_log_writer(
      [](log_level, std::string_view event, auto) { warnings.emplace_back(event); });
    begin_journal(config);
  }

  ~postgres_fixture() override { set_log_writer(nullptr); }

  /// As a journal that has begun: its identity is no longer replaced.
  static void begin_journal(const sink_config& of) {
    std::filesystem::create_directories(of.postgres.journal_directory);
    std::fclose(std::fopen(
      (of.postgres.journal_directory + "/journal-00000000000000000001.wj").c_str(), "w"));
  }
  /// Another node on the same database.
  sink_config another(const std::string& node) const {
    auto other = config;
    other.postgres.node = node;
    other.postgres.journal_directory = directory / ("journal-" + node);
    begin_journal(other);
    return other;
  }
  std::unique_ptr<sink> open(const sink_config& with) {
    auto opened = open_sink(with, clock);
    if (!opened)
      throw std::runtime_error(opened.error().text);
    return std::move(*opened);
  }
  std::unique_ptr<sink> open() { return open(config); }
  postgres::connection db() { return server_.connect(database_); }

  /// The only value of the only row.
  std::string value(const std::string& sql) {
    auto connection = db();
    const auto rows = connection.run("ask", sql);
    if (!rows)
      return "error: " + rows.error().text;
    return rows->rows() == 1 ? std::string{rows->text(0, 0)}
                             : std::to_string(rows->rows()) + " rows";
  }
  void execute(const std::string& sql) {
    auto connection = db();
    const auto done = connection.script("execute", sql);
    if (!done)
      throw std::runtime_error(done.error().text);
  }
  /// From now on the server's clock says what the test says.
  void set_server_time(int64_t us) {
    execute(
      "CREATE TABLE IF NOT EXISTS public.fake_time (at timestamptz);"
      "TRUNCATE public.fake_time; INSERT INTO public.fake_time VALUES ('"
      + postgres::timestamp(us)
      + "'); CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz"
        " LANGUAGE sql STABLE AS 'SELECT at FROM public.fake_time'");
    if (config.postgres.url.find("search_path") == std::string::npos)
      config.postgres.url += " options='-csearch_path=public,pg_catalog'";
  }
  /// Waits for what another thread makes the server do; the test's own limit ends it.
  void wait_until(const std::string& sql) {
    while (value(sql) != "t")
      std::this_thread::yield();
  }
  /// Backends of sinks.
  static constexpr const char* of_sinks = "application_name LIKE 'weir sink%'";

  /// Every record that came, without the spaces jsonb puts into a body.
  static std::vector<std::string> plain(std::vector<std::string> lines) {
    for (auto& line : lines)
      if (const auto brace = line.find('{'); brace != line.npos)
        line.erase(
          std::remove(line.begin() + static_cast<std::ptrdiff_t>(brace), line.end(), ' '),
          line.end());
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  static std::vector<std::string> sorted(std::vector<std::string> lines) {
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  /// Commits until it works, as the sink writer does, from the sink's cursor each time.
  static int commit_until_done(sink& to, const frame_list& frames) {
    int failures = 0;
    while (!commit_all(to, frames))
      ++failures;
    return failures;
  }

  server& server_ = shared_server();
  scratch_directory directory;
  manual_clock clock;
  sink_config config;
  static inline std::vector<std::string> warnings; ///< used by one thread
  std::string database_;
};

} // namespace weir::postgres_test
