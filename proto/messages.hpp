// Every message that crosses an actor boundary, its type id, and who may be sent what. Batches
// travel by shared_ptr inside one node; what leaves a node is encoded by hand (cluster/), and CAF
// serializes nothing.
#pragma once

#include "base/errors.hpp"
#include "proto/batch.hpp"
#include "proto/journal_frame.hpp"
#include "proto/link.hpp"

#include <caf/actor.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/replies_to.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace weir {

/// Where a worker is in the batch it holds, so that its stage knows which record to
/// suspect when the worker dies or hangs. Written by the worker, read by the stage.
struct progress_mark {
  /// Set before each record: its index in the records of the order's batch.
  std::atomic<uint32_t> record{UINT32_MAX};
};

/// Down: a stage gives one batch to a worker that asked. The stage keeps the batch too.
struct work_order {
  uint64_t job = 0;
  batch_ptr batch;
  std::shared_ptr<progress_mark> progress;
  bool fused = false; ///< do the next stage's work as well
};

/// What a fused order did for the next stage.
struct next_work {
  uint64_t records = 0; ///< records that came in
  std::chrono::steady_clock::duration took{};
};

/// Up: a worker's result for a job.
struct work_result {
  uint64_t job = 0;
  batch_ptr batch;
  next_work next{}; ///< set for a fused order
};

/// To subscribers: `role` is now played by `handle`; an empty handle means it is away.
struct role_change {
  std::string role;
  caf::strong_actor_ptr handle;
};

/// To the journal from a reader: tell me when there is something after `after`.
struct tail_request {
  journal_position after;
};

/// From the journal: everything before `until` is durable.
struct durable_until {
  journal_position until;
  uint64_t sequence = 0; ///< the last record's before `until`
  /// Some frame between the request's `after` and `until` has dead letters.
  bool dead_letters = false;
};

/// From a reader to the journal: `reader` does not need frames before `position` any more.
struct reader_cursor {
  std::string reader;
  journal_position position;
};

/// From the network to the links: a frame of cluster/link_frame.hpp.
struct link_frame {
  link_id link = 0;
  std::string head;
  std::string text; ///< a batch's, with text_padding of capacity after its end
  frame_slip slip;
};

/// From the network to the links, and from the links to the dispatchers it concerns.
struct link_opened {
  link_id link = 0;
  node_card peer;
};
struct link_closed {
  link_id link = 0;
  std::string reason;
};

/// From the links to a dispatcher: how much the peer takes now.
struct link_granted {
  link_id link = 0;
  link_window window;
};

/// From the links to a dispatcher: the receipt, encoded, for the batch it sent as `number`.
struct link_receipt {
  link_id link = 0;
  uint64_t number = 0;
  std::string bytes;
};

using receipt_ptr = std::shared_ptr<const batch_receipt>;

/// To the links: every record up to `sequence` is in this node's sink.
struct stored_until {
  uint64_t sequence = 0;
};

} // namespace weir

CAF_BEGIN_TYPE_ID_BLOCK(weir, caf::first_custom_type_id)

  CAF_ADD_TYPE_ID(weir, (weir::batch_ptr))
  CAF_ADD_TYPE_ID(weir, (weir::work_order))
  CAF_ADD_TYPE_ID(weir, (weir::work_result))
  CAF_ADD_TYPE_ID(weir, (weir::role_change))
  CAF_ADD_TYPE_ID(weir, (weir::tail_request))
  CAF_ADD_TYPE_ID(weir, (weir::durable_until))
  CAF_ADD_TYPE_ID(weir, (weir::reader_cursor))

  CAF_ADD_TYPE_ID(weir, (weir::link_frame))
  CAF_ADD_TYPE_ID(weir, (weir::link_opened))
  CAF_ADD_TYPE_ID(weir, (weir::link_closed))
  CAF_ADD_TYPE_ID(weir, (weir::link_granted))
  CAF_ADD_TYPE_ID(weir, (weir::link_receipt))
  CAF_ADD_TYPE_ID(weir, (weir::receipt_ptr))
  CAF_ADD_TYPE_ID(weir, (weir::stored_until))

  // An atom holds at most 10 characters in CAF 0.17.
  CAF_ADD_ATOM(weir, weir, pull_atom, "pull")
  CAF_ADD_ATOM(weir, weir, tick_atom, "tick")
  CAF_ADD_ATOM(weir, weir, commit_atom, "commit")
  CAF_ADD_ATOM(weir, weir, drain_atom, "drain")
  CAF_ADD_ATOM(weir, weir, restart_atom, "restart")
  CAF_ADD_ATOM(weir, weir, abandon_atom, "abandon")
  CAF_ADD_ATOM(weir, weir, crash_atom, "crash")
  CAF_ADD_ATOM(weir, weir, deadline_atom, "deadline")
  CAF_ADD_ATOM(weir, weir, resubmit_atom, "resubmit")
  CAF_ADD_ATOM(weir, weir, opened_atom, "opened")

CAF_END_TYPE_ID_BLOCK(weir)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::batch_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::work_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::work_result)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::role_change)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::tail_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::durable_until)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::reader_cursor)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::link_frame)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::link_opened)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::link_closed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::link_granted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::link_receipt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::receipt_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::stored_until)

namespace weir {

/// STAGE: a bounded queue of batches before a pool of workers that pull.
using stage_actor = caf::typed_actor<
  // A batch to work on, from the gateway or the stage before.
  caf::reacts_to<batch_ptr>,
  // The sender is a worker with nothing to do.
  caf::reacts_to<pull_atom>,
  // The sender has finished a job and has nothing to do; its result goes on.
  caf::reacts_to<work_result>,
  // The stage after this one came or went.
  caf::reacts_to<role_change>,
  // Look for workers past their deadline.
  caf::reacts_to<tick_atom>,
  // Test-only: throw.
  caf::reacts_to<crash_atom>,
  // Finish what is queued and held, then quit.
  caf::reacts_to<drain_atom>>;

/// WORKER: does one batch at a time; its stage is found by role.
using worker_actor = caf::typed_actor<
  // Work on this; answer the stage that gave it with a work_result.
  caf::reacts_to<work_order>,
  // My stage came or went.
  caf::reacts_to<role_change>,
  // Test-only: throw.
  caf::reacts_to<crash_atom>,
  // Quit after the mail before this.
  caf::reacts_to<drain_atom>>;

/// JOURNAL: appends what has collected in its mailbox, syncs once, answers every part.
using journal_actor = caf::typed_actor<
  // Append; the receipt goes to the batch's origin when it is durable.
  caf::reacts_to<batch_ptr>,
  // Write and sync what was collected since the last commit (sent by the journal to itself).
  caf::reacts_to<commit_atom>,
  // Answers once something after the given position is durable.
  caf::replies_to<tail_request>::with<durable_until>,
  // A reader has gone on: segments that all readers have passed are deleted.
  caf::reacts_to<reader_cursor>,
  // Tell readers what is new; look whether a full or failed disk has recovered.
  caf::reacts_to<tick_atom>,
  // Test-only: throw.
  caf::reacts_to<crash_atom>,
  // Commit what was collected, then quit.
  caf::reacts_to<drain_atom>>;

/// SINK WRITER and DEAD LETTERS: read the journal from their cursor on and commit what they find.
using tail_actor = caf::typed_actor<
  // The journal has something new, or the last transaction left more to read.
  caf::reacts_to<durable_until>,
  // The journal came or went.
  caf::reacts_to<role_change>,
  // Try again after a failure.
  caf::reacts_to<tick_atom>,
  // Test-only: throw.
  caf::reacts_to<crash_atom>,
  // Go on until the journal's end or the drain deadline, then quit.
  caf::reacts_to<drain_atom>>;

/// GATEWAY: watches the stages, closes and opens admission, has lost batches submitted again.
using gateway_actor = caf::typed_actor<
  // A stage came or went.
  caf::reacts_to<role_change>,
  // While draining: look whether every admitted request has been answered.
  caf::reacts_to<tick_atom>,
  // Test-only: throw.
  caf::reacts_to<crash_atom>,
  // Stop accepting, wait for what is in flight, then quit.
  caf::reacts_to<drain_atom>>;

/// REGISTRY: measures the live tree once a second.
using registry_actor = caf::typed_actor<
  // Take the metrics.
  caf::reacts_to<tick_atom>,
  // Test-only: throw.
  caf::reacts_to<crash_atom>,
  // Quit after the mail before this.
  caf::reacts_to<drain_atom>>;

/// LINKS: this node's relations to its peers: who they are, which of their batches have
/// no receipt yet, whether they still answer.
using links_actor = caf::typed_actor<
  // A peer has been let in.
  caf::reacts_to<link_opened>,
  // A peer is gone.
  caf::reacts_to<link_closed>,
  // A peer has sent a frame.
  caf::reacts_to<link_frame>,
  // The fate of a batch that a peer sent.
  caf::reacts_to<receipt_ptr>,
  // The sink has committed: receipts that waited for it may go.
  caf::reacts_to<stored_until>,
  // A stage of this node is back: it gets every batch without a receipt again.
  caf::reacts_to<resubmit_atom>,
  // A dispatcher or a stage of this node came or went.
  caf::reacts_to<role_change>,
  // Send heartbeats, look for silent links.
  caf::reacts_to<tick_atom>,
  // Test-only: throw.
  caf::reacts_to<crash_atom>,
  // Quit once no peer's batch is left here.
  caf::reacts_to<drain_atom>>;

/// DISPATCH: sends each batch to a node that can take it, this one included, and to
/// another when that node goes away.
using dispatch_actor = caf::typed_actor<
  // A batch to send on.
  caf::reacts_to<batch_ptr>,
  // A peer that has the role which takes these batches.
  caf::reacts_to<link_opened>,
  // The peer is gone: its batches go to another.
  caf::reacts_to<link_closed>,
  // How much a peer takes now.
  caf::reacts_to<link_granted>,
  // The fate of a batch that a peer had.
  caf::reacts_to<link_receipt>,
  // This node's own stage came or went.
  caf::reacts_to<role_change>,
  // Give up batches nobody waits for any more.
  caf::reacts_to<tick_atom>,
  // Test-only: throw.
  caf::reacts_to<crash_atom>,
  // Quit once every batch has its receipt.
  caf::reacts_to<drain_atom>>;

// A SUPERVISOR is a dynamic actor (its children are of any type). It is sent drain_atom;
// crash_atom; (abandon_atom, caf::strong_actor_ptr worker): this worker hangs, replace it
// without waiting; and (opened_atom, uint64_t actor_id): this child of yours, which takes
// its time to open, is up. To itself it sends restart_atom (a backoff is over) and
// (deadline_atom, uint64_t stop).

/// Teaches a config our message types and the text of our error codes. Every process and every
/// test calls it before it makes an actor_system.
void register_protocol(caf::actor_system_config& config);

} // namespace weir
