#include "actors/dispatch.hpp"

#include "actors/exits.hpp"
#include "actors/receipts.hpp"
#include "base/log.hpp"
#include "cluster/batch_codec.hpp"
#include "cluster/link_frame.hpp"
#include "cluster/rendezvous.hpp"
#include "proto/ports.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

namespace weir {

namespace {

using dispatch_ptr = dispatch_actor::stateful_pointer<dispatch_state>;

void show_peer(const dispatch_state& st, link_id link) {
  const auto use = st.table->use_of(link);
  st.config.board->update(st.peers.at(link), [&](link_view& view) {
    auto& out = view.out[index_of(st.config.flow)];
    out.window = use ? use->window : link_window{};
    out.used = use ? use->used : link_window{};
  });
}

void send_to_peer(dispatch_ptr self, const dispatch_table::delivery& sent) {
  auto& st = self->state;
  // The batch leaves room for the frame's head, so that a whole batch is framed in place.
  auto whole = encode_batch(*sent.batch, self->clock().now(), piece_head_bytes);
  const auto bytes = whole.size() - piece_head_bytes;
  for (auto& frame :
       cut_in_pieces(piece_of::batch, st.config.flow, sent.number, std::move(whole)))
    st.config.network->send(sent.to, std::move(frame));
  const auto& peer = st.peers.at(sent.to);
  log_event(log_level::debug, "batch_sent",
            {{"batch", to_hex(logged_key(*sent.batch))},
             {"flow", to_string(st.config.flow)},
             {"to", peer},
             {"bytes", bytes}});
  st.config.board->sent(peer, 1, bytes);
  show_peer(st, sent.to);
}

/// Called after every change: sends whatever can go.
void pump(dispatch_ptr self) {
  auto& st = self->state;
  st.table->set_own(st.own_ready());
  while (auto next = st.table->next(st.own_depth())) {
    if (next->to == dispatch_table::own_node)
      caf::anon_send(caf::actor_cast<caf::actor>(st.own), std::move(next->batch));
    else
      send_to_peer(self, *next);
  }
  st.show();
  if (st.draining && st.table->empty())
    self->quit(caf::exit_reason::user_shutdown);
}

void on_batch(dispatch_ptr self, const batch_ptr& batch) {
  if (!batch || !batch->source)
    return; // nobody to answer
  // A peer would close the link over such a batch, which would come back and be sent again.
  const auto most = self->state.config.batch_bytes_max;
  if (const auto bytes = encoded_batch_bytes(*batch); bytes > most)
    return answer_failed(
      batch, ec::body_too_large,
      "a batch of the request has become " + std::to_string(bytes)
        + " bytes, and a node of the cluster takes " + std::to_string(most)
        + "; send fewer records at once, or raise cluster.window.bytes");
  self->state.table->submit(batch);
  pump(self);
}

void on_opened(dispatch_ptr self, const link_opened& link) {
  auto& st = self->state;
  st.peers[link.link] = link.peer.name;
  st.table->link_up(link.link, link.peer.name);
  pump(self);
}

void on_closed(dispatch_ptr self, const link_closed& link) {
  auto& st = self->state;
  const auto peer = st.peers.find(link.link);
  if (peer == st.peers.end())
    return;
  // The table marks what comes back as copied: the peer may have stored it.
  const auto back = st.table->link_down(link.link);
  st.config.board->update(peer->second, [&](link_view& view) {
    view.out[index_of(st.config.flow)] = {};
    view.resends += back;
  });
  if (back > 0)
    log_event(
      log_level::warning, "batches_taken_back",
      {{"flow", to_string(st.config.flow)}, {"from", peer->second}, {"batches", back}});
  st.peers.erase(peer);
  pump(self);
}

/// True if the peer does not know what became of the part.
bool in_doubt(const part_receipt& part) noexcept {
  return part.outcome == ec::deadline_exceeded;
}

/// True if no part of the batch is decided: it may go to another node.
bool undecided(const arrived_receipt& receipt) {
  return !receipt.parts.empty()
         && std::all_of(receipt.parts.begin(), receipt.parts.end(), [](const auto& part) {
              return is_refusal(part.outcome) || in_doubt(part);
            });
}

/// Lets the batch go to another node, or to the same one when it grants again.
void take_back(dispatch_ptr self, link_id from, batch_ptr batch,
               const std::vector<part_receipt>& refused) {
  auto& st = self->state;
  const auto& peer = st.peers.at(from);
  log_event(log_level::debug, "batch_refused",
            {{"batch", to_hex(logged_key(*batch))},
             {"flow", to_string(st.config.flow)},
             {"by", peer},
             {"reason", to_string(refused.front().outcome)}});
  // The peer's copy may still be stored: from now on a refusal says nothing of the batch.
  if (std::any_of(refused.begin(), refused.end(), in_doubt))
    batch->source->copied.set();
  st.table->refused(from);
  st.table->take_back(std::move(batch));
  st.config.board->update(peer, [](link_view& view) { ++view.resends; });
}

/// Hands on the receipt as if it came from this node: with the batch as its owner knows
/// it, except the records, which nobody needs any more.
void deliver(const batch_ptr& batch, arrived_receipt came) {
  const auto origin = batch->source->origin.lock();
  if (!origin)
    return;
  auto settled = std::make_shared<record_batch>();
  settled->source = batch->source;
  settled->rejections = batch->rejections; // the peer tells only of its own
  std::move(came.rejections.begin(), came.rejections.end(),
            std::back_inserter(settled->rejections));
  auto receipt = std::make_shared<batch_receipt>();
  receipt->batch = std::move(settled);
  receipt->parts = std::move(came.parts);
  origin->deliver(std::move(receipt));
}

void on_receipt(dispatch_ptr self, const link_receipt& came) {
  auto& st = self->state;
  auto batch = st.table->settle(came.link, came.number);
  if (!batch)
    return; // late: the batch has gone to another node
  auto receipt = decode_receipt(came.bytes);
  if (receipt && !belongs_to(*receipt, *batch))
    receipt = fail(ec::malformed_request, "a peer sent a receipt of another batch");
  if (!receipt) {
    // The two sides may count the window differently now: better to begin anew with this peer.
    batch->source->copied.set();
    st.table->take_back(std::move(batch));
    st.config.network->close(came.link, receipt.error().text);
  } else if (undecided(*receipt)
             && dispatch_table::awaited(*batch, self->clock().now())) {
    take_back(self, came.link, std::move(batch), receipt->parts);
  } else {
    deliver(batch, std::move(*receipt));
  }
  show_peer(st, came.link);
  pump(self);
}

/// If no worker takes work, the reason may be that no persister can be reached.
void tell_of_persisters(const dispatch_state& st) {
  if (st.config.tells_of_persisters)
    st.config.health->set(condition::no_persister,
                          !st.table->available()
                            && !st.config.board->reaches_persister());
}

void on_tick(dispatch_ptr self) {
  auto& st = self->state;
  tell_of_persisters(st);
  for (const auto& batch : st.table->expire(self->clock().now()))
    answer_failed(batch, ec::deadline_exceeded,
                  "no node of the cluster could take it in time");
  // Otherwise a drain would wait for a node that may never come; the peers have other nodes.
  if (st.config.gives_back && st.config.health->is(condition::draining)
      && !st.table->available())
    for (const auto& batch : st.table->give_back())
      answer_failed(batch, ec::draining, "the node drains and reaches no other");
  self->delayed_send(self, st.config.tick, tick_atom_v);
  pump(self);
}

} // namespace

void dispatch_state::open(dispatch_config with) {
  config = std::move(with);
  table.emplace(config.rules);
  if (config.own_has_queue)
    own_queue = &config.metrics->queue(config.own_role);
  queue = &config.metrics->describe_queue(
    config.role, static_cast<int64_t>(config.capacity),
    {"batches", config.bound, "whoever sends batches: their credit is not given back",
     "yes: clients wait or hear 503 before their body is read",
     "a batch that no node takes before its deadline is answered 503"});
  show();
}

bool dispatch_state::own_ready() const noexcept {
  return own
         && std::none_of(config.own_closed_by.begin(), config.own_closed_by.end(),
                         [&](condition c) { return config.health->is(c); });
}

size_t dispatch_state::own_depth() const noexcept {
  return own_queue ? static_cast<size_t>(std::max<int64_t>(0, own_queue->depth.load()))
                   : 0;
}

void dispatch_state::show() const {
  queue->depth.store(static_cast<int64_t>(table->waiting() + table->outstanding()),
                     std::memory_order_relaxed);
  config.health->set(config.unavailable, !table->available());
  if (config.tells_of_persisters && table->available())
    config.health->set(condition::no_persister, false);
}

dispatch_actor::behavior_type
dispatch(dispatch_actor::stateful_pointer<dispatch_state> self, dispatch_config config) {
  auto& st = self->state;
  st.open(std::move(config));
  self->set_exception_handler(
    [](std::exception_ptr& thrown) { return crashed_by(thrown); });
  if (!st.config.own_role.empty())
    st.config.roles->subscribe(st.config.own_role, role_rank::stage,
                               caf::actor_cast<caf::strong_actor_ptr>(self));
  self->delayed_send(self, st.config.tick, tick_atom_v);
  return {
    [self](const batch_ptr& batch) { on_batch(self, batch); },
    [self](const link_opened& link) { on_opened(self, link); },
    [self](const link_closed& link) { on_closed(self, link); },
    [self](const link_granted& grant) {
      auto& state = self->state;
      if (!state.peers.contains(grant.link))
        return;
      state.table->granted(grant.link, grant.window);
      show_peer(state, grant.link);
      pump(self);
    },
    [self](const link_receipt& receipt) { on_receipt(self, receipt); },
    [self](role_change& change) {
      if (change.role == self->state.config.own_role)
        self->state.own = std::move(change.handle);
      pump(self);
    },
    [self](tick_atom) { on_tick(self); },
    [](crash_atom) { throw std::runtime_error("crash requested"); },
    [self](drain_atom) {
      // Only the links have stopped, not the node: no receipt will come.
      if (!self->state.config.health->is(condition::draining))
        return self->quit(caf::exit_reason::user_shutdown);
      self->state.draining = true;
      pump(self);
    },
  };
}

} // namespace weir
