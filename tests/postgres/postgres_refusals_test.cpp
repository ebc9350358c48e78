// No single record stops the sink: what the server will never take is set aside, its neighbours
// are stored, and a server that takes nothing is told from a record that is at fault.
#include "storage/open_sink.hpp"
#include "tests/postgres/fixture.hpp"

using namespace weir;
using namespace weir::postgres_test;
using testing::HasSubstr;

namespace {

class postgres_refusals_test : public postgres_fixture {
 protected:
  /// Thirty records in three frames; the 14th has `body`.
  void expect_set_aside_alone(sink& to, std::string_view body) {
    frame_list frames;
    for (int i = 0; i < 3; ++i)
      frames.add(10);
    auto with = frames.all();
    with[1].records[3] = body;
    const auto stored = to.commit(with, frames.end());
    ASSERT_TRUE(stored) << stored.error().text;
    EXPECT_EQ(to.cursor().position, frames.end());
    EXPECT_EQ(value("SELECT count(*) FROM records"), "29");
    EXPECT_EQ(value("SELECT id || ' ' || body FROM records_set_aside"),
              "14 " + std::string{body});
    EXPECT_EQ(to.set_aside(), 1u);
    EXPECT_EQ(contents(to).size(), 30u); // export has them all
    EXPECT_THAT(warnings, testing::Contains("sink_records_set_aside"));
  }
  std::string reason() { return value("SELECT reason FROM records_set_aside"); }
};

constexpr const char* odd = R"({"odd":1})";

} // namespace

TEST_F(postgres_refusals_test,
       a_constraint_of_the_operators_costs_the_records_it_refuses) {
  auto sink = open();
  execute("ALTER TABLE records ADD CONSTRAINT even CHECK (NOT body ? 'odd')");
  expect_set_aside_alone(*sink, odd);
  EXPECT_THAT(reason(), HasSubstr("even"));
}

TEST_F(postgres_refusals_test, a_trigger_of_the_operators_costs_the_records_it_refuses) {
  auto sink = open();
  execute(
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF new.body ?"
    " 'odd' THEN RAISE EXCEPTION 'no odd ones'; END IF; RETURN new; END$$;"
    "CREATE TRIGGER refuse BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION"
    " refuse()");
  expect_set_aside_alone(*sink, odd);
  EXPECT_THAT(reason(), HasSubstr("no odd ones"));
}

TEST_F(postgres_refusals_test, a_constraint_that_waits_for_the_commit_tells_the_record) {
  auto sink = open();
  execute(
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF new.body ?"
    " 'odd' THEN RAISE EXCEPTION 'no odd ones'; END IF; RETURN new; END$$;"
    "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON records DEFERRABLE INITIALLY"
    " DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()");
  expect_set_aside_alone(*sink, odd);
}

TEST_F(postgres_refusals_test, an_index_that_cannot_take_a_value_costs_its_record) {
  auto sink = open();
  execute("CREATE INDEX ON records ((((body ->> 'odd'))::integer))");
  expect_set_aside_alone(*sink, R"({"odd":"one"})");
  EXPECT_THAT(reason(), HasSubstr("integer"));
}

TEST_F(postgres_refusals_test, an_error_in_a_trigger_costs_only_the_records_it_meets) {
  auto sink = open();
  execute(
    "CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF new.body ?"
    " 'odd' THEN PERFORM * FROM no_such_table; END IF; RETURN new; END$$;"
    "CREATE TRIGGER break BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION"
    " break()");
  expect_set_aside_alone(*sink, odd);
}

TEST_F(postgres_refusals_test, a_number_that_jsonb_cannot_hold_costs_its_record) {
  auto sink = open();
  expect_set_aside_alone(*sink, R"({"a":1e999999})");
}

TEST_F(postgres_refusals_test, a_table_that_is_gone_is_a_sink_that_is_down) {
  auto sink = open();
  frame_list frames;
  frames.add(3);
  execute("ALTER TABLE records RENAME TO moved");
  EXPECT_FALSE(commit_all(*sink, frames));
  execute("ALTER TABLE moved RENAME TO records");
  EXPECT_EQ(value("SELECT count(*) FROM records_set_aside"), "0");
  commit_until_done(*sink, frames);
  EXPECT_EQ(value("SELECT count(*) FROM records"), "3");
}

TEST_F(postgres_refusals_test, a_table_that_is_forbidden_is_a_sink_that_is_down) {
  frame_list frames;
  frames.add(1);
  ASSERT_TRUE(commit_all(*open(), frames));
  execute("CREATE ROLE limited_" + database_
          + "; GRANT ALL ON ALL TABLES IN SCHEMA public TO limited_" + database_
          + "; REVOKE INSERT ON records FROM limited_" + database_);
  auto limited = config;
  limited.postgres.url += " options='-crole=limited_" + database_ + "'";
  auto sink = open(limited);
  frames.add(3);
  const auto refused = commit_all(*sink, frames);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("permission denied"));
  EXPECT_EQ(value("SELECT count(*) FROM records_set_aside"), "0");
  execute("GRANT INSERT ON records TO limited_" + database_);
  commit_until_done(*sink, frames);
  EXPECT_EQ(value("SELECT count(*) FROM records"), "4");
}

TEST_F(postgres_refusals_test, a_table_that_refuses_everything_is_a_sink_that_is_down) {
  config.refused_max = 20;
  auto sink = open();
  execute("ALTER TABLE records ADD CONSTRAINT nothing CHECK (false)");
  frame_list frames;
  frames.add(30);
  const auto refused = commit_all(*sink, frames);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("refuses an empty record as well"));
  EXPECT_EQ(value("SELECT count(*) FROM records_set_aside"), "0");
  execute("ALTER TABLE records DROP CONSTRAINT nothing");
  commit_until_done(*sink, frames);
  EXPECT_EQ(value("SELECT count(*) FROM records"), "30");
}

TEST_F(postgres_refusals_test, many_bad_records_in_a_row_are_still_the_records_fault) {
  config.refused_max = 20;
  auto sink = open();
  frame_list frames;
  auto& frame = frames.add(60);
  for (auto& body : frame.records)
    body = R"({"a":1e999999})";
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(value("SELECT count(*) FROM records_set_aside"), "60");
}

TEST_F(postgres_refusals_test, refusals_in_a_row_are_counted_across_commits) {
  config.refused_max = 5;
  auto sink = open();
  execute("ALTER TABLE records ADD CONSTRAINT nothing CHECK (false)");
  frame_list frames;
  int stored = 0;
  for (; stored < 10; ++stored) {
    frames.add(1);
    if (!commit_all(*sink, frames))
      break;
  }
  EXPECT_EQ(stored, 5);
}

TEST_F(postgres_refusals_test, a_database_that_cannot_hold_all_of_json_is_refused) {
  for (const std::string encoding : {"LATIN1", "SQL_ASCII", "EUC_JP"}) {
    auto name = database_ + "_" + encoding;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    execute("CREATE DATABASE " + name + " ENCODING '" + encoding
            + "' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    auto there = config;
    there.postgres.url = server_.url(name);
    const auto opened = open_sink(there, clock);
    const auto migrated = migrate_postgres(there, clock);
    const auto probed = probe_postgres(there, false);
    ASSERT_FALSE(opened) << encoding;
    ASSERT_FALSE(migrated) << encoding;
    ASSERT_FALSE(probed) << encoding;
    for (const auto& why : {opened.error(), migrated.error(), probed.error()}) {
      EXPECT_EQ(why.code, ec::io_failed);
      EXPECT_THAT(why.text, HasSubstr("encoding is " + encoding));
      EXPECT_THAT(why.text, HasSubstr("CREATE DATABASE"));
    }
  }
}

TEST_F(postgres_refusals_test, the_sessions_text_is_utf8_whatever_the_role_is_set_to) {
  execute("ALTER ROLE CURRENT_USER SET client_encoding = 'LATIN1'");
  auto sink = open();
  execute("ALTER ROLE CURRENT_USER RESET client_encoding");
  frame_list frames;
  frames.add(1).records[0] = frames.keep("{\"a\":\"\u20ac\"}");
  ASSERT_TRUE(commit_all(*sink, frames));
  EXPECT_EQ(value("SELECT body ->> 'a' FROM records"), "\u20ac");
}

TEST_F(postgres_refusals_test, what_is_no_text_for_the_server_is_set_aside_all_the_same) {
  auto sink = open();
  frame_list frames;
  frames.add(3).records[1] = "{\"a\":\"\xff\"}";
  const auto stored = commit_all(*sink, frames);
  ASSERT_TRUE(stored) << stored.error().text;
  EXPECT_EQ(value("SELECT count(*) FROM records"), "2");
  EXPECT_EQ(value("SELECT body FROM records_set_aside"), "{\"a\":\"\xef\xbf\xbd\"}");
}
