#include "cluster/dispatch_table.hpp"

#include "cluster/batch_codec.hpp"
#include "cluster/rendezvous.hpp"
#include "proto/asks.hpp"

#include <algorithm>

namespace weir {

bool dispatch_table::awaited(const record_batch& batch, time_point now) noexcept {
  return batch.source->deadline > now || asks_for(*batch.source, ack_level::accepted);
}

void dispatch_table::link_up(link_id link, std::string name) {
  peers_[link].name = std::move(name);
}

size_t dispatch_table::link_down(link_id link) {
  const auto found = peers_.find(link);
  if (found == peers_.end())
    return 0;
  auto lost = std::move(found->second.out);
  peers_.erase(found);
  for (auto one = lost.rbegin(); one != lost.rend(); ++one) {
    one->second.batch->source->copied.set();
    waiting_.push_front(std::move(one->second.batch));
  }
  return lost.size();
}

void dispatch_table::granted(link_id link, link_window window) {
  if (const auto found = peers_.find(link); found != peers_.end())
    found->second.window = window;
}

void dispatch_table::refused(link_id link) {
  granted(link, {});
}

bool dispatch_table::submit(batch_ptr batch) {
  if (!ids_.insert(batch->source->id).second)
    return false;
  waiting_.push_back(std::move(batch));
  return true;
}

std::optional<dispatch_table::delivery> dispatch_table::next(size_t own_depth) {
  if (!available())
    return {};
  for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
    const auto bytes =
      encoded_batch_bytes(**at) + (rules_.grows_by ? rules_.grows_by(**at) : 0);
    const auto to = choose(**at, bytes, own_depth);
    if (to) {
      auto batch = std::move(*at);
      waiting_.erase(at);
      return hand_over(*to, std::move(batch), bytes);
    }
    if (rules_.policy == dispatch_policy::most_credit)
      return {}; // no room for this one means no room for those after it
  }
  return {};
}

dispatch_table::delivery dispatch_table::hand_over(link_id to, batch_ptr batch,
                                                   size_t bytes) {
  if (to == own_node) {
    ids_.erase(batch->source->id);
    return {own_node, 0, std::move(batch)};
  }
  auto& at = peers_.at(to);
  at.used.batches += 1;
  at.used.bytes += bytes;
  at.out[++last_number_] = {batch, bytes};
  at.last_number = last_number_;
  return {to, last_number_, std::move(batch)};
}

bool dispatch_table::has_room(const peer& at, size_t bytes) noexcept {
  if (at.used.batches >= at.window.batches)
    return false;
  // A batch larger than the whole window goes alone.
  return at.used.batches == 0 || at.used.bytes + bytes <= at.window.bytes;
}

std::optional<link_id> dispatch_table::choose(const record_batch& batch, size_t bytes,
                                              size_t own_depth) const {
  return rules_.policy == dispatch_policy::most_credit
           ? choose_by_credit(bytes, own_depth)
           : choose_by_key(placement_key(batch), bytes);
}

std::optional<link_id> dispatch_table::choose_by_credit(size_t bytes,
                                                        size_t own_depth) const {
  if (own_ && own_depth < rules_.own_batches_max)
    return own_node;
  std::optional<link_id> best;
  std::pair<uint64_t, uint64_t> rank; // free bytes, then how long the peer has been idle
  for (const auto& [link, at] : peers_) {
    const auto free =
      at.window.bytes > at.used.bytes ? at.window.bytes - at.used.bytes : 0;
    const std::pair here{free, ~at.last_number};
    if (has_room(at, bytes) && (!best || here > rank)) {
      best = link;
      rank = here;
    }
  }
  return best || !own_ ? best : own_node;
}

std::optional<link_id> dispatch_table::choose_by_key(const batch_key& key,
                                                     size_t bytes) const {
  std::optional<link_id> best;
  uint64_t highest = 0;
  const auto consider = [&](link_id link, std::string_view name) {
    const auto weight = rendezvous_weight(name, key);
    if (!best || weight > highest) {
      best = link;
      highest = weight;
    }
  };
  if (own_)
    consider(own_node, rules_.own_name);
  for (const auto& [link, at] : peers_)
    if (at.window.open())
      consider(link, at.name);
  // The key's node is full: the batch waits for it, because its journal may know the key.
  if (best && *best != own_node && !has_room(peers_.at(*best), bytes))
    return {};
  return best;
}

batch_ptr dispatch_table::settle(link_id link, uint64_t number) {
  const auto found = peers_.find(link);
  // The link is gone and its batches wait again or went elsewhere: this receipt is late.
  if (found == peers_.end())
    return nullptr;
  auto& at = found->second;
  const auto out = at.out.find(number);
  if (out == at.out.end())
    return nullptr;
  auto batch = std::move(out->second.batch);
  at.used.batches -= 1;
  at.used.bytes -= out->second.bytes;
  at.out.erase(out);
  ids_.erase(batch->source->id);
  return batch;
}

void dispatch_table::take_back(batch_ptr batch) {
  if (ids_.insert(batch->source->id).second)
    waiting_.push_front(std::move(batch));
}

std::vector<batch_ptr> dispatch_table::expire(time_point now) {
  std::vector<batch_ptr> gone;
  std::erase_if(waiting_, [&](const batch_ptr& batch) {
    if (awaited(*batch, now))
      return false;
    ids_.erase(batch->source->id);
    gone.push_back(batch);
    return true;
  });
  return gone;
}

std::vector<batch_ptr> dispatch_table::give_back() {
  std::vector<batch_ptr> back(waiting_.begin(), waiting_.end());
  waiting_.clear();
  for (const auto& batch : back)
    ids_.erase(batch->source->id);
  return back;
}

bool dispatch_table::available() const noexcept {
  return own_ || std::any_of(peers_.begin(), peers_.end(), [](const auto& entry) {
           return entry.second.window.open();
         });
}

std::optional<dispatch_table::peer_use> dispatch_table::use_of(link_id link) const {
  const auto found = peers_.find(link);
  if (found == peers_.end())
    return {};
  return peer_use{found->second.window, found->second.used};
}

} // namespace weir
