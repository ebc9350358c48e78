#include "actors/dead_letters.hpp"

#include "tests/actors/tail_fixture.hpp"

using namespace weir;
using namespace weir::tail_test;
using namespace std::chrono_literals;

namespace {

struct dead_letters_test : tail_fixture {
  sink_test::scratch_directory directory;
  dead_letter_config store{directory / "dead_letters.db"};
  bool cannot_open = false;

  void start() {
    dead_letters_config settings;
    settings.tail = tailing();
    settings.open_store = [this]() -> result<std::unique_ptr<dead_letter_store>> {
      if (cannot_open)
        return fail(ec::sink_unavailable, "cannot open the store");
      return dead_letter_store::open(store);
    };
    settings.metrics = &metrics;
    settings.clock = &clock;
    uut = sys.spawn(dead_letters, settings);
    sched.run();
  }
  void start_all() {
    start();
    start_journal();
  }
  void publish_letter(const std::string& body) {
    w.frames.add(1).dead_letters.push_back(
      {0, 0, reject::schema_violation, "/a", "is missing", w.frames.keep(body)});
    publish_all();
    sched.run();
  }
  std::vector<std::string> bodies() {
    dead_letter_query query;
    query.bodies = true;
    std::vector<std::string> all;
    const auto letters =
      dead_letter_store::open_read_only(store).value()->list(query).value();
    for (const auto& letter : letters)
      all.push_back(letter.body);
    return all;
  }
  journal_position cursor() {
    return dead_letter_store::open_read_only(store).value()->cursor();
  }
};

using texts = std::vector<std::string>;

} // namespace

TEST_F(dead_letters_test, keeps_the_dead_letters_of_the_journal) {
  start_all();
  publish_letter("one");
  publish(3, 10);
  publish_letter("two");
  EXPECT_EQ(bodies(), (texts{"one", "two"}));
  EXPECT_EQ(dead_letter_metrics{metrics}.stored, 2u);
  EXPECT_EQ(w.told.back().reader, "dead_letters");
  EXPECT_EQ(w.told.back().position, w.frames.end());
}

TEST_F(dead_letters_test, passes_over_a_stretch_without_letters_unread) {
  start_all();
  publish(10, 10);
  sched.run();
  EXPECT_EQ(w.readers_opened, 0u);
  EXPECT_EQ(w.told.back().position, w.frames.end());
}

TEST_F(dead_letters_test,
       its_store_follows_into_each_new_segment_so_that_none_it_needs_is_deleted) {
  start_all();
  const auto frames = 3 * sink_test::frame_list::segment_frames;
  for (size_t i = 0; i < frames; ++i) {
    publish(1, 1);
    sched.run();
    ASSERT_EQ(cursor().segment, w.told.back().position.segment);
  }
}

TEST_F(dead_letters_test, when_it_crashes_the_next_one_stores_nothing_twice) {
  start_all();
  publish_letter("one");
  publish(2, 10);
  sched.run();
  self->send(uut, crash_atom_v);
  ASSERT_FALSE(alive());
  start();
  introduce();
  publish_letter("two");
  EXPECT_EQ(bodies(), (texts{"one", "two"}));
}

TEST_F(dead_letters_test, when_the_store_cannot_be_opened_it_tries_again) {
  cannot_open = true;
  start_all();
  publish_letter("one");
  EXPECT_EQ(metrics.stage("dead_letters").errors, 1u);
  EXPECT_FALSE(health.is(condition::sink_down));
  cannot_open = false;
  sched.advance_time(100ms);
  sched.run();
  EXPECT_EQ(bodies(), (texts{"one"}));
}

TEST_F(dead_letters_test, when_drained_it_stores_what_the_journal_had_and_quits) {
  start_all();
  w.frames.add(0).dead_letters.push_back(
    {3, 4, reject::malformed_json, "", "", w.frames.keep(std::string("\0\xff", 2))});
  publish_all();
  sched.run_once();
  self->send(uut, drain_atom_v);
  EXPECT_FALSE(alive());
  EXPECT_EQ(bodies(), (texts{std::string("\0\xff", 2)}));
}
