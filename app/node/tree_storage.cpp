// The tree's part that keeps records: journal, sink and dead letters.
#include "actors/dead_letters.hpp"
#include "actors/journal.hpp"
#include "actors/sink_writer.hpp"
#include "app/node/tree_wiring.hpp"
#include "base/log.hpp"
#include "proto/role_names.hpp"
#include "storage/journal/segment.hpp"
#include "storage/open_sink.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <mutex>

namespace weir {

namespace {

/// How far the dead letters have come in a journal that may be gone since: a new journal must begin
/// after that, or they take its segments for known. A journal that is there does so anyway, and
/// does not wait for a failing disk of theirs.
result<uint64_t> segment_of_dead_letters(const tree_parts& parts) {
  const auto store = parts.stores.read_dead_letters();
  if (store)
    return *store ? (*store)->cursor().segment : 0;
  const auto segments = list_segments(parts.settings.journal.directory, parts.files);
  const auto& streams = parts.settings.streams;
  const bool are_kept =
    std::any_of(streams.begin(), streams.end(), [](const auto& stream) {
      return stream.second.settings.dead_letters == dead_letter_policy::store;
    });
  // Only a journal that is gone needs to know, and only if letters are kept.
  if (are_kept && (!segments || segments->empty()))
    return tl::unexpected(store.error());
  log_event(log_level::warning, "dead_letters_not_recalled",
            {{"reason", store.error().text}});
  return 0;
}

/// What the stores remember, for a journal whose first segments are gone.
result<journal_recall> recall(const tree_parts& parts) {
  const auto letters = segment_of_dead_letters(parts);
  parts.health.set(condition::letters_down, !letters);
  if (!letters)
    return tl::unexpected(letters.error());
  journal_recall recalled;
  recalled.segment = *letters;
  auto opened = parts.stores.open_sink();
  auto keys = opened
                ? (*opened)->keys()
                : result<std::vector<remembered_key>>{tl::unexpected(opened.error())};
  // A server may be away for long, and durability does not need it: its cursor belongs to this
  // journal alone, and a request repeated from before the journal is recognised when it comes to be
  // stored.
  const bool shared_sink = kind_of(parts.settings.sink).is_server();
  if (!keys && shared_sink && keys.error().code == ec::sink_unavailable) {
    log_event(log_level::warning, "sink_not_recalled", {{"reason", keys.error().text}});
    return recalled;
  }
  if (!keys)
    return tl::unexpected(keys.error());
  const auto cursor = (*opened)->cursor();
  recalled.next_sequence_min = cursor.last_sequence + 1;
  recalled.segment = std::max(recalled.segment, cursor.position.segment);
  recalled.keys = std::move(*keys);
  return recalled;
}

journal_actor_config make_journal(const tree_parts& parts) {
  journal_actor_config made;
  made.journal = parts.settings.journal;
  made.journal.tail = parts.tail;
  made.files = &parts.files;
  made.clock = &parts.clock;
  made.metrics = &parts.metrics;
  made.health = &parts.health;
  made.durable = parts.durable;
  // Nothing is deleted before both have reported.
  made.readers = {role_name::sink, role_name::dead_letters};
  made.upkeep_thread = parts.own_threads;
  made.recall = [&parts] { return recall(parts); };
  return made;
}

tail_config make_tail(const tree_parts& parts) {
  tail_config made;
  made.open_reader = [directory = parts.settings.journal.directory, &files = parts.files,
                      tail = parts.tail](journal_position from) {
    return journal_reader::open(directory, files, from, tail);
  };
  made.limits = parts.settings.sink;
  // One look must not take longer than all gathering may.
  made.gather_delay = std::min(made.gather_delay, made.limits.gather);
  made.durable = parts.durable;
  made.drain_deadline = parts.settings.shutdown_deadline;
  made.seed = parts.seed;
  made.health = &parts.health;
  return made;
}

/// Starts a reader of the journal, which hears of the journal by role.
starter follow_journal(const tree_parts& parts, starter start) {
  return [&roles = parts.roles, start = std::move(start)](caf::local_actor& parent) {
    auto reader = start(parent);
    roles.subscribe(role_name::journal, role_rank::reader, reader);
    return reader;
  };
}

sink_writer_config make_sink_writer(const tree_parts& parts) {
  sink_writer_config made;
  made.open_sink = parts.stores.open_sink;
  made.tail = make_tail(parts);
  const auto& kind = kind_of(parts.settings.sink);
  if (kind.idle_commit.count() > 0)
    made.tail.idle_commit = kind.idle_commit;
  if (kind.is_server())
    // Its restart is short, and clients that wait for `stored` wait for this actor.
    made.tail.retry_delay_max = std::chrono::seconds{1};
  made.on_stored = [&flow = parts.flow](uint64_t sequence) { flow.stored(sequence); };
  made.clock = &parts.clock;
  made.metrics = &parts.metrics;
  made.health = &parts.health;
  return made;
}

/// The journal plays its role, and what follows it starts, only once its recovery is over: a node
/// is not ready before, and nobody else has the stores open while the journal asks what they
/// remember.
starter start_journal(const tree_parts& parts) {
  const auto recent = make_recent_keys(parts.settings.journal, parts.clock);
  return [&parts, recent](caf::local_actor& parent) {
    auto config = make_journal(parts);
    config.journal.recent_keys = recent;
    config.on_open =
      [supervisor = caf::actor_cast<caf::actor>(caf::strong_actor_ptr{parent.ctrl()})](
        caf::actor_id journal) { caf::anon_send(supervisor, opened_atom_v, journal); };
    return start_with(parts.own_threads, journal, std::move(config))(parent);
  };
}

/// Journal and sink of one partition. The sink reads what the journal writes, so it goes down and
/// comes up with it.
child_spec make_partition(const tree_parts& parts) {
  supervisor_spec partition{
    "partition-0",
    rules_of(parts.settings.supervision, restart_strategy::rest_for_one),
    {}};
  partition.children.push_back(
    make_child("journal", "journal", role_name::journal, start_journal(parts)));
  // It is up only after its recovery, and never two write one directory.
  partition.children.back().opens = true;
  partition.children.back().sole_owner = true;
  partition.children.push_back(
    make_child("sink", "sink writer", role_name::sink,
               follow_journal(parts, start_with(parts.own_threads, sink_writer,
                                                make_sink_writer(parts)))));
  partition.children.back().sole_owner = true;
  partition.children.back().shutdown = parts.settings.shutdown_deadline;
  return supervised(std::move(partition));
}

} // namespace

child_spec make_persist(const tree_parts& parts) {
  supervisor_spec persist{
    "persist", rules_of(parts.settings.supervision, restart_strategy::one_for_one), {}};
  persist.children.push_back(make_partition(parts));
  return supervised(std::move(persist));
}

child_spec make_dead_letters(const tree_parts& parts) {
  dead_letters_config made;
  made.open_store = parts.stores.open_dead_letters;
  made.tail = make_tail(parts);
  // No client waits for one of them: the tail need not look as often as the sink's.
  made.tail.gather_delay =
    std::min(made.tail.limits.gather, std::chrono::milliseconds{50});
  made.metrics = &parts.metrics;
  made.health = &parts.health;
  made.clock = &parts.clock;
  auto child = make_child(
    "dead-letters", "dead letters", role_name::dead_letters,
    follow_journal(parts, start_with(parts.own_threads, dead_letters, std::move(made))));
  child.sole_owner = true;
  return child;
}

tree_stores configured_stores(const config& settings, const clock_source& clock) {
  // The journal asks what the dead letters remember while their actor opens or makes the store,
  // which takes as long as the disk does: one waits for the other.
  const auto turn = std::make_shared<std::mutex>();
  return {[from = settings.sink, &clock] { return open_sink(from, clock); },
          [from = settings.dead_letters, turn] {
            const std::lock_guard guard{*turn};
            return dead_letter_store::open(from);
          },
          [from = settings.dead_letters, turn] {
            const std::lock_guard guard{*turn};
            return dead_letter_store::open_if_there(from);
          }};
}

std::shared_ptr<journal_tail_cache> make_tail_cache(const config& settings) {
  return journal_tail_cache::make(std::clamp<uint64_t>(
    settings.journal.group_bytes * 3, size_t{2} << 20, size_t{24} << 20));
}

} // namespace weir
