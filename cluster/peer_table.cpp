#include "cluster/peer_table.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace weir {

namespace {

using std::chrono::duration_cast;
using std::chrono::nanoseconds;

int64_t stamp(peer_table::time_point at) noexcept {
  return duration_cast<nanoseconds>(at.time_since_epoch()).count();
}

/// A peer's stamp may be anything; an overflow wraps and spoils only that peer's metrics.
int64_t later(int64_t stamp, uint64_t by_ns) noexcept {
  return static_cast<int64_t>(static_cast<uint64_t>(stamp) + by_ns);
}

bool may_send(const node_card& card, link_flow flow) noexcept {
  return flow == link_flow::work ? card.roles.gateway : card.roles.worker;
}

/// The last record of the batch that somebody wants to hear of only when it is in the sink.
uint64_t sequence_to_await(const batch_receipt& receipt) {
  uint64_t last = 0;
  for (const auto& part : receipt.parts)
    if (part.part < receipt.batch->source->parts.size()
        && receipt.batch->source->parts[part.part].ack == ack_level::stored)
      last = std::max({last, part.last_sequence, part.known.last_sequence});
  return last;
}

} // namespace

bool takes_part(const node_card& card, link_flow flow) noexcept {
  return flow == link_flow::work ? card.roles.worker : card.roles.persister;
}

bool is_open(const node_health& health, link_flow flow) noexcept {
  for (const auto c : {condition::starting, condition::draining, condition::stage_away,
                       condition::workers_hung})
    if (health.is(c))
      return false;
  // Work ends at a persister of some node; what is persisted, in the journal of this one.
  return flow == link_flow::work
           ? !health.is(condition::no_persister)
           : !health.is(condition::journal_full) && !health.is(condition::storage_failed);
}

// -- links

void peer_table::link_up(link_id link, node_card card, time_point now) {
  const auto added = peers_.try_emplace(link, std::move(card), bytes_max(), now);
  added.first->second.heard_at = now;
}

std::optional<node_card> peer_table::link_down(link_id link) {
  const auto found = peers_.find(link);
  if (found == peers_.end())
    return {};
  auto card = std::move(found->second.card);
  peers_.erase(found);
  std::erase_if(held_, [&](const auto& entry) { return entry.second.link == link; });
  std::erase_if(awaiting_sink_,
                [&](const auto& entry) { return !holds(*entry.second->batch); });
  return card;
}

const peer_table::peer* peer_table::find(link_id link) const {
  const auto found = peers_.find(link);
  return found == peers_.end() ? nullptr : &found->second;
}

std::vector<link_id> peer_table::links() const {
  std::vector<link_id> all;
  all.reserve(peers_.size());
  for (const auto& [link, at] : peers_)
    all.push_back(link);
  return all;
}

std::vector<link_id> peer_table::silent(time_point now) {
  const bool asleep = now - last_look_ > rules_.silence / 2;
  last_look_ = now;
  std::vector<link_id> gone;
  for (auto& [link, at] : peers_) {
    if (asleep)
      at.heard_at = now;
    if (now - at.heard_at >= rules_.silence)
      gone.push_back(link);
  }
  return gone;
}

// -- what a peer says

bool peer_table::heard(link_id link, time_point now) {
  const auto found = peers_.find(link);
  if (found == peers_.end())
    return false;
  found->second.heard_at = now;
  return true;
}

peer_table::beat_news peer_table::heard_beat(link_id link, const heartbeat_frame& beat,
                                             time_point now) {
  auto& from = peers_.at(link);
  from.sent_at_ns = beat.sent_at_ns;
  from.sent_came = now;
  beat_news news;
  news.draining_changed = beat.draining != from.card.draining;
  from.card.draining = beat.draining;
  // The echo is our own stamp plus the time it lay there, so the rest is the round trip.
  if (beat.echo_ns != 0) {
    const auto took = later(stamp(now), -static_cast<uint64_t>(beat.echo_ns));
    news.round_trip_seconds = std::max(0.0, static_cast<double>(took) * 1e-9);
  }
  return news;
}

void peer_table::heard_window(link_id link, const window_frame& frame) {
  peers_.at(link).grants_us[index_of(frame.flow)] = frame.window;
}

result<std::optional<peer_table::arrival>>
peer_table::heard_piece(link_id link, const piece_frame& piece, std::string text) {
  auto& from = peers_.at(link);
  if (piece.what == piece_of::batch && !takes_from(from, piece.flow))
    return fail(ec::malformed_request, "a peer sends what its role does not send here");
  arrival came{piece.what, piece.flow, piece.number, piece.bytes, std::move(text)};
  // With its text beside it the batch is whole, and is not copied.
  if (came.text.empty()) {
    const auto whole = from.pieces.add(piece);
    if (!whole)
      return tl::unexpected(whole.error());
    if (!*whole)
      return std::optional<arrival>{};
    came.bytes = **whole;
  }
  if (came.what == piece_of::batch && beyond_window(from, came))
    return fail(ec::body_too_large, "a peer sends more than it was granted");
  return std::optional{std::move(came)};
}

/// True if a peer's batches have a way into this node at all.
bool peer_table::takes_from(const peer& from, link_flow flow) const noexcept {
  return rules_.takes[index_of(flow)] && may_send(from.card, flow);
}

/// Measured by the configured window: the last grant may have closed it while batches were
/// under way.
bool peer_table::beyond_window(const peer& from, const arrival& came) const noexcept {
  const auto& held = from.held[index_of(came.flow)];
  return held.batches >= 2 * rules_.window.batches
         || held.bytes + came.size() > bytes_max();
}

// -- what a peer is told

heartbeat_frame peer_table::next_beat(link_id link, bool draining, time_point now) const {
  const auto& to = peers_.at(link);
  heartbeat_frame beat;
  beat.sent_at_ns = stamp(now);
  if (to.sent_at_ns != 0)
    beat.echo_ns = later(to.sent_at_ns, (now - to.sent_came).count());
  beat.draining = draining;
  return beat;
}

std::vector<window_frame> peer_table::grant(link_id link,
                                            const std::array<bool, link_flows>& open) {
  auto& to = peers_.at(link);
  std::vector<window_frame> told;
  for (const auto flow : all_flows)
    if (takes_from(to, flow)) {
      auto& granted = to.granted[index_of(flow)];
      granted = open[index_of(flow)] ? rules_.window : link_window{};
      told.push_back({flow, granted});
    }
  return told;
}

// -- a peer's batches in this node's stages

const peer_table::held_batch& peer_table::hold(held_batch one) {
  auto& held = peers_.at(one.link).held[index_of(one.flow)];
  held.batches += 1;
  held.bytes += one.bytes;
  const auto envelope = one.batch->source->id;
  return held_[envelope] = std::move(one);
}

bool peer_table::holds(const record_batch& batch) const {
  return held_.contains(batch.source->id);
}

std::vector<peer_table::held_batch> peer_table::submit_again() const {
  std::set<uint64_t> through; // their receipts wait for the sink
  for (const auto& [sequence, receipt] : awaiting_sink_)
    through.insert(receipt->batch->source->id);
  std::vector<held_batch> again;
  for (const auto& [envelope, one] : held_) {
    if (through.contains(envelope))
      continue;
    one.batch->source->copied.set();
    again.push_back(one);
  }
  return again;
}

std::optional<peer_table::settled> peer_table::settle(shared_receipt receipt,
                                                      uint64_t last_stored) {
  if (!holds(*receipt->batch))
    return {};
  if (const auto last = sequence_to_await(*receipt); last > last_stored) {
    awaiting_sink_.emplace(last, std::move(receipt));
    return {};
  }
  return release(receipt);
}

std::vector<peer_table::settled> peer_table::stored(uint64_t sequence) {
  std::vector<settled> done;
  while (!awaiting_sink_.empty() && awaiting_sink_.begin()->first <= sequence) {
    if (auto one = release(awaiting_sink_.begin()->second))
      done.push_back(std::move(*one));
    awaiting_sink_.erase(awaiting_sink_.begin());
  }
  return done;
}

/// Nothing if another receipt of the batch was sent before.
std::optional<peer_table::settled> peer_table::release(const shared_receipt& receipt) {
  const auto found = held_.find(receipt->batch->source->id);
  if (found == held_.end())
    return {};
  settled done{std::move(found->second), receipt};
  held_.erase(found);
  auto& held = peers_.at(done.one.link).held[index_of(done.one.flow)];
  held.batches -= 1;
  held.bytes -= done.one.bytes;
  return done;
}

} // namespace weir
