#include "actors/tail.hpp"

#include "actors/exits.hpp"
#include "base/log.hpp"
#include "proto/health.hpp"
#include "proto/role_names.hpp"

#include <caf/actor_cast.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace weir {

void tail_state::note(const durable_until& news) noexcept {
  goal.until = std::max(goal.until, news.until);
  goal.sequence = std::max(goal.sequence, news.sequence);
  goal.dead_letters = goal.dead_letters || news.dead_letters;
}

void tail_state::look() {
  if (config.durable && opened)
    note(config.durable->behind(position));
}

result<void> tail_state::open_store() {
  if (opened)
    return {};
  auto done = store->open();
  if (done) {
    opened = true;
    position = store->position();
  }
  return done;
}

/// The store's cursor follows into each new segment, so that after a restart it never
/// points into one that the journal was free to delete.
result<void> tail_state::pass_over() {
  reader.reset();
  if (store->position().segment != goal.until.segment)
    if (auto moved = store->commit({}, goal.until); !moved)
      return moved;
  position = goal.until;
  sequence = goal.sequence;
  return {};
}

bool tail_state::worth_waiting() const noexcept {
  return config.gather_delay.count() > 0 && !draining && sequence != 0
         && goal.sequence
              < sequence
                  + std::min(config.limits.rows_per_transaction / 2, gather_records);
}

bool tail_state::worth_waiting_on(
  std::chrono::steady_clock::time_point now) const noexcept {
  return gathering && now < gather_until && config.durable
         && !config.durable->awaited_behind(position) && worth_waiting();
}

result<void> tail_state::transfer() {
  if (!reader) {
    auto made = config.open_reader(position);
    if (!made)
      return tl::unexpected(made.error());
    reader = std::move(*made);
  }
  const auto frames = reader->read(goal.until, config.limits.rows_per_transaction,
                                   config.limits.bytes_per_transaction);
  if (!frames)
    return tl::unexpected(frames.error());
  const auto next = frames->empty() ? goal.until : frames->back().next;
  auto stored = store->commit(*frames, next);
  if (stored) {
    position = next;
    // A frame with dead letters only has no sequence of its own.
    for (const auto& frame : *frames)
      if (!frame.records.empty())
        sequence = frame.first_sequence + frame.records.size() - 1;
  }
  return stored;
}

result<void> tail_state::advance() {
  auto done = open_store().and_then([&]() -> result<void> {
    if (position >= goal.until)
      return std::exchange(idle_commit_due, false) ? store->commit({}, position)
                                                   : result<void>{};
    return store->wants(goal.dead_letters) ? transfer() : pass_over();
  });
  if (!done) {
    // After a failure only the store's cursor counts: reading begins anew from there.
    reader.reset();
    sequence = 0;
    if (opened)
      position = store->position();
  }
  if (position >= goal.until)
    goal.dead_letters = false;
  store->available(done.has_value());
  return done;
}

std::chrono::milliseconds tail_state::retry_delay() noexcept {
  const auto doublings = std::min(failures > 0 ? failures - 1 : 0, 20u);
  const auto whole =
    std::min(config.retry_delay_min.count() << doublings, config.retry_delay_max.count());
  const auto jittered = static_cast<double>(whole) * (0.5 + 0.5 * random.fraction());
  return std::chrono::milliseconds{std::max<int64_t>(1, static_cast<int64_t>(jittered))};
}

namespace {

using self_pointer = tail_actor::pointer;

void proceed(self_pointer self, tail_state& state);

void ask(self_pointer self, tail_state& state) {
  if (!state.journal || state.asking || !state.opened)
    return;
  state.asking = true;
  const auto number = state.journal_number;
  const tail_request request{std::max(state.position, state.goal.until)};
  self->request(state.journal, caf::infinite, request)
    .then(
      [self, &state, number](const durable_until& news) {
        if (number == state.journal_number)
          state.asking = false;
        state.note(news);
        proceed(self, state);
      },
      // The journal died: role_change tells when there is another.
      [&state, number](const caf::error&) {
        if (number == state.journal_number)
          state.asking = false;
      });
}

void gather(self_pointer self, tail_state& state) {
  if (!state.gathering)
    state.gather_until = self->clock().now() + state.config.limits.gather;
  state.working = state.gathering = true;
  self->delayed_send(self, state.config.gather_delay, state.goal);
}

/// Does whatever comes next, by sending a message to ourselves or to the journal.
void proceed(self_pointer self, tail_state& state) {
  // The message or the tick that is under way comes back here.
  if (state.working || state.retrying)
    return;
  state.look();
  if (state.position < state.goal.until) {
    if (state.worth_waiting())
      return gather(self, state);
    state.working = true;
    self->send(self, state.goal);
  } else if (state.draining) {
    self->quit(caf::exit_reason::user_shutdown);
  } else {
    ask(self, state);
  }
}

void tell_position(self_pointer self, const tail_state& state) {
  if (state.journal && state.opened)
    self->send(state.journal, reader_cursor{state.config.reader, state.position});
}

void back_off(self_pointer self, tail_state& state, const fault& why) {
  ++state.failures;
  const auto delay = state.retry_delay();
  if (why.text != state.last_failure)
    log_event(log_level::warning, "reader_failed",
              {{"reader", state.config.reader},
               {"code", to_string(why.code)},
               {"reason", why.text},
               {"retry_ms", delay.count()}});
  state.last_failure = why.text;
  state.retrying = true;
  state.retry_at = self->clock().now() + delay;
  self->delayed_send(self, delay, tick_atom_v);
}

void recover(tail_state& state) {
  if (state.failures > 0)
    log_event(log_level::info, "reader_recovered",
              {{"reader", state.config.reader}, {"failures", state.failures}});
  state.failures = 0;
  state.last_failure.clear();
}

void work(self_pointer self, tail_state& state) {
  if (const auto done = state.advance(); done)
    recover(state);
  else
    back_off(self, state, done.error());
  tell_position(self, state);
  proceed(self, state);
}

/// The tick is for a retry or for an empty commit; neither cuts the other's time short.
void on_tick(self_pointer self, tail_state& state) {
  const auto now = self->clock().now();
  const auto often = state.config.idle_commit;
  if (often.count() > 0 && now >= state.next_idle_commit) {
    state.next_idle_commit = now + often;
    state.idle_commit_due = true;
    self->delayed_send(self, often, tick_atom_v);
  }
  if (state.retrying && now < state.retry_at)
    return;
  state.retrying = false;
  state.look(); // a journal that has recovered may end before what it told, and says so
  if (!state.working)
    work(self, state);
}

void follow(self_pointer self, tail_state& state, const role_change& change) {
  if (change.role != role_name::journal)
    return;
  state.journal = caf::actor_cast<journal_actor>(change.handle);
  ++state.journal_number;
  state.asking = false;
  state.reader.reset(); // a journal that recovered may have cut its files
  tell_position(self, state);
  proceed(self, state);
}

void drain(self_pointer self, tail_state& state) {
  // Only the journal has stopped, not the node: the store knows where our successor goes on.
  const auto* health = state.config.health;
  const bool makes_room = health != nullptr && !health->is(condition::draining);
  // A second drain_atom is the deadline's own message, or comes from an impatient sender.
  if (state.draining || makes_room)
    return self->quit(caf::exit_reason::user_shutdown);
  state.draining = true;
  self->delayed_send(self, state.config.drain_deadline, drain_atom_v);
  proceed(self, state);
}

} // namespace

tail_actor::behavior_type tail(tail_actor::pointer self, tail_state& state,
                               tail_config config, std::unique_ptr<tail_store> store) {
  self->set_exception_handler(
    [](std::exception_ptr& thrown) { return crashed_by(thrown); });
  state.random = random_source{config.seed};
  state.config = std::move(config);
  state.store = std::move(store);
  if (const auto often = state.config.idle_commit; often.count() > 0) {
    state.next_idle_commit = self->clock().now() + often;
    self->delayed_send(self, often, tick_atom_v);
  }
  work(self, state);
  return {
    [self, &state](const durable_until& news) {
      state.note(news);
      // The journal has answered; from ourselves it says that the next transaction is due.
      if (self->current_sender() != self)
        return proceed(self, state);
      state.working = false;
      state.look();
      if (state.retrying)
        return;
      if (state.worth_waiting_on(self->clock().now()))
        return gather(self, state);
      state.gathering = false;
      work(self, state);
    },
    [self, &state](const role_change& change) { follow(self, state, change); },
    [self, &state](tick_atom) { on_tick(self, state); },
    [](crash_atom) { throw std::runtime_error("crash requested"); },
    [self, &state](drain_atom) { drain(self, state); },
  };
}

} // namespace weir
