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

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace weir {

namespace {

using links_ptr = links_actor::stateful_pointer<links_state>;
using std::chrono::duration_cast;
using std::chrono::nanoseconds;

constexpr uint32_t members_every_ticks = 5;
constexpr std::array<link_flow, link_flows> all_flows{link_flow::work,
                                                      link_flow::persist};

size_t index(link_flow flow) noexcept {
  return static_cast<size_t>(flow);
}

int64_t stamp(links_state::time_point at) noexcept {
  return duration_cast<nanoseconds>(at.time_since_epoch()).count();
}

/// A peer's stamp may be anything; an overflow wraps and spoils only that peer's figures.
int64_t later(int64_t stamp, uint64_t by_ns) noexcept {
  return static_cast<int64_t>(static_cast<uint64_t>(stamp) + by_ns);
}

bool takes_part(const node_card& card, link_flow flow) noexcept {
  return flow == link_flow::work ? card.roles.worker : card.roles.persister;
}

bool may_send(const node_card& card, link_flow flow) noexcept {
  return flow == link_flow::work ? card.roles.gateway : card.roles.worker;
}

/// True if a peer's batches have a way into this node at all.
bool takes_from(const links_state& st, const links_state::peer_link& peer,
                link_flow flow) noexcept {
  return !st.config.flows[index(flow)].stage.empty() && may_send(peer.card, flow);
}

/// Tells the dispatcher of a flow, if there is one.
template <class Message>
void tell_dispatcher(const links_state& st, link_flow flow, Message message) {
  if (const auto to = st.local_actor(st.config.flows[index(flow)].dispatcher))
    caf::anon_send(caf::actor_cast<caf::actor>(to), std::move(message));
}

void send(links_state& st, link_id to, const link_frame_content& content) {
  st.config.network->send(to, encode_frame(content));
}

void show_held(const links_state& st, const links_state::peer_link& peer) {
  st.config.board->update(peer.card.name, [&](link_view& view) {
    for (size_t i = 0; i < link_flows; ++i)
      view.in[i] = {peer.granted[i], peer.held[i]};
  });
}

void send_windows(links_state& st, link_id link, links_state::peer_link& peer) {
  for (const auto flow : all_flows) {
    if (!takes_from(st, peer, flow))
      continue;
    peer.granted[index(flow)] = st.window_for(flow);
    send(st, link, window_frame{flow, peer.granted[index(flow)]});
  }
}

void send_heartbeat(links_ptr self, link_id link, links_state::peer_link& peer) {
  const auto now = self->clock().now();
  heartbeat_frame beat;
  beat.sent_at_ns = stamp(now);
  if (peer.peer_sent_at_ns != 0)
    beat.echo_ns = later(peer.peer_sent_at_ns, (now - peer.peer_sent_came).count());
  beat.draining = self->state.known->self().draining;
  send(self->state, link, beat);
}

void introduce(const links_state& st, link_id link, const links_state::peer_link& peer) {
  for (const auto flow : all_flows)
    if (takes_part(peer.card, flow)) {
      tell_dispatcher(st, flow, link_opened{link, peer.card});
      tell_dispatcher(st, flow, link_granted{link, peer.grants_us[index(flow)]});
    }
}

void on_opened(links_ptr self, const link_opened& opened) {
  auto& st = self->state;
  const auto now = self->clock().now();
  const auto added = st.peers.try_emplace(opened.link, opened.peer, st.peer_bytes_max());
  auto& peer = added.first->second;
  peer.heard = now;
  if (st.known->linked(opened.peer, now))
    log_event(log_level::info, "member_replaced", {{"node", opened.peer.name}});
  log_event(log_level::info, "link_up",
            {{"peer", opened.peer.name}, {"roles", to_string(opened.peer.roles)}});
  st.config.board->update(opened.peer.name, [](link_view& view) { view.up = true; });
  introduce(st, opened.link, peer);
  send_heartbeat(self, opened.link, peer);
  send_windows(st, opened.link, peer);
  send(st, opened.link, members_frame{st.known->cards()});
  st.config.board->set_members(st.known->view());
}

/// Their sender sends them again; what the stages still make of them is dropped.
void forget_held(links_state& st, link_id link) {
  std::erase_if(st.held, [&](const auto& entry) { return entry.second.link == link; });
  std::erase_if(st.awaiting_sink, [&](const auto& entry) {
    return !st.held.contains(entry.second->batch->source->id);
  });
}

void quit_when_done(links_ptr self) {
  self->state.show();
  if (self->state.draining && self->state.held.empty())
    self->quit(caf::exit_reason::user_shutdown);
}

void on_closed(links_ptr self, const link_closed& closed) {
  auto& st = self->state;
  const auto found = st.peers.find(closed.link);
  if (found == st.peers.end())
    return;
  const auto card = found->second.card;
  st.peers.erase(found);
  forget_held(st, closed.link);
  st.known->unlinked(card.name, card.instance, self->clock().now());
  log_event(log_level::warning, "link_down",
            {{"peer", card.name}, {"reason", closed.reason}});
  st.config.board->update(card.name, [](link_view& view) {
    view.up = false;
    view.in = {};
    view.round_trip_seconds = 0;
    ++view.losses;
  });
  for (const auto flow : all_flows)
    if (takes_part(card, flow))
      tell_dispatcher(st, flow, closed);
  st.config.board->set_members(st.known->view());
  quit_when_done(self);
}

// -- what a peer says

void on_heartbeat(links_ptr self, links_state::peer_link& peer,
                  const heartbeat_frame& beat) {
  auto& st = self->state;
  const auto now = self->clock().now();
  peer.peer_sent_at_ns = beat.sent_at_ns;
  peer.peer_sent_came = now;
  if (beat.draining != peer.card.draining) {
    peer.card.draining = beat.draining;
    st.known->draining(peer.card.name, beat.draining);
    log_event(log_level::info, "member_draining",
              {{"node", peer.card.name}, {"draining", beat.draining}});
    st.config.board->set_members(st.known->view());
  }
  // The echo is our own stamp plus the time it lay there, so the rest is the round trip.
  if (beat.echo_ns != 0)
    st.config.board->update(peer.card.name, [&](link_view& view) {
      const auto took = later(stamp(now), -static_cast<uint64_t>(beat.echo_ns));
      view.round_trip_seconds = std::max(0.0, static_cast<double>(took) * 1e-9);
    });
}

void on_window(links_state& st, link_id link, links_state::peer_link& peer,
               const window_frame& frame) {
  peer.grants_us[index(frame.flow)] = frame.window;
  tell_dispatcher(st, frame.flow, link_granted{link, frame.window});
}

/// Refuses the whole batch: the answer goes the way of any receipt.
void refuse(const batch_ptr& batch, ec why, const std::string& text) {
  answer_failed(batch, why, text);
}

void hand_in(links_state& st, const links_state::held_batch& one) {
  const auto& role = st.config.flows[index(one.flow)].stage;
  if (const auto to = st.local_actor(role))
    return caf::anon_send(caf::actor_cast<caf::actor>(to), one.batch);
  refuse(one.batch, ec::stage_away, role + " is being restarted");
}

/// Measured by the configured window: the last grant may have closed it while batches were under
/// way. A peer that keeps to it has at most half of this here (a receipt frees its share here
/// first), or one larger batch alone, whose pieces have the same bound.
bool beyond_window(const links_state& st, const links_state::peer_link& peer,
                   link_flow flow, size_t bytes) {
  const auto& held = peer.held[index(flow)];
  return held.batches >= 2 * st.config.window.batches
         || held.bytes + bytes > st.peer_bytes_max();
}

void on_batch(links_ptr self, link_id link, links_state::peer_link& peer,
              const piece_frame& piece, std::string_view whole, std::string text) {
  auto& st = self->state;
  const auto bytes = whole.size() + text.size();
  if (beyond_window(st, peer, piece.flow, bytes))
    return st.config.network->close(link, "a peer sends more than it was granted");
  auto came = decode_batch(whole, std::move(text), self->clock().now());
  if (!came)
    return st.config.network->close(link, came.error().text);
  came->source->id = next_envelope_id();
  came->source->origin = st.config.origin;
  auto& held = peer.held[index(piece.flow)];
  const auto& one = st.held[came->source->id] = {link, piece.flow, piece.number, bytes,
                                                 std::move(came->batch)};
  held.batches += 1;
  held.bytes += bytes;
  log_event(log_level::debug, "batch_received",
            {{"batch", to_hex(logged_key(*one.batch))},
             {"flow", to_string(piece.flow)},
             {"from", peer.card.name},
             {"bytes", bytes}});
  st.config.board->update(peer.card.name, [&](link_view& view) {
    ++view.batches_received;
    view.bytes_received += bytes;
  });
  show_held(st, peer);
  st.show();
  if (piece.flow == link_flow::work && !st.config.knows_stream(one.batch->source->stream))
    return refuse(one.batch, ec::unknown_stream,
                  "the stream " + one.batch->source->stream + " is not configured on "
                    + st.config.self.name);
  hand_in(st, one);
}

void on_piece(links_ptr self, link_id link, links_state::peer_link& peer,
              const piece_frame& piece, std::string text) {
  auto& st = self->state;
  if (piece.what == piece_of::batch && !takes_from(st, peer, piece.flow))
    return st.config.network->close(link,
                                    "a peer sends what its role does not send here");
  if (!text.empty())
    return on_batch(self, link, peer, piece, piece.bytes, std::move(text));
  const auto whole = peer.pieces.add(piece);
  if (!whole)
    return st.config.network->close(link, whole.error().text);
  if (!*whole)
    return;
  if (piece.what == piece_of::batch)
    return on_batch(self, link, peer, piece, **whole, {});
  st.config.board->update(
    peer.card.name, [&](link_view& view) { view.bytes_received += (*whole)->size(); });
  tell_dispatcher(st, piece.flow, link_receipt{link, piece.number, std::string{**whole}});
}

/// Text comes only with a batch that is whole.
bool has_its_text(const link_frame_content& frame, size_t text_bytes) {
  const auto* piece = std::get_if<piece_frame>(&frame);
  return text_bytes == 0
         || (piece && piece->what == piece_of::batch
             && piece->bytes.size() + text_bytes == piece->total);
}

void on_frame(links_ptr self, link_frame& came) {
  auto& st = self->state;
  const auto found = st.peers.find(came.link);
  if (found == st.peers.end())
    return; // its link is down
  auto& peer = found->second;
  peer.heard = self->clock().now();
  const auto frame = decode_frame(came.head);
  if (!frame || !has_its_text(*frame, came.text.size()))
    return st.config.network->close(came.link, frame ? "a text that belongs to no batch"
                                                     : frame.error().text);
  if (const auto* beat = std::get_if<heartbeat_frame>(&*frame))
    on_heartbeat(self, peer, *beat);
  else if (const auto* window = std::get_if<window_frame>(&*frame))
    on_window(st, came.link, peer, *window);
  else if (const auto* cards = std::get_if<members_frame>(&*frame))
    st.config.network->learn(st.known->heard(cards->cards, peer.heard));
  else if (const auto* piece = std::get_if<piece_frame>(&*frame))
    on_piece(self, came.link, peer, *piece, std::move(came.text));
}

// -- receipts of peers' batches

/// The last record of the batch that somebody wants to hear of only when it is in the sink.
uint64_t sequence_to_await(const batch_receipt& receipt) {
  uint64_t last = 0;
  for (const auto& part : receipt.parts)
    if (part.part < receipt.batch->source->parts.size()
        && receipt.batch->source->parts[part.part].ack == ack_level::stored)
      last = std::max({last, part.last_sequence, part.known.last_sequence});
  return last;
}

void send_receipt(links_state& st, const batch_receipt& receipt) {
  const auto found = st.held.find(receipt.batch->source->id);
  if (found == st.held.end())
    return; // answered before, or its link is down
  const auto one = std::move(found->second);
  st.held.erase(found);
  auto whole = encode_receipt(receipt, one.batch->rejections.size(), piece_head_bytes);
  const auto bytes = whole.size() - piece_head_bytes;
  for (auto& frame :
       cut_in_pieces(piece_of::receipt, one.flow, one.number, std::move(whole)))
    st.config.network->send(one.link, std::move(frame));
  auto& peer = st.peers.at(one.link);
  auto& held = peer.held[index(one.flow)];
  held.batches -= 1;
  held.bytes -= one.bytes;
  log_event(log_level::debug, "receipt_sent",
            {{"batch", to_hex(logged_key(*one.batch))},
             {"flow", to_string(one.flow)},
             {"to", peer.card.name}});
  st.config.board->update(peer.card.name,
                          [&](link_view& view) { view.bytes_sent += bytes; });
  show_held(st, peer);
}

void on_receipt(links_ptr self, const receipt_ptr& came) {
  auto& st = self->state;
  if (!came || !came->batch || !came->batch->source
      || !st.held.contains(came->batch->source->id))
    return;
  const auto receipt = without_doubtful_refusals(came);
  if (const auto last = sequence_to_await(*receipt);
      last > st.config.origin->last_stored())
    st.awaiting_sink.emplace(last, receipt);
  else
    send_receipt(st, *receipt);
  quit_when_done(self);
}

void on_stored(links_ptr self, const stored_until& until) {
  auto& st = self->state;
  while (!st.awaiting_sink.empty() && st.awaiting_sink.begin()->first <= until.sequence) {
    const auto receipt = st.awaiting_sink.begin()->second;
    st.awaiting_sink.erase(st.awaiting_sink.begin());
    send_receipt(st, *receipt);
  }
  quit_when_done(self);
}

/// Batches whose receipt waits for the sink are through the stages already.
void on_resubmit(links_state& st) {
  std::map<uint64_t, bool> through;
  for (const auto& [sequence, receipt] : st.awaiting_sink)
    through[receipt->batch->source->id] = true;
  std::vector<links_state::held_batch> again;
  for (const auto& [id, one] : st.held)
    if (!through.contains(id))
      again.push_back(one);
  for (const auto& one : again) {
    one.batch->source->copied.set();
    hand_in(st, one);
  }
}

// -- this node

void on_role(links_state& st, role_change& change) {
  if (change.role == "links") {
    if (change.handle && st.config.heard)
      st.config.heard();
    return;
  }
  st.local[change.role] = std::move(change.handle);
  for (const auto flow : all_flows) {
    const auto& roles = st.config.flows[index(flow)];
    if (change.role == roles.dispatcher && st.local[change.role])
      for (const auto& [link, peer] : st.peers)
        introduce(st, link, peer);
    if (change.role == roles.stage)
      for (auto& [link, peer] : st.peers)
        send_windows(st, link, peer);
  }
}

/// This process itself may have been stopped: then no peer was silent for long.
bool was_asleep(links_state& st, links_state::time_point now) {
  const bool late = now - st.last_tick > st.config.silence / 2;
  st.last_tick = now;
  return late;
}

void close_silent(links_state& st, links_state::time_point now) {
  const bool asleep = was_asleep(st, now);
  for (auto& [link, peer] : st.peers) {
    if (asleep)
      peer.heard = now;
    if (now - peer.heard >= st.config.silence)
      st.config.network->close(
        link, "silent for " + std::to_string(st.config.silence.count()) + " ms");
  }
}

void on_tick(links_ptr self) {
  auto& st = self->state;
  const auto now = self->clock().now();
  const bool announced = st.known->self().draining;
  st.known->set_draining(st.config.health->is(condition::draining));
  close_silent(st, now);
  for (auto& [link, peer] : st.peers) {
    send_heartbeat(self, link, peer);
    send_windows(st, link, peer);
    if (st.ticks % members_every_ticks == 0)
      send(st, link, members_frame{st.known->cards()});
    show_held(st, peer);
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
  last_tick = now;
  known.emplace(config.self, config.forget_after);
  queue = &config.figures->describe_queue(
    "links", int64_t{config.window.batches} * config.peers_max,
    {"batches", "cluster.window.batches × cluster.peers_max",
     "the peer: it keeps its batches until there is room in its window",
     "yes: it has other nodes to send to, and its clients wait or hear 503",
     "a peer that sends beyond its window has its link closed"});
  config.board->set_members(known->view());
  show();
}

size_t links_state::peer_bytes_max() const noexcept {
  return 2 * config.window.bytes + frame_bytes_max;
}

link_window links_state::window_for(link_flow flow) const {
  const auto& health = *config.health;
  for (const auto c : {condition::starting, condition::draining, condition::stage_away,
                       condition::workers_hung})
    if (health.is(c))
      return {};
  const bool closed = flow == link_flow::work ? health.is(condition::no_persister)
                                              : health.is(condition::journal_full)
                                                  || health.is(condition::storage_failed);
  return closed || !local_actor(config.flows[index(flow)].stage) ? link_window{}
                                                                 : config.window;
}

caf::strong_actor_ptr links_state::local_actor(const std::string& role) const {
  const auto found = local.find(role);
  return role.empty() || found == local.end() ? nullptr : found->second;
}

void links_state::show() const {
  queue->depth.store(static_cast<int64_t>(held.size()), std::memory_order_relaxed);
  config.board->held = held.size();
}

links_actor::behavior_type links(links_actor::stateful_pointer<links_state> self,
                                 links_config config) {
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
    st.config.roles->subscribe("links", role_rank::stage, me);
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
