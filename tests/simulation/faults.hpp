// SEEDED FAULTS: mistakes somebody could make in weir, each to be switched on alone, to
// show that the simulation finds it. Those at a seam are made by the simulated disk, the
// stores and the listener; the others are lines of a copy of the product's sources, which
// seeded_faults.py makes for the program weir_simulate_seeded. The product has no trace of
// any of them.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

namespace weir::simulation {

enum class bite : uint8_t {
  none,
  // -- at the seams
  acknowledges_before_sync, ///< a commit does not wait for its fdatasync
  forgets_directory_sync,   ///< the name of a new segment is not synced
  believes_second_sync,     ///< a failed fdatasync is tried again on the same file
  believes_the_cache, ///< what is read after a failed sync comes from the page cache
  cursor_outside_transaction, ///< the sink commits the rows first, then the cursor
  forgets_keys_at_restart,    ///< the sink is not asked for the keys it keeps
  skips_frames_at_replay,     ///< when it is opened, the sink goes on a record too far
  resubmits_with_new_key,     ///< a batch that is submitted again has another key
  acknowledges_failed_parts,  ///< a part whose frame failed is answered as stored
  loses_dead_letters,         ///< the dead letter store goes on without storing
  stores_without_claim,       ///< the shared sink does not ask for a batch's key
  asks_for_no_key,            ///< the first batch of a keyed body does not go alone
  numbers_batches,          ///< the keys of a body's batches depend on how many there are
  judges_by_later_rules,    ///< a batch is judged by the rules of when it is worked on
  one_cursor_for_lost_disk, ///< a node's new journal goes on with the lost one's cursor
  // -- in the sources: see seeded_faults.py
  drops_batch_of_dead_worker,
  loses_rejections_at_merge,
  quarantine_swallows_neighbours,
  ignores_full_journal,
  forgets_keys_of_commits,
  forgets_keys_of_journal,
  reads_behind_the_end,
  remembers_before_sync,
  skips_frames_at_commit,
  deletes_unread_segments,
  keeps_claim_of_failed_batch,
  never_submits_again,
  takes_one_refusal_for_all,
  forgets_workers_of_last_stage,
  lets_parts_overtake,
  forgets_where_bodies_end,
  leaves_two_writers,
  forgets_batches_of_lost_link,
  sends_beyond_window,
  answers_stored_when_durable,
  never_hands_in_again,
  closes_when_one_peer_drains,
  forgets_copies_of_lost_link,
};

inline constexpr std::pair<bite, std::string_view> seeded_fault_names[] = {
  {bite::acknowledges_before_sync, "acknowledges_before_sync"},
  {bite::forgets_directory_sync, "forgets_directory_sync"},
  {bite::believes_second_sync, "believes_second_sync"},
  {bite::believes_the_cache, "believes_the_cache"},
  {bite::cursor_outside_transaction, "cursor_outside_transaction"},
  {bite::forgets_keys_at_restart, "forgets_keys_at_restart"},
  {bite::skips_frames_at_replay, "skips_frames_at_replay"},
  {bite::resubmits_with_new_key, "resubmits_with_new_key"},
  {bite::acknowledges_failed_parts, "acknowledges_failed_parts"},
  {bite::loses_dead_letters, "loses_dead_letters"},
  {bite::stores_without_claim, "stores_without_claim"},
  {bite::asks_for_no_key, "asks_for_no_key"},
  {bite::numbers_batches, "numbers_batches"},
  {bite::judges_by_later_rules, "judges_by_later_rules"},
  {bite::one_cursor_for_lost_disk, "one_cursor_for_lost_disk"},
  {bite::drops_batch_of_dead_worker, "drops_batch_of_dead_worker"},
  {bite::loses_rejections_at_merge, "loses_rejections_at_merge"},
  {bite::quarantine_swallows_neighbours, "quarantine_swallows_neighbours"},
  {bite::ignores_full_journal, "ignores_full_journal"},
  {bite::forgets_keys_of_commits, "forgets_keys_of_commits"},
  {bite::forgets_keys_of_journal, "forgets_keys_of_journal"},
  {bite::reads_behind_the_end, "reads_behind_the_end"},
  {bite::remembers_before_sync, "remembers_before_sync"},
  {bite::skips_frames_at_commit, "skips_frames_at_commit"},
  {bite::deletes_unread_segments, "deletes_unread_segments"},
  {bite::keeps_claim_of_failed_batch, "keeps_claim_of_failed_batch"},
  {bite::never_submits_again, "never_submits_again"},
  {bite::takes_one_refusal_for_all, "takes_one_refusal_for_all"},
  {bite::forgets_workers_of_last_stage, "forgets_workers_of_last_stage"},
  {bite::lets_parts_overtake, "lets_parts_overtake"},
  {bite::forgets_where_bodies_end, "forgets_where_bodies_end"},
  {bite::leaves_two_writers, "leaves_two_writers"},
  {bite::forgets_batches_of_lost_link, "forgets_batches_of_lost_link"},
  {bite::sends_beyond_window, "sends_beyond_window"},
  {bite::answers_stored_when_durable, "answers_stored_when_durable"},
  {bite::never_hands_in_again, "never_hands_in_again"},
  {bite::closes_when_one_peer_drains, "closes_when_one_peer_drains"},
  {bite::forgets_copies_of_lost_link, "forgets_copies_of_lost_link"},
};

constexpr bool in_the_sources(bite which) noexcept {
  return which > bite::one_cursor_for_lost_disk;
}

/// Found with several nodes only.
constexpr bool between_nodes(bite which) noexcept {
  return which == bite::stores_without_claim || which == bite::one_cursor_for_lost_disk
         || which > bite::leaves_two_writers;
}

/// The one that is switched on now. One simulated world at a time in a process.
inline bite current_seeded_fault = bite::none;
inline bool seeded(bite which) noexcept {
  return current_seeded_fault == which;
}

} // namespace weir::simulation
