#include "cluster/members.hpp"

#include "cluster/link_frame.hpp"

namespace weir {

bool members::linked(const node_card& card, time_point now) {
  auto& known = known_[card.name];
  const bool replaces = known.card.instance != 0 && known.card.instance != card.instance;
  known = {card, true, now};
  return replaces;
}

void members::unlinked(const std::string& name, uint64_t instance, time_point now) {
  const auto found = known_.find(name);
  if (found == known_.end() || found->second.card.instance != instance)
    return;
  found->second.linked = false;
  found->second.since = now;
}

void members::draining(const std::string& name, bool on) {
  if (const auto found = known_.find(name); found != known_.end())
    found->second.card.draining = on;
}

std::vector<std::string> members::heard(const std::vector<node_card>& cards,
                                        time_point now) {
  std::vector<std::string> fresh;
  for (const auto& card : cards) {
    if (card.name == self_.name)
      continue;
    const auto found = known_.find(card.name);
    if (found == known_.end() && known_.size() >= members_max)
      continue;
    if (found == known_.end()) {
      known_[card.name] = {card, false, now};
      fresh.push_back(card.address);
      continue;
    }
    auto& known = found->second;
    if (known.linked)
      continue; // its own word counts
    known.since = now;
    if (card.started_at_us >= known.card.started_at_us) {
      if (card.address != known.card.address || card.instance != known.card.instance)
        fresh.push_back(card.address);
      known.card = card;
    }
  }
  return fresh;
}

void members::forget_old(time_point now) {
  std::erase_if(known_, [&](const auto& entry) {
    return !entry.second.linked && now - entry.second.since >= forget_after_;
  });
}

std::vector<node_card> members::cards() const {
  std::vector<node_card> all{self_};
  for (const auto& [name, known] : known_)
    if (known.linked)
      all.push_back(known.card);
  return all;
}

std::vector<member_view> members::view() const {
  std::map<std::string, member_view> sorted;
  sorted[self_.name] = {self_, self_.draining ? "draining" : "self"};
  for (const auto& [name, known] : known_)
    sorted[name] = {known.card, !known.linked         ? "down"
                                : known.card.draining ? "draining"
                                                      : "up"};
  std::vector<member_view> all;
  for (auto& [name, view] : sorted)
    all.push_back(std::move(view));
  return all;
}

} // namespace weir
