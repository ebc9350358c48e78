#include "actors/links.hpp"

#include "actors/exits.hpp"
#include "actors/receipts.hpp"
#include "base/log.hpp"
#include "cluster/batch_codec.hpp"
#include "cluster/link_frame.hpp"
#include "cluster/rendezvous.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <stdexcept>
#include <utility>

namespace weir {

namespace {

using links_ptr = links_actor::stateful_pointer<links_state>;

constexpr uint32_t members_every_ticks = 5;

/// Tells the dispatcher of a flow, if there is one.
template <class Message>
void tell_dispatcher(const links_state& st, link_flow flow, Message message) {
  if (const auto to = st.local_actor(st.config.flows[index_of(flow)].dispatcher))
    caf::anon_send(caf::actor_cast<caf::actor>(to), std::move(message));
}

void send(links_state& st, link_id to, const link_frame_content& content) {
  st.config.network->send(to, encode_frame(content));
}

void show_held(const links_state& st, link_id link) {
  const auto& peer = *st.peers->find(link);
  st.config.board->holds(peer.card.name, peer.granted, peer.held);
}

void send_windows(links_state& st, link_id link) {
  for (const auto& window :
       st.peers->grant(link, {st.takes(link_flow::work), st.takes(link_flow::persist)}))
    send(st, link, window);
}

void send_heartbeat(links_state& st, link_id link, links_state::time_point now) {
  send(st, link, st.peers->next_beat(link, st.known->self().draining, now));
}

void introduce(const links_state& st, link_id link) {
  const auto& peer = *st.peers->find(link);
  for (const auto flow : all_flows)
    if (takes_part(peer.card, flow)) {
      tell_dispatcher(st, flow, link_opened{link, peer.card});
      tell_dispatcher(st, flow, link_granted{link, peer.grants_us[index_of(flow)]});
    }
}

// -- links come and go

void on_opened(links_ptr self, const link_opened& opened) {
  auto& st = self->state;
  const auto now = self->clock().now();
  st.peers->link_up(opened.link, opened.peer, now);
  if (st.known->linked(opened.peer, now))
    log_event(log_level::info, "member_replaced", {{"node", opened.peer.name}});
  log_event(log_level::info, "link_up",
            {{"peer", opened.peer.name}, {"roles", to_string(opened.peer.roles)}});
  st.config.board->link_up(opened.peer.name);
  // The dispatchers hear of the link before the peer hears of a window.
  introduce(st, opened.link);
  send_heartbeat(st, opened.link, now);
  send_windows(st, opened.link);
  send(st, opened.link, members_frame{st.known->cards()});
  st.config.board->set_members(st.known->view());
}

void quit_when_done(links_ptr self) {
  self->state.show();
  if (self->state.draining && self->state.peers->held() == 0)
    self->quit(caf::exit_reason::user_shutdown);
}

void on_closed(links_ptr self, const link_closed& closed) {
  auto& st = self->state;
  const auto card = st.peers->link_down(closed.link);
  if (!card)
    return;
  st.known->unlinked(card->name, card->instance, self->clock().now());
  log_event(log_level::warning, "link_down",
            {{"peer", card->name}, {"reason", closed.reason}});
  st.config.board->link_down(card->name);
  // A dispatcher was told of this link only if the peer takes part in its flow.
  for (const auto flow : all_flows)
    if (takes_part(*card, flow))
      tell_dispatcher(st, flow, closed);
  st.config.board->set_members(st.known->view());
  quit_when_done(self);
}

// -- what a peer says

void on_heartbeat(links_ptr self, link_id link, const heartbeat_frame& beat) {
  auto& st = self->state;
  const auto news = st.peers->heard_beat(link, beat, self->clock().now());
  const auto& peer = st.peers->name(link);
  if (news.draining_changed) {
    st.known->draining(peer, beat.draining);
    log_event(log_level::info, "member_draining",
              {{"node", peer}, {"draining", beat.draining}});
    st.config.board->set_members(st.known->view());
  }
  if (news.round_trip_seconds)
    st.config.board->round_trip(peer, *news.round_trip_seconds);
}

void on_window(links_state& st, link_id link, const window_frame& frame) {
  st.peers->heard_window(link, frame);
  tell_dispatcher(st, frame.flow, link_granted{link, frame.window});
}

void hand_in(links_state& st, const peer_table::held_batch& one) {
  const auto& role = st.config.flows[index_of(one.flow)].stage;
  if (const auto to = st.local_actor(role))
    return caf::anon_send(caf::actor_cast<caf::actor>(to), one.batch);
  answer_failed(one.batch, ec::stage_away, role + " is being restarted");
}

void show_arrived(links_state& st, const peer_table::held_batch& one) {
  const auto& peer = st.peers->name(one.link);
  log_event(log_level::debug, "batch_received",
            {{"batch", to_hex(logged_key(*one.batch))},
             {"flow", to_string(one.flow)},
             {"from", peer},
             {"bytes", one.bytes}});
  st.config.board->received(peer, 1, one.bytes);
  show_held(st, one.link);
  st.show();
}

void on_batch(links_ptr self, link_id link, peer_table::arrival whole) {
  auto& st = self->state;
  const auto bytes = whole.size();
  auto came = decode_batch(whole.bytes, std::move(whole.text), self->clock().now());
  if (!came)
    return st.config.network->close(link, came.error().text);
  // Its receipt comes here, whatever becomes of the batch from now on.
  came->source->id = next_envelope_id();
  came->source->origin = st.config.origin;
  const auto& one =
    st.peers->hold({link, whole.flow, whole.number, bytes, std::move(came->batch)});
  show_arrived(st, one);
  const auto& stream = one.batch->source->stream;
  if (one.flow == link_flow::work && !st.config.knows_stream(stream))
    return answer_failed(one.batch, ec::unknown_stream,
                         "the stream " + stream + " is not configured on "
                           + st.config.self.name);
  hand_in(st, one);
}

void on_piece(links_ptr self, link_id link, const piece_frame& piece, std::string text) {
  auto& st = self->state;
  auto whole = st.peers->heard_piece(link, piece, std::move(text));
  if (!whole)
    return st.config.network->close(link, whole.error().text);
  if (!*whole)
    return;
  auto& came = **whole;
  if (came.what == piece_of::batch)
    return on_batch(self, link, std::move(came));
  st.config.board->received(st.peers->name(link), 0, came.size());
  tell_dispatcher(st, came.flow,
                  link_receipt{link, came.number, std::string{came.bytes}});
}

void on_frame(links_ptr self, link_frame& came) {
  auto& st = self->state;
  const auto now = self->clock().now();
  if (!st.peers->heard(came.link, now))
    return; // its link is down
  const auto frame = decode_frame(came.head);
  if (!frame || !has_its_text(*frame, came.text.size()))
    return st.config.network->close(came.link, frame ? "a text that belongs to no batch"
                                                     : frame.error().text);
  if (const auto* beat = std::get_if<heartbeat_frame>(&*frame))
    on_heartbeat(self, came.link, *beat);
  else if (const auto* window = std::get_if<window_frame>(&*frame))
    on_window(st, came.link, *window);
  else if (const auto* cards = std::get_if<members_frame>(&*frame))
    st.config.network->learn(st.known->heard(cards->cards, now));
  else if (const auto* piece = std::get_if<piece_frame>(&*frame))
    on_piece(self, came.link, *piece, std::move(came.text));
}

// -- receipts of peers' batches

void send_receipt(links_state& st, const peer_table::settled& done) {
  const auto& one = done.one;
  // The peer has the rejections that came with its batch.
  auto whole =
    encode_receipt(*done.receipt, one.batch->rejections.size(), piece_head_bytes);
  const auto bytes = whole.size() - piece_head_bytes;
  for (auto& frame :
       cut_in_pieces(piece_of::receipt, one.flow, one.number, std::move(whole)))
    st.config.network->send(one.link, std::move(frame));
  const auto& peer = st.peers->name(one.link);
  log_event(log_level::debug, "receipt_sent",
            {{"batch", to_hex(logged_key(*one.batch))},
             {"flow", to_string(one.flow)},
             {"to", peer}});
  st.config.board->sent(peer, 0, bytes);
  show_held(st, one.link);
}

void on_receipt(links_ptr self, const receipt_ptr& came) {
  auto& st = self->state;
  if (!came || !came->batch || !came->batch->source || !st.peers->holds(*came->batch))
    return; // answered before, or its link is down
  if (const auto done = st.peers->settle(without_doubtful_refusals(came),
                                         st.config.origin->last_stored()))
    send_receipt(st, *done);
  quit_when_done(self);
}

void on_stored(links_ptr self, const stored_until& until) {
  for (const auto& done : self->state.peers->stored(until.sequence))
    send_receipt(self->state, done);
  quit_when_done(self);
}

void on_resubmit(links_state& st) {
  for (const auto& one : st.peers->submit_again())
    hand_in(st, one);
}

// -- this node

void on_role(links_state& st, role_change& change) {
  if (change.role == role_name::links) {
    if (change.handle && st.config.heard)
      st.config.heard();
    return;
  }
  st.local[change.role] = std::move(change.handle);
  // A dispatcher that is back knows of no link; a stage that comes or goes opens or ends a flow.
  for (const auto& flow : st.config.flows)
    for (const auto link : st.peers->links()) {
      if (change.role == flow.dispatcher && st.local[change.role])
        introduce(st, link);
      if (change.role == flow.stage)
        send_windows(st, link);
    }
}

void on_tick(links_ptr self) {
  auto& st = self->state;
  const auto now = self->clock().now();
  const bool announced = st.known->self().draining;
  st.known->set_draining(st.config.health->is(condition::draining));
  for (const auto link : st.peers->silent(now))
    st.config.network->close(link, "silent for "
                                     + std::to_string(st.config.silence.count()) + " ms");
  for (const auto link : st.peers->links()) {
    send_heartbeat(st, link, now);
    send_windows(st, link);
    if (st.ticks % members_every_ticks == 0)
      send(st, link, members_frame{st.known->cards()});
    show_held(st, link);
  }
  ++st.ticks;
  st.known->forget_old(now);
  st.config.board->set_members(st.known->view());
  // One heartbeat after the peers were told, what was on its way here has come.
  st.config.board->drain_announced = announced && st.known->self().draining;
  st.show();
  self->delayed_send(self, st.config.heartbeat, tick_atom_v);
}

} // namespace

void links_state::open(links_config with, time_point now) {
  config = std::move(with);
  known.emplace(config.self, config.forget_after);
  // A peer's batches have a way in where there is a stage for them, be it away now or not.
  peer_rules rules{config.window, config.silence, {}};
  for (const auto flow : all_flows)
    rules.takes[index_of(flow)] = !config.flows[index_of(flow)].stage.empty();
  peers.emplace(rules, now);
  queue = &config.metrics->describe_queue(
    role_name::links, int64_t{config.window.batches} * config.peers_max,
    {"batches", "cluster.window.batches × cluster.peers_max",
     "the peer: it keeps its batches until there is room in its window",
     "yes: it has other nodes to send to, and its clients wait or hear 503",
     "a peer that sends beyond its window has its link closed"});
  config.board->set_members(known->view());
  show();
}

bool links_state::takes(link_flow flow) const {
  return is_open(*config.health, flow) && local_actor(config.flows[index_of(flow)].stage);
}

caf::strong_actor_ptr links_state::local_actor(const std::string& role) const {
  const auto found = local.find(role);
  return role.empty() || found == local.end() ? nullptr : found->second;
}

void links_state::show() const {
  queue->depth.store(static_cast<int64_t>(peers->held()), std::memory_order_relaxed);
  config.board->held = peers->held();
}

links_actor::behavior_type links(links_ptr self, links_config config) {
  auto& st = self->state;
  st.open(std::move(config), self->clock().now());
  self->set_exception_handler(
    [](std::exception_ptr& thrown) { return crashed_by(thrown); });
  st.config.network->reset();
  const auto me = caf::actor_cast<caf::strong_actor_ptr>(self);
  for (const auto& flow : st.config.flows)
    for (const auto* role : {&flow.stage, &flow.dispatcher})
      if (!role->empty())
        st.config.roles->subscribe(*role, role_rank::stage, me);
  if (st.config.heard)
    st.config.roles->subscribe(role_name::links, role_rank::stage, me);
  self->delayed_send(self, st.config.heartbeat, tick_atom_v);
  return {
    [self](const link_opened& opened) { on_opened(self, opened); },
    [self](const link_closed& closed) { on_closed(self, closed); },
    [self](link_frame& frame) { on_frame(self, frame); },
    [self](const receipt_ptr& receipt) { on_receipt(self, receipt); },
    [self](const stored_until& until) { on_stored(self, until); },
    [self](resubmit_atom) { on_resubmit(self->state); },
    [self](role_change& change) { on_role(self->state, change); },
    [self](tick_atom) { on_tick(self); },
    [](crash_atom) { throw std::runtime_error("crash requested"); },
    [self](drain_atom) {
      // Only a dispatcher has stopped, not the node: what is held here will have no receipt.
      if (!self->state.config.health->is(condition::draining))
        return self->quit(caf::exit_reason::user_shutdown);
      self->state.draining = true;
      quit_when_done(self);
    },
  };
}

} // namespace weir
