// A journal that hands out what the test publishes, readers over it, and a sink in memory
// that the test can lock, lose or replace.
#pragma once

#include "actors/tail.hpp"
#include "proto/health.hpp"
#include "proto/telemetry.hpp"
#include "storage/sink/state.hpp"
#include "tests/actors/fixture.hpp"
#include "tests/storage/sinks/sink_frames.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <optional>

namespace weir::tail_test {

/// What the test and its doubles share; outlives the actors.
struct world {
  sink_test::frame_list frames;
  size_t published = 0; ///< frames that the journal calls durable
  std::vector<reader_cursor> told;
  std::vector<tail_request> asked;
  uint64_t readers_opened = 0;
  uint64_t frames_read = 0;
  std::optional<fault> reading_fails;
  std::optional<journal_position> lost; ///< up to there nothing can be read
  bool awaited = false;                 ///< a client waits for what is published

  journal_position end() const {
    return published == 0 ? journal_position{} : frames.all()[published - 1].next;
  }
  uint64_t sequence() const {
    uint64_t last = 0;
    for (size_t i = 0; i < published; ++i)
      last = frames.all()[i].first_sequence + frames.all()[i].records.size() - 1;
    return last;
  }
  journal_position letters_end() const {
    journal_position last;
    for (size_t i = 0; i < published; ++i)
      if (!frames.all()[i].dead_letters.empty())
        last = frames.all()[i].next;
    return last;
  }
};

/// Answers tail requests once `commit_atom` says that something was published.
struct fake_journal_state {
  static inline const char* name = "fake_journal";
  std::vector<std::pair<tail_request, caf::typed_response_promise<durable_until>>>
    waiting;
};

inline void answer(fake_journal_state& state, const world& w) {
  std::erase_if(state.waiting, [&](auto& one) {
    if (w.end() <= one.first.after)
      return false;
    one.second.deliver(
      durable_until{w.end(), w.sequence(), one.first.after < w.letters_end()});
    return true;
  });
}

inline journal_actor::behavior_type
fake_journal(journal_actor::stateful_pointer<fake_journal_state> self, world* w) {
  return {
    [](const batch_ptr&) {},
    [=](commit_atom) { answer(self->state, *w); },
    [=](const tail_request& request) {
      w->asked.push_back(request);
      auto promise = self->template make_response_promise<durable_until>();
      self->state.waiting.emplace_back(request, promise);
      answer(self->state, *w);
      return promise;
    },
    [=](const reader_cursor& cursor) { w->told.push_back(cursor); },
    [](tick_atom) {},
    [](crash_atom) { throw std::runtime_error("crash requested"); },
    [=](drain_atom) { self->quit(caf::exit_reason::user_shutdown); },
  };
}

class fake_reader final : public journal_reader {
 public:
  fake_reader(world& w, journal_position from) : world_(w), at_(from) {
    ++w.readers_opened;
  }
  result<std::vector<frame_view>> read(journal_position until, size_t records_max,
                                       size_t) override {
    if (world_.reading_fails)
      return tl::unexpected(*world_.reading_fails);
    if (world_.lost == until)
      return fail(ec::journal_corrupt, "the file ends before that");
    std::vector<frame_view> found;
    size_t records = 0;
    for (const auto& frame : world_.frames.all()) {
      if (frame.next <= at_ || frame.next > until)
        continue;
      records += frame.records.size();
      if (!found.empty() && records > records_max)
        break;
      found.push_back(frame);
    }
    if (!found.empty())
      at_ = found.back().next;
    world_.frames_read += found.size();
    return found;
  }
  journal_position position() const noexcept override { return at_; }

 private:
  world& world_;
  journal_position at_;
};

/// What survives of a sink when its actor dies.
struct sink_disk {
  std::vector<std::string> rows;
  sink_cursor cursor;
  uint64_t transactions = 0;
  uint64_t attempts = 0;
  bool locked = false;
  bool doubtful = false; ///< commits, and says that it failed
  bool cannot_open = false;
};

class fake_sink final : public sink {
 public:
  explicit fake_sink(sink_disk& disk) : disk_(disk) {}
  sink_cursor cursor() const noexcept override { return disk_.cursor; }
  result<std::vector<remembered_key>> keys() override { return {}; }
  result<void> commit(std::span<const frame_view> frames,
                      journal_position next) override {
    ++disk_.attempts;
    if (disk_.locked)
      return fail(ec::sink_unavailable, "the sink is locked");
    frames = drop_replayed(frames, disk_.cursor);
    for (auto& row : sink_test::contents(frames))
      disk_.rows.push_back(std::move(row));
    disk_.cursor = cursor_behind(frames, next, disk_.cursor);
    ++disk_.transactions;
    if (disk_.doubtful)
      return fail(ec::sink_unavailable, "the connection is lost");
    return {};
  }
  result<void> refresh() override { return {}; }
  result<void> each_after(uint64_t,
                          const std::function<bool(const stored_record&)>&) override {
    return {};
  }

 private:
  sink_disk& disk_;
};

struct tail_fixture : deterministic {
  world w;
  std::shared_ptr<durable_mark> mark = std::make_shared<durable_mark>();
  telemetry metrics;
  node_health health;
  sink_test::manual_clock clock;
  journal_actor journal;
  tail_actor uut;

  ~tail_fixture() override {
    for (const auto& one :
         {caf::actor_cast<caf::actor>(uut), caf::actor_cast<caf::actor>(journal)})
      if (one)
        caf::anon_send_exit(one, caf::exit_reason::kill);
    sched.run();
  }

  tail_config tailing() {
    tail_config settings;
    settings.durable = mark;
    settings.limits.rows_per_transaction = 10'000;
    settings.gather_delay = std::chrono::milliseconds{0};
    settings.open_reader =
      [this](journal_position from) -> result<std::unique_ptr<journal_reader>> {
      return std::make_unique<fake_reader>(w, from);
    };
    return settings;
  }
  void start_journal() {
    journal = sys.spawn(fake_journal, &w);
    introduce();
  }
  void introduce() {
    self->send(uut,
               role_change{"journal", caf::actor_cast<caf::strong_actor_ptr>(journal)});
    sched.run();
  }
  void stop_journal() {
    self->send(journal, drain_atom_v);
    sched.run();
    journal = nullptr;
    self->send(uut, role_change{"journal", nullptr});
    sched.run();
  }
  /// More frames are durable; the system is not run.
  void publish(size_t frames, size_t records) {
    for (size_t i = 0; i < frames; ++i)
      w.frames.add(records);
    publish_all();
  }
  void publish_all() {
    w.published = w.frames.all().size();
    mark->advance(w.end(), w.sequence(), w.letters_end(),
                  w.awaited ? w.end() : journal_position{});
    if (journal)
      self->send(journal, commit_atom_v);
  }
  bool alive() {
    self->monitor(uut);
    sched.run();
    bool down = false;
    if (has_mail())
      self->receive([&](const caf::down_msg&) { down = true; });
    else
      self->demonitor(uut.address());
    return !down;
  }
};

} // namespace weir::tail_test
