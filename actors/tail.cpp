#include "actors/tail.hpp"

#include "actors/exits.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace weir {

result<bool> tail_state::step() {
  if (!(position < known.until))
    return false;
  if (!target->wants(known)) {
    position = known.until;
    reader.reset();
    return true;
  }
  if (!reader) {
    auto made = config.open_reader(position);
    if (!made)
      return tl::unexpected(made.error());
    reader = std::move(*made);
  }
  auto frames = reader->read(known.until, config.records_per_transaction_max,
                             config.bytes_per_transaction_max);
  if (!frames)
    return tl::unexpected(frames.error());
  const auto next = frames->empty() ? known.until : reader->position();
  if (auto committed = target->commit(*frames, next); !committed)
    return tl::unexpected(committed.error());
  position = next;
  return true;
}

std::chrono::milliseconds tail_state::next_wait() {
  const auto doubled = config.wait.initial * (1u << std::min(failures++, 10u));
  const auto whole = std::min<std::chrono::milliseconds>(doubled, config.wait.max);
  const auto shorter = config.wait.jitter * random->fraction();
  return std::chrono::milliseconds{
    static_cast<int64_t>(static_cast<double>(whole.count()) * (1 - shorter))};
}

namespace {

using tail_ptr = tail_actor::stateful_pointer<tail_state>;

void go_on(tail_ptr self);

/// The same frames come again: the reader has gone past them.
void fail_for_now(tail_ptr self, const fault& why) {
  auto& st = self->state;
  st.reader.reset();
  if (st.opened)
    st.position = std::min(st.position, st.target->resume_at());
  st.target->trouble(why.text);
  st.waiting = true;
  self->delayed_send(self, st.next_wait(), tick_atom_v);
}

void ask(tail_ptr self) {
  auto& st = self->state;
  if (st.asked || !st.journal)
    return;
  st.asked = true;
  const auto to = caf::actor_cast<journal_actor>(st.journal);
  self->request(to, caf::infinite, tail_request{st.position})
    .then(
      [self](const durable_until& news) {
        self->state.asked = false;
        self->state.known = news;
        go_on(self);
      },
      // It died: the news of its successor comes as a role_change.
      [self](const caf::error&) { self->state.asked = false; });
}

void tell_journal(tail_ptr self) {
  const auto& st = self->state;
  if (st.journal && st.opened)
    self->send(caf::actor_cast<journal_actor>(st.journal),
               reader_cursor{st.config.reader, st.position});
}

void open_target(tail_ptr self) {
  auto& st = self->state;
  const auto at = st.target->open();
  if (!at)
    return fail_for_now(self, at.error());
  st.opened = true;
  st.failures = 0;
  st.position = *at;
  st.target->trouble({});
  tell_journal(self);
  ask(self);
}

/// One transaction; then a message to itself, so that other mail gets its turn.
void go_on(tail_ptr self) {
  auto& st = self->state;
  if (!st.opened || st.waiting)
    return;
  const auto stepped = st.step();
  if (!stepped)
    return fail_for_now(self, stepped.error());
  if (st.failures > 0) {
    st.failures = 0;
    st.target->trouble({});
  }
  if (*stepped) {
    tell_journal(self);
    self->send(self, st.known);
    return;
  }
  if (st.draining && st.target->caught_up())
    return self->quit(caf::exit_reason::user_shutdown);
  ask(self);
}

void on_journal(tail_ptr self, const role_change& change) {
  auto& st = self->state;
  st.journal = change.handle;
  st.asked = false; // a question to a dead one bounces
  st.reader.reset();
  if (!st.journal || !st.opened)
    return;
  tell_journal(self);
  ask(self);
}

void on_tick(tail_ptr self) {
  self->state.waiting = false;
  if (self->state.opened)
    go_on(self);
  else
    open_target(self);
}

void on_drain(tail_ptr self) {
  auto& st = self->state;
  st.draining = true;
  if (!st.opened || !st.journal || st.target->caught_up())
    self->quit(caf::exit_reason::user_shutdown);
}

} // namespace

tail_actor::behavior_type tail(tail_actor::stateful_pointer<tail_state> self, tail_config config,
                               std::function<std::unique_ptr<tail_target>()> make_target) {
  auto& st = self->state;
  st.config = std::move(config);
  st.random.emplace(st.config.seed);
  st.target = make_target();
  self->set_exception_handler([](std::exception_ptr& thrown) { return crashed_by(thrown); });
  st.config.roles->subscribe("journal", role_rank::reader,
                             caf::actor_cast<caf::strong_actor_ptr>(self));
  self->send(self, tick_atom_v);
  return {
    [self](const durable_until&) { go_on(self); },
    [self](const role_change& change) { on_journal(self, change); },
    [self](tick_atom) { on_tick(self); },
    [](crash_atom) { throw std::runtime_error("crash requested"); },
    [self](drain_atom) { on_drain(self); },
  };
}

} // namespace weir
