// What the commands say and do on a store of their own, without a node.
#include "app/commands/cli.hpp"
#include "app/commands/dead_letters.hpp"
#include "tests/storage/sinks/sink_frames.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;
using namespace weir::sink_test;
using testing::HasSubstr;
using testing::Not;

namespace {

struct dead_letters_commands : ::testing::Test {
  dead_letters_commands() { settings.dead_letters.path = directory / "letters.db"; }

  void add(std::string_view stream, int64_t received_at_us, std::string detail = "d") {
    auto& frame = frames.add(0, stream, received_at_us);
    frame.dead_letters.push_back({0, 0, reject::schema_violation, "/a",
                                  frames.keep(std::move(detail)), frames.keep("{}")});
  }
  void store() {
    auto opened = dead_letter_store::open(settings.dead_letters);
    ASSERT_TRUE((*opened)->commit(frames.all(), frames.end()));
  }
  int list(dead_letters_options options = {}) {
    out.str("");
    err.str("");
    return command_dead_letters_list(settings, options, out, err);
  }
  int remove(const dead_letters_options& options) {
    out.str("");
    err.str("");
    return command_dead_letters_delete(settings, options, out, err);
  }
  std::vector<uint64_t> ids() {
    auto opened = dead_letter_store::open_read_only(settings.dead_letters);
    std::vector<uint64_t> all;
    const auto letters = (*opened)->list({});
    for (const auto& letter : *letters)
      all.push_back(letter.id);
    return all;
  }

  scratch_directory directory;
  frame_list frames;
  config settings;
  std::ostringstream out, err;
};

using numbers = std::vector<uint64_t>;

} // namespace

TEST_F(dead_letters_commands, an_empty_list_says_so_beside_the_output) {
  store();
  EXPECT_EQ(list(), exit_ok);
  EXPECT_EQ(out.str(), "");
  EXPECT_THAT(err.str(), HasSubstr("there are no dead letters"));
  dead_letters_options options;
  options.stream = "web";
  EXPECT_EQ(list(options), exit_ok);
  EXPECT_THAT(err.str(), HasSubstr("of stream \"web\""));
}

TEST_F(dead_letters_commands, deletes_by_id_by_stream_by_time_and_all) {
  for (int i = 0; i < 3; ++i) {
    add("web", start_us + i);
    add("other", start_us + i);
  }
  store();
  dead_letters_options some;
  some.ids = {2, 2};
  EXPECT_EQ(remove(some), exit_ok);
  EXPECT_EQ(out.str(), "1 deleted\n");
  EXPECT_EQ(ids(), (numbers{1, 3, 4, 5, 6}));
  EXPECT_EQ(remove(some), exit_failed); // it is gone
  some = {};
  some.stream = "web";
  some.before_us = start_us + 1;
  EXPECT_EQ(remove(some), exit_ok);
  EXPECT_EQ(ids(), (numbers{3, 4, 5, 6}));
  some.before_us = 0;
  EXPECT_EQ(remove(some), exit_ok);
  EXPECT_EQ(ids(), (numbers{4, 6}));
  EXPECT_EQ(remove(some), exit_ok);
  EXPECT_EQ(out.str(), "0 deleted\n");
  EXPECT_THAT(err.str(), HasSubstr("there are no dead letters of stream"));
  EXPECT_EQ(remove({}), exit_ok);
  EXPECT_EQ(ids(), numbers{});
}

TEST_F(dead_letters_commands, an_id_is_never_given_again) {
  add("web", start_us);
  add("web", start_us);
  store();
  EXPECT_EQ(remove({}), exit_ok);
  add("web", start_us);
  store();
  EXPECT_EQ(ids(), numbers{3});
}

TEST_F(dead_letters_commands, what_acts_on_a_terminal_is_escaped_in_lists_and_in_json) {
  add("web", start_us, "a\x1b[2J b\u009b2J c\u202e d\u2066 e\u200f f\u061c");
  store();
  list();
  EXPECT_THAT(out.str(),
              HasSubstr("a\\x1b[2J b\\u009b2J c\\u202e d\\u2066 e\\u200f f\\u061c"));
  dead_letters_options json;
  json.json = true;
  list(json);
  for (const auto* acting : {"\x1b", "\u009b", "\u202e", "\u2066", "\u200f", "\u061c"})
    EXPECT_THAT(out.str(), Not(HasSubstr(acting)));
  EXPECT_THAT(out.str(), HasSubstr("b\\u009b2J c\\u202e"));
}
