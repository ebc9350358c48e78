// weir's tables: made once, never changed by a weir that does not know them.
#include "storage/open_sink.hpp"
#include "tests/postgres/fixture.hpp"

#include <array>

using namespace weir;
using namespace weir::postgres_test;
using testing::HasSubstr;

namespace {

using postgres_schema_test = postgres_fixture;

} // namespace

TEST_F(postgres_schema_test, a_second_migration_changes_nothing) {
  set_server_time(clock.us);
  const auto first = migrate_postgres(config, clock);
  ASSERT_TRUE(first) << first.error().text;
  EXPECT_EQ(first->before, 0);
  EXPECT_EQ(first->applied.size(), 1u);
  const auto tables = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class"
                      " WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i'";
  const auto before = value(tables);
  EXPECT_THAT(before, HasSubstr("records records_20231114 records_20231115"));
  const auto second = migrate_postgres(config, clock);
  ASSERT_TRUE(second) << second.error().text;
  EXPECT_EQ(second->before, 1);
  EXPECT_TRUE(second->applied.empty());
  EXPECT_EQ(value(tables), before);
}

TEST_F(postgres_schema_test,
       migrations_and_starts_at_the_same_time_do_not_disturb_each_other) {
  std::vector<std::thread> all;
  std::array<std::string, 4> failures;
  for (int i = 0; i < 4; ++i) {
    const auto node = another("node" + std::to_string(i));
    all.emplace_back([&, node, i] {
      if (const auto done = migrate_postgres(node, clock); !done)
        failures[static_cast<size_t>(i)] = done.error().text;
      else if (const auto opened = open_sink(node, clock); !opened)
        failures[static_cast<size_t>(i)] = opened.error().text;
    });
  }
  for (auto& one : all)
    one.join();
  EXPECT_THAT(failures, testing::Each(std::string{}));
  EXPECT_EQ(value("SELECT count(*) FROM weir_schema"), "1");
  EXPECT_EQ(value("SELECT string_agg(number::text, ' ' ORDER BY number) FROM cursors"),
            "0 1 2 3");
}

TEST_F(postgres_schema_test, an_older_or_newer_schema_is_refused_with_what_to_do) {
  ASSERT_TRUE(migrate_postgres(config, clock));
  execute("UPDATE weir_schema SET version = 2");
  const auto newer = open_sink(config, clock);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, ec::io_failed);
  EXPECT_THAT(newer.error().text,
              HasSubstr("schema version 2, this weir knows version 1"));
  EXPECT_FALSE(migrate_postgres(config, clock));
  EXPECT_FALSE(open_sink_read_only(config));
  EXPECT_FALSE(probe_postgres(config, true));

  execute("TRUNCATE weir_schema");
  config.postgres.migrate = false;
  const auto older = open_sink(config, clock);
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, ec::io_failed);
  EXPECT_THAT(older.error().text, HasSubstr("run `weir migrate`"));
}

TEST_F(postgres_schema_test,
       without_permission_to_migrate_an_empty_database_is_left_alone) {
  config.postgres.migrate = false;
  EXPECT_FALSE(open_sink(config, clock));
  EXPECT_FALSE(probe_postgres(config, true));
  EXPECT_EQ(value("SELECT count(*) FROM pg_class WHERE relnamespace ="
                  " 'public'::regnamespace"),
            "0");
}

TEST_F(postgres_schema_test, a_look_makes_no_tables) {
  const auto found = probe_postgres(config, false);
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_THAT(*found, HasSubstr("no tables yet"));
  EXPECT_EQ(value("SELECT to_regclass('records') IS NULL"), "t");
}

TEST_F(postgres_schema_test, tables_of_another_program_are_not_touched) {
  execute("CREATE TABLE records (mine integer); INSERT INTO records VALUES (1)");
  const auto refused = open_sink(config, clock);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("already exists"));
  EXPECT_EQ(value("SELECT mine FROM records"), "1");
  EXPECT_EQ(value("SELECT to_regclass('weir_schema') IS NULL"), "t");
}
