#include "storage/dead_letters.hpp"

#include "storage/sqlite/sqlite.hpp"
#include "tests/storage/sinks/sink_frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace weir;
using namespace weir::sink_test;

namespace {

struct dead_letter_store_test : ::testing::Test {
  scratch_directory directory;
  dead_letter_config config{directory / "data/dead_letters.db"};
  frame_list frames;

  std::unique_ptr<dead_letter_store> open() {
    return std::move(dead_letter_store::open(config).value());
  }
  frame_view& add_letter(const std::string& body, std::string_view stream = "web") {
    auto& frame = frames.add(1, stream);
    frame.dead_letters.push_back(
      {4, 9, reject::schema_violation, "/amount", "is not a number", frames.keep(body)});
    return frame;
  }
  result<void> commit(dead_letter_store& store) {
    return store.commit(frames.all(), frames.end());
  }
  static std::vector<std::string> bodies(dead_letter_store& store,
                                         dead_letter_query query = {}) {
    query.bodies = true;
    std::vector<std::string> all;
    const auto letters = store.list(query).value();
    for (const auto& letter : letters)
      all.push_back(letter.body);
    return all;
  }
};

using texts = std::vector<std::string>;

} // namespace

TEST_F(dead_letter_store_test, keeps_every_field_and_bodies_of_any_bytes) {
  const std::string odd("a\0b\xff\n", 5);
  add_letter(odd);
  add_letter("");
  auto store = open();
  ASSERT_TRUE(commit(*store));
  const auto letter = store->get(1).value();
  ASSERT_TRUE(letter);
  EXPECT_EQ(letter->id, 1u);
  EXPECT_EQ(letter->stream, "web");
  EXPECT_EQ(letter->received_at_us, start_us);
  EXPECT_EQ(letter->batch, to_hex(frames.all()[0].key));
  EXPECT_EQ(letter->record, 5u); // told from 1, kept in frames from 0
  EXPECT_EQ(letter->line, 10u);
  EXPECT_EQ(letter->code, "schema_violation");
  EXPECT_EQ(letter->pointer, "/amount");
  EXPECT_EQ(letter->detail, "is not a number");
  EXPECT_EQ(letter->body, odd);
  EXPECT_EQ(letter->replayed_at_us, 0);
  EXPECT_EQ(store->get(2).value()->body, "");
  EXPECT_FALSE(store->get(3).value());
}

TEST_F(dead_letter_store_test, lists_by_stream_behind_an_id_and_up_to_a_limit) {
  for (const auto* body : {"1", "2", "3", "4"})
    add_letter(body, body[0] % 2 == 0 ? "even" : "odd");
  auto store = open();
  ASSERT_TRUE(commit(*store));
  EXPECT_EQ(bodies(*store), (texts{"1", "2", "3", "4"}));
  EXPECT_EQ(bodies(*store, {"odd"}), (texts{"1", "3"}));
  EXPECT_EQ(bodies(*store, {"", 2}), (texts{"3", "4"}));
  EXPECT_EQ(bodies(*store, {"", 1, 2}), (texts{"2", "3"}));
  EXPECT_EQ(bodies(*store, {"", 0, 0}), (texts{"1"})) << "the limit is at least 1";
  EXPECT_EQ(bodies(*store, {"even' OR 1=1 --"}), texts{});
  EXPECT_EQ(store->list({}).value()[0].body, "") << "without being asked for";
}

TEST_F(dead_letter_store_test, when_frames_come_again_nothing_is_stored_twice) {
  add_letter("1");
  frames.add(5);
  auto store = open();
  ASSERT_TRUE(commit(*store));
  ASSERT_TRUE(commit(*store));
  add_letter("2");
  store = open();
  EXPECT_EQ(store->cursor(), frames.all()[1].next);
  ASSERT_TRUE(commit(*store));
  EXPECT_EQ(bodies(*store), (texts{"1", "2"}));
  EXPECT_EQ(store->cursor(), frames.end());
}

TEST_F(dead_letter_store_test, its_cursor_never_goes_back) {
  add_letter("1");
  add_letter("2");
  auto store = open();
  ASSERT_TRUE(commit(*store));
  ASSERT_TRUE(store->commit({}, frames.all()[0].next));
  EXPECT_EQ(store->cursor(), frames.end());
  EXPECT_EQ(open()->cursor(), frames.end());
}

TEST_F(dead_letter_store_test, the_oldest_go_above_the_bound_and_ids_are_not_used_again) {
  config.letters_max = 3;
  auto store = open();
  for (int i = 1; i <= 10; ++i) {
    add_letter(std::to_string(i));
    ASSERT_TRUE(commit(*store));
    EXPECT_EQ(*store->count(), std::min<uint64_t>(3, static_cast<uint64_t>(i)));
  }
  EXPECT_EQ(bodies(*store), (texts{"8", "9", "10"}));
  store = open();
  add_letter("11");
  ASSERT_TRUE(commit(*store));
  EXPECT_EQ(store->list({}).value().back().id, 11u);
}

TEST_F(dead_letter_store_test, notes_a_replay_also_beside_the_running_server) {
  add_letter("1");
  auto server = open();
  ASSERT_TRUE(commit(*server));
  auto command = open();
  ASSERT_TRUE(command->mark_replayed(1, 77));
  EXPECT_EQ(server->get(1).value()->replayed_at_us, 77);
  const auto missing = command->mark_replayed(2, 77);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().text, ::testing::HasSubstr("no dead letter 2"));
  add_letter("2");
  EXPECT_TRUE(commit(*server));
}

TEST_F(dead_letter_store_test, when_locked_it_refuses_and_later_stores_everything_once) {
  auto store = open();
  add_letter("1");
  {
    auto other =
      sqlite::connection::open(config.path, sqlite::access::read_write, {}).value();
    auto lock = sqlite::transaction::begin(other);
    const auto refused = commit(*store);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ec::sink_unavailable);
  }
  ASSERT_TRUE(commit(*store));
  EXPECT_EQ(bodies(*store), texts{"1"});
}

TEST_F(dead_letter_store_test, when_deleted_underneath_new_letters_go_into_a_new_store) {
  auto store = open();
  add_letter("1");
  ASSERT_TRUE(commit(*store));
  std::filesystem::remove(config.path);
  add_letter("2");
  ASSERT_TRUE(commit(*store));
  EXPECT_EQ(bodies(*open()), texts{"2"});
}

TEST_F(dead_letter_store_test, while_it_is_made_a_reader_finds_none_or_a_whole_one) {
  for (int round = 0; round < 40; ++round) {
    config.path = directory / ("data/" + std::to_string(round) + ".db");
    std::atomic<bool> looks{false};
    std::vector<std::string> failures;
    std::thread reader{[&] {
      for (bool found = false; !found && failures.empty(); looks = true) {
        const bool named = std::filesystem::exists(config.path);
        auto store = dead_letter_store::open_read_only(config);
        found = store.has_value();
        if (named && !found)
          failures.push_back(store.error().text);
        if (const auto there = dead_letter_store::open_if_there(config); !there)
          failures.push_back(there.error().text);
      }
    }};
    while (!looks)
      std::this_thread::yield();
    const auto made = open();
    reader.join();
    ASSERT_EQ(failures, texts{}) << "round " << round;
  }
}

TEST_F(dead_letter_store_test, one_that_is_still_empty_is_none_to_those_who_ask) {
  EXPECT_EQ(*dead_letter_store::open_if_there(config), nullptr) << "no file";
  std::filesystem::create_directories(directory / "data");
  std::ofstream{config.path}.close();
  EXPECT_EQ(*dead_letter_store::open_if_there(config), nullptr) << "an empty file";
  add_letter("1");
  ASSERT_TRUE(commit(*open()));
  EXPECT_EQ(bodies(**dead_letter_store::open_if_there(config)), texts{"1"});
}

TEST_F(dead_letter_store_test, what_is_made_leaves_nothing_else_behind) {
  open().reset();
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{directory / "data"})
    names.push_back(entry.path().filename());
  EXPECT_EQ(names, texts{"dead_letters.db"});
}

TEST_F(dead_letter_store_test, opened_for_reading_it_changes_nothing) {
  EXPECT_FALSE(dead_letter_store::open_read_only(config)) << "there is none yet";
  add_letter("1");
  ASSERT_TRUE(commit(*open()));
  auto store = std::move(dead_letter_store::open_read_only(config).value());
  EXPECT_EQ(bodies(*store), texts{"1"});
  EXPECT_EQ(*store->count(), 1u);
  EXPECT_FALSE(store->mark_replayed(1, 5));
  EXPECT_FALSE(commit(*store));
}

TEST_F(dead_letter_store_test, a_page_of_large_bodies_ends_early_and_the_next_goes_on) {
  for (int i = 0; i < 10; ++i)
    add_letter(std::string(300'000, static_cast<char>('a' + i)));
  auto store = open();
  ASSERT_TRUE(commit(*store));
  dead_letter_query query;
  query.bodies = true;
  query.bytes_max = 1'000'000;
  std::string seen;
  for (;;) {
    const auto page = store->list(query).value();
    if (page.empty())
      break;
    size_t bytes = 0;
    for (const auto& letter : page) {
      bytes += letter.body.size();
      seen += letter.body.front();
    }
    EXPECT_LE(bytes, query.bytes_max);
    query.after = page.back().id;
  }
  EXPECT_EQ(seen, "abcdefghij");
  query.after = 0;
  query.bytes_max = 1; // one is always there
  EXPECT_EQ(store->list(query)->size(), 1u);
}

TEST_F(dead_letter_store_test,
       letters_deleted_by_another_make_room_and_no_id_comes_again) {
  config.letters_max = 4;
  for (int i = 0; i < 4; ++i)
    add_letter(std::string(1, static_cast<char>('a' + i)));
  auto store = open();
  ASSERT_TRUE(commit(*store));
  auto beside = open();
  dead_letter_choice which;
  which.ids = {2, 4, 99};
  EXPECT_EQ(beside->remove(which).value(), 2u);
  EXPECT_EQ(store->count().value(), 2u);
  add_letter("e");
  add_letter("f");
  ASSERT_TRUE(commit(*store));
  EXPECT_EQ(bodies(*store), (texts{"a", "c", "e", "f"})) << "there was room for all";
  EXPECT_EQ(beside->remove({}).value(), 4u);
  store = open();
  add_letter("g");
  ASSERT_TRUE(commit(*store));
  EXPECT_EQ(store->list({})->front().id, 7u);
}
