"""Makes copies of product sources with seeded faults in them, each behind a switch that the
simulation turns. usage: seeded_faults.py SOURCE_DIRECTORY OUTPUT_DIRECTORY | --list

A fault is (name, file, what stands there, what stands there instead); in the latter FAULT is
the condition under which the fault is on. When a source has changed so that a fault has no
place in it any more, this fails and says which.
"""
import pathlib
import sys

FAULTS = [
    ("drops_batch_of_dead_worker", "actors/work_table.cpp",
     "  retry(owner, given.work, given, how, reason);\n  return true;",
     "  if (!FAULT)\n    retry(owner, given.work, given, how, reason);\n  return true;"),
    ("forgets_workers_of_last_stage", "actors/stage.cpp",
     "  expect_workers(self);\n",
     "  if (!FAULT)\n    expect_workers(self);\n"),
    ("loses_rejections_at_merge", "actors/work_table.cpp",
     "  out->rejections = whole.rejections;",
     "  if (!FAULT)\n    out->rejections = whole.rejections;"),
    ("quarantine_swallows_neighbours", "actors/work_table.cpp",
     "  add_piece(owner, work, 0, suspect, 0, false);",
     "  if (!FAULT)\n    add_piece(owner, work, 0, suspect, 0, false);"),
    ("ignores_full_journal", "storage/journal/segments.cpp",
     "  if (used + config_.segment_bytes > config_.bytes_max)\n    return false;",
     "  if (!FAULT && used + config_.segment_bytes > config_.bytes_max)\n    return false;"),
    ("forgets_keys_of_commits", "storage/journal/group.cpp",
     "  keys_.add(entry, part.keyed);",
     "  if (!FAULT)\n    keys_.add(entry, part.keyed);"),
    ("forgets_keys_of_journal", "storage/journal/writer.cpp",
     "    keys_.add(entry_of(head), head.keyed());",
     "    if (!FAULT)\n      keys_.add(entry_of(head), head.keyed());"),
    ("reads_behind_the_end", "storage/journal/reader.cpp",
     "    if (auto found = find_end(); !found)",
     "    if (auto found = FAULT ? result<void>{} : find_end(); !found)"),
    ("remembers_before_sync", "storage/journal/writer.cpp",
     "  auto sealed = seal(run);\n",
     "  auto sealed = seal(run);\n  for (auto piece = sealed.begin(); FAULT && piece != sealed.end(); ++piece)\n"
     "    tail_->note(*piece);\n"),
    ("skips_frames_at_commit", "actors/tail.cpp",
     "  const auto next = frames->empty() ? goal.until : frames->back().next;",
     "  const auto next =\n    frames->empty() || FAULT ? goal.until : frames->back().next;"),
    ("deletes_unread_segments", "actors/journal.cpp",
     "  const auto released = writer->release(slowest);",
     "  const auto released = writer->release(FAULT ? writer->durable_end() : slowest);"),
    ("keeps_claim_of_failed_batch", "http/ingest/outstanding.cpp",
     "  gate_.return_unused(s.charged);\n  for (const auto& owner : s.owners)",
     "  if (!FAULT)\n    gate_.return_unused(s.charged);\n"
     "  for (const auto& owner : s.owners)"),
    ("never_submits_again", "http/ingest/outstanding.cpp",
     "  for (auto& [id, e] : entries_) {\n    e.batch->source->copied",
     "  if (FAULT)\n    return;\n  for (auto& [id, e] : entries_) {\n    e.batch->source->copied"),
    ("takes_one_refusal_for_all", "http/ingest/outstanding.cpp",
     "  return e.batch->source->copied.is_set()\n",
     "  return !FAULT && e.batch->source->copied.is_set()\n"),
    ("lets_parts_overtake", "storage/journal/request_order.cpp",
     "  if (part.record_base <= known.next)\n    return turn::now;",
     "  if (part.record_base <= known.next || FAULT)\n    return turn::now;"),
    ("forgets_where_bodies_end", "http/ingest/keyed_body.cpp",
     "  if (stored_ended && !ends_here)",
     "  if (stored_ended && !ends_here && !FAULT)"),
    ("leaves_two_writers", "actors/supervision/supervisor.cpp",
     "  if (auto old = st.context->roles->leftover(st.path_of(i))) {",
     "  if (auto old = st.context->roles->leftover(st.path_of(i)); old && !FAULT) {"),
    ("forgets_batches_of_lost_link", "cluster/dispatch_table.cpp",
     "  for (auto one = lost.rbegin(); one != lost.rend(); ++one) {",
     "  for (auto one = lost.rbegin(); one != lost.rend() && !FAULT; ++one) {"),
    ("forgets_copies_of_lost_link", "cluster/dispatch_table.cpp",
     "    one->second.batch->source->copied.set();",
     "    if (!FAULT)\n      one->second.batch->source->copied.set();"),
    ("sends_beyond_window", "cluster/dispatch_table.cpp",
     "  if (at.used.batches >= at.window.batches)\n    return false;",
     "  if (!FAULT && at.used.batches >= at.window.batches)\n    return false;"),
    ("answers_stored_when_durable", "cluster/peer_table.cpp",
     "last > last_stored)",
     "last > last_stored && !FAULT)"),
    ("never_hands_in_again", "actors/links.cpp",
     "submit_again())\n    hand_in",
     "submit_again())\n    if (!FAULT)\n      hand_in"),
    ("closes_when_one_peer_drains", "cluster/dispatch_table.cpp",
     "  return own_ || std::any_of(peers_.begin(), peers_.end(), [](const auto& entry) {",
     "  const auto all = [this](auto open) {\n"
     "    return std::all_of(peers_.begin(), peers_.end(), open);\n  };\n"
     "  const auto any = [this](auto open) {\n"
     "    return std::any_of(peers_.begin(), peers_.end(), open);\n  };\n"
     "  const auto of = [&](auto open) { return FAULT ? all(open) : any(open); };\n"
     "  return own_ || of([](const auto& entry) {"),
]

HEADER = '#include "tests/simulation/faults.hpp"\n'


def main(source: pathlib.Path, output: pathlib.Path) -> None:
    texts = {}
    for name, file, before, after in FAULTS:
        text = texts.setdefault(file, (source / file).read_text())
        if text.count(before) != 1:
            sys.exit(f"seeded_faults.py: {name} has no place in {file} any more: what it replaces "
                     f"is there {text.count(before)} times; bring the table up to date")
        condition = f"::weir::simulation::seeded(::weir::simulation::bite::{name})"
        texts[file] = text.replace(before, after.replace("FAULT", condition))
    for file, text in texts.items():
        target = output / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(HEADER + text)


if sys.argv[1:] == ["--list"]:
    print("\n".join(sorted({file for _, file, _, _ in FAULTS})))
    sys.exit()
main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
