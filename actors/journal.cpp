#include "actors/journal.hpp"

#include "actors/exits.hpp"
#include "actors/receipts.hpp"
#include "actors/sink_metrics.hpp"
#include "base/log.hpp"
#include "proto/asks.hpp"
#include "proto/ports.hpp"
#include "storage/journal/errands.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

namespace weir {

namespace {

bool has_dead_letters(const record_batch& batch) noexcept {
  return std::any_of(
    batch.rejections.begin(), batch.rejections.end(),
    [](const rejection& r) { return r.code == reject::quarantined || !r.body.empty(); });
}

/// Called even if recovery failed afterwards: the next one finds the copies and is silent.
void tell_damage(const recovery_report& report, counter& damaged) {
  for (const auto& alarm : report.alarms)
    log_event(log_level::error, "journal_damaged", {{"reason", alarm}});
  weir::add(damaged, report.frames_quarantined);
}

/// The readers of this process never go back before what they were told. A journal whose files are
/// gone counts on from there: otherwise they would pass over what it writes first.
void count_on(journal_recall& recalled, const durable_mark& durable) {
  const auto told = durable.behind({});
  recalled.segment = std::max(recalled.segment, told.until.segment);
  recalled.next_sequence_min = std::max(recalled.next_sequence_min, told.sequence + 1);
}

void log_recovery(const recovery_report& report) {
  log_event(log_level::info, "journal_recovered",
            {{"records", report.records},
             {"frames", report.frames},
             {"segments", report.segments},
             {"unfinished_bytes_dropped", report.bytes_truncated}});
}

} // namespace

result<void> journal_state::open(journal_actor_config with) {
  config = std::move(with);
  metrics.emplace(*config.metrics);
  stage = &config.metrics->stage(role_name::journal);
  group_queue = &config.metrics->queue("journal_group");
  disk_queue = &config.metrics->queue("journal_disk");
  auto recalled = config.recall ? config.recall() : journal_recall{};
  if (!recalled) { // the stores failed, not the disk here
    // If the dead letters' store failed, whoever asked it has said so already.
    if (!config.health->is(condition::letters_down)) {
      config.health->set(condition::sink_down, true);
      sink_metrics{* config.metrics}.healthy = 0;
    }
    return fail(ec::sink_unavailable, recalled.error().text);
  }
  if (config.durable)
    count_on(*recalled, *config.durable);
  config.journal.segment_number_min = recalled->segment;
  config.journal.sync_seconds = &metrics->sync_seconds;
  auto opened = journal_writer::open(config.journal, *config.files, *config.clock,
                                     recalled->next_sequence_min, recovered);
  tell_damage(recovered, metrics->frames_quarantined);
  if (!opened)
    return tl::unexpected{opened.error()};
  writer = std::move(*opened);
  writer->remember(recalled->keys);
  dead_letters_end = recovered.dead_letters_end;
  metrics->disk_max_bytes = static_cast<int64_t>(config.journal.bytes_max);
  log_recovery(recovered);
  publish();
  return {};
}

void journal_state::take(const batch_ptr& batch) {
  const auto& part = batch->source->parts.front();
  if (part.request == 0) {
    add(batch);
    return;
  }
  take_in_turn(batch);
  // Each batch lets the next one in, or bars all that follow.
  for (auto next = order.released_by(part); !next.empty(); next = order.released_by(part))
    for (const auto& one : next)
      take_in_turn(one);
}

void journal_state::take_in_turn(const batch_ptr& batch) {
  const auto& part = batch->source->parts.front();
  switch (order.ask(*batch)) {
  case request_order::turn::now:
    add(batch) ? order.goes(part) : order.failed(part);
    return;
  case request_order::turn::later:
    return order.hold(batch, config.clock->now());
  case request_order::turn::never:
    return answer_failed(batch, ec::out_of_turn,
                         "an earlier part of the body could not be stored");
  }
}

void journal_state::give_back_held(journal_state::time_point now) {
  for (const auto& batch : order.out_of_patience(now))
    answer_failed(batch, ec::out_of_turn, "an earlier part of the body is still to come");
}

bool journal_state::add(const batch_ptr& batch) {
  arrived.push_back(config.clock->now());
  group_has_dead_letters = group_has_dead_letters || has_dead_letters(*batch);
  group_is_awaited = group_is_awaited || asks_for(*batch->source, ack_level::stored);
  const bool taken = writer->add(batch);
  group_queue->depth.store(static_cast<int64_t>(arrived.size()),
                           std::memory_order_relaxed);
  return taken;
}

bool journal_state::group_is_large() const noexcept {
  return writer->pending_bytes() >= config.journal.group_bytes;
}

void journal_state::commit() {
  if (arrived.empty())
    return;
  const auto receipts = writer->commit();
  if (group_has_dead_letters)
    dead_letters_end = writer->durable_end();
  if (group_is_awaited)
    awaited_end = writer->durable_end();
  publish();
  const auto now = config.clock->now();
  for (size_t i = 0; i < receipts.size(); ++i) {
    const auto& batch = *receipts[i]->batch;
    weir::add(stage->records_processed, batch.records.size());
    stage->latency.observe(std::chrono::duration<double>(now - arrived[i]).count());
    // What follows a failed part of a streamed request must not be stored either.
    if (const auto& part = batch.source->parts.front();
        part.request != 0 && receipts[i]->parts.front().outcome != ec::none)
      order.failed(part);
    if (const auto origin = batch.source->origin.lock())
      origin->deliver(receipts[i]);
  }
  arrived.clear();
  group_queue->depth.store(0, std::memory_order_relaxed);
  group_has_dead_letters = group_is_awaited = false;
  bar_followers(receipts);
}

/// Batches that wait for a part that could not be stored are answered now.
void journal_state::bar_followers(
  const std::vector<std::shared_ptr<const batch_receipt>>& receipts) {
  if (!order.holds_any())
    return;
  for (const auto& receipt : receipts)
    if (const auto& part = receipt->batch->source->parts.front();
        part.request != 0 && receipt->parts.front().outcome != ec::none)
      for (const auto& one : order.released_by(part))
        take_in_turn(one);
}

void journal_state::prepare() {
  if (spare_refused)
    return; // the tick tries again; not every commit
  if (auto prepared = writer->prepare(); !prepared) {
    spare_refused = true;
    log_event(log_level::warning, "journal_no_next_segment",
              {{"reason", prepared.error().text}});
  }
  publish();
}

void journal_state::keep_up() {
  prepare();
  delete_passed();
  publish();
}

void journal_state::retry() {
  const bool was_failed = writer->failed();
  const auto done = writer->retry();
  spare_refused = !done;
  if (was_failed && !writer->failed())
    log_event(log_level::info, "journal_writable_again");
  // A deletion may have failed, and readers at the end report nothing new.
  delete_passed();
  publish();
}

void journal_state::release(const reader_cursor& cursor) {
  auto& known = cursors[cursor.reader];
  known = std::max(known, cursor.position);
  delete_passed();
  publish();
}

void journal_state::delete_passed() {
  if (cursors.empty())
    return;
  auto slowest = writer->durable_end();
  for (const auto& reader : config.readers)
    slowest = std::min(slowest, needed_from(reader));
  for (const auto& [reader, position] : cursors)
    slowest = std::min(slowest, needed_from(reader));
  const auto released = writer->release(slowest);
  const auto why = released ? std::string{} : released.error().text;
  if (!why.empty() && why != last_release_failure)
    log_event(log_level::warning, "journal_segment_stays", {{"reason", why}});
  last_release_failure = why;
}

/// A reader that has not reported may need everything. The one for dead letters needs
/// nothing where there are none: its store may be away for ever if nobody keeps any.
journal_position journal_state::needed_from(const std::string& reader) const {
  const auto known = cursors.find(reader);
  const auto position = known == cursors.end() ? journal_position{} : known->second;
  const bool has_all = reader == role_name::dead_letters && position >= dead_letters_end;
  return has_all ? writer->durable_end() : position;
}

bool journal_state::has_news_after(journal_position after) const noexcept {
  return writer->durable_end() > after;
}

durable_until journal_state::news_after(journal_position after) const noexcept {
  return {writer->durable_end(), writer->last_sequence(), after < dead_letters_end};
}

void journal_state::answer_waiting() {
  for (auto at = waiting.begin(); at != waiting.end();) {
    const auto after = waiting_after.at(at->first);
    if (!has_news_after(after)) {
      ++at;
      continue;
    }
    at->second.deliver(news_after(after));
    waiting_after.erase(at->first);
    at = waiting.erase(at);
  }
}

void journal_state::publish() {
  // The writer counts from its own start; telemetry outlives it and adds only the difference.
  const auto now = writer->counts();
  weir::add(metrics->written_bytes, now.bytes_written - counted.bytes_written);
  weir::add(metrics->syncs, now.syncs - counted.syncs);
  const auto failures = now.sync_failures - counted.sync_failures;
  weir::add(metrics->sync_failures, failures);
  weir::add(stage->errors, failures);
  counted = now;
  const auto on_disk = static_cast<int64_t>(writer->bytes_on_disk());
  metrics->disk_bytes = on_disk;
  disk_queue->depth = on_disk;
  metrics->sequence = static_cast<int64_t>(writer->last_sequence());
  if (config.durable)
    config.durable->advance(writer->durable_end(), writer->last_sequence(),
                            dead_letters_end, awaited_end);
  publish_room();
  config.health->set(condition::storage_failed, writer->failed());
}

/// The reader that keeps the oldest segment; one that has not reported keeps all of them.
/// If two are in the same segment, it is the first of `readers`.
std::string journal_state::slowest_reader() const {
  std::string slowest;
  std::optional<uint64_t> oldest;
  for (const auto& reader : config.readers) {
    const auto segment = needed_from(reader).segment;
    if (!oldest || segment < *oldest) {
      oldest = segment;
      slowest = reader;
    }
  }
  return slowest;
}

void journal_state::publish_room() {
  auto& health = *config.health;
  const bool full = writer->full();
  const auto keeper = full ? slowest_reader() : std::string{};
  health.set(condition::letters_behind, keeper == role_name::dead_letters);
  // Logged only at a change, because this runs after every commit.
  if (full && !health.is(condition::journal_full))
    log_event(log_level::warning, "journal_full",
              {{"bytes", writer->bytes_on_disk()},
               {"limit", config.journal.bytes_max},
               {"waits_for", keeper},
               {"disk_full", writer->disk_full()}});
  else if (!full && health.is(condition::journal_full))
    log_event(log_level::info, "journal_has_room", {{"bytes", writer->bytes_on_disk()}});
  health.set(condition::journal_full, full);
  health.set(condition::disk_full, writer->disk_full());
}

namespace {

using journal_self = journal_actor::stateful_pointer<journal_state>;

void watch_trouble(journal_self self) {
  auto& st = self->state;
  if (st.tick_scheduled || !st.waits_for_time())
    return;
  st.tick_scheduled = true;
  self->delayed_send(self, st.config.retry_after, tick_atom_v);
}

void commit_now(journal_self self) {
  auto& st = self->state;
  st.commit();
  st.answer_waiting();
  st.prepare();
  watch_trouble(self);
}

void collect(journal_self self, const batch_ptr& batch) {
  auto& st = self->state;
  st.take(batch);
  if (st.order.holds_any())
    watch_trouble(self);
  if (st.arrived.empty())
    return; // it waits for its turn
  if (st.group_is_large()) {
    commit_now(self); // a commit that is scheduled already will find what comes after
  } else if (!st.commit_scheduled) {
    st.commit_scheduled = true;
    self->send(self, commit_atom_v);
  }
}

caf::typed_response_promise<durable_until> answer_tail(journal_self self,
                                                       const tail_request& request) {
  auto& st = self->state;
  // Read before the promise is made, which takes the sender away: all askers would look like one.
  const auto asker =
    self->current_sender() ? self->current_sender()->id() : caf::actor_id{0};
  auto promise = self->make_response_promise<durable_until>();
  if (st.has_news_after(request.after)) {
    promise.deliver(st.news_after(request.after));
    return promise;
  }
  if (const auto older = st.waiting.find(asker); older != st.waiting.end())
    older->second.deliver(st.news_after(st.waiting_after.at(asker)));
  st.waiting[asker] = promise;
  st.waiting_after[asker] = request.after;
  return promise;
}

void drain(journal_self self) {
  auto& st = self->state;
  st.commit();
  st.give_back_held(st.config.clock->now() + request_order::patience);
  st.answer_waiting();
  for (auto& [asker, promise] : st.waiting)
    promise.deliver(caf::make_error(ec::draining, "the journal has quit"));
  st.waiting.clear();
  self->quit(caf::exit_reason::user_shutdown);
}

/// The tick comes from the journal itself or from its upkeep.
void on_tick(journal_self self) {
  auto& st = self->state;
  if (self->current_sender() == self)
    st.tick_scheduled = false;
  st.give_back_held(st.config.clock->now());
  if (st.in_trouble())
    st.retry();
  else
    st.keep_up();
  st.answer_waiting();
  watch_trouble(self);
}

std::shared_ptr<errand_runner> make_upkeep_thread(journal_self self) {
  return std::make_shared<errand_thread>([address = self->address()] {
    if (const auto journal = caf::actor_cast<journal_actor>(address))
      caf::anon_send(journal, tick_atom_v);
  });
}

} // namespace

journal_actor::behavior_type journal(journal_actor::stateful_pointer<journal_state> self,
                                     journal_actor_config config) {
  const auto announce = std::exchange(config.on_open, {});
  if (config.upkeep_thread)
    config.journal.errands = make_upkeep_thread(self);
  self->set_exception_handler(
    [](std::exception_ptr& thrown) { return crashed_by(thrown); });
  if (auto opened = self->state.open(std::move(config)); !opened) {
    const auto& why = opened.error();
    log_event(log_level::error, "journal_failed",
              {{"code", to_string(why.code)}, {"reason", why.text}});
    if (why.code == ec::io_failed || why.code == ec::journal_full)
      self->state.config.health->set(condition::storage_failed,
                                     true); // until a start succeeds
    self->quit(caf::make_error(why.code, why.text));
    return journal_actor::behavior_type::make_empty_behavior();
  }
  watch_trouble(self);
  if (announce)
    announce(self->id());
  return {
    [self](const batch_ptr& batch) { collect(self, batch); },
    [self](commit_atom) {
      self->state.commit_scheduled = false;
      commit_now(self);
    },
    [self](const tail_request& request) { return answer_tail(self, request); },
    [self](const reader_cursor& cursor) {
      self->state.release(cursor);
      watch_trouble(self);
    },
    [self](tick_atom) { on_tick(self); },
    [](crash_atom) { throw std::runtime_error("injected crash"); },
    [self](drain_atom) { drain(self); },
  };
}

} // namespace weir
