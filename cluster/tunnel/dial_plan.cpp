#include "cluster/tunnel/dial_plan.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace weir {

namespace {

using namespace std::chrono_literals;

constexpr auto resolve_interval = 1s;
constexpr auto pause_first = 100ms;
constexpr auto pause_longest = 1000ms;
constexpr auto self_pause = 60s;
constexpr auto learned_for = 10min;

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

} // namespace

void dial_plan::learn(const std::string& name, time_point now) {
  if (name.empty() || (names_.size() >= names_max && !names_.contains(name)))
    return;
  names_[name].answered = now;
}

std::vector<std::string> dial_plan::to_resolve(time_point now) {
  std::erase_if(names_, [&](const auto& entry) {
    return !entry.second.seed && !entry.second.resolving
           && now - entry.second.answered >= learned_for;
  });
  drop_unnamed();
  std::vector<std::string> due;
  for (auto& [name, entry] : names_)
    if (!entry.resolving && entry.next <= now) {
      entry.resolving = true;
      due.push_back(name);
    }
  return due;
}

void dial_plan::resolved(const std::string& name, std::vector<std::string> endpoints,
                         time_point now) {
  const auto found = names_.find(name);
  if (found == names_.end())
    return;
  found->second.resolving = false;
  found->second.next = now + resolve_interval;
  if (endpoints.empty())
    return; // the endpoints it led to before may still be right
  if (endpoints.size() > endpoints_per_name_max)
    endpoints.resize(endpoints_per_name_max);
  const auto before = std::exchange(found->second.endpoints, std::move(endpoints));
  for (const auto& endpoint : found->second.endpoints) {
    auto& at = targets_[endpoint];
    at.seed = at.seed || found->second.seed;
  }
  if (!before.empty() && before != found->second.endpoints)
    drop_unnamed();
}

/// Drops endpoints that no name leads to any more, unless they are being dialed.
void dial_plan::drop_unnamed() {
  std::set<std::string> named;
  for (const auto& [name, entry] : names_)
    named.insert(entry.endpoints.begin(), entry.endpoints.end());
  std::erase_if(targets_, [&](const auto& entry) {
    return !entry.second.dialing && !named.contains(entry.first);
  });
}

std::vector<std::string> dial_plan::begin(std::vector<target_entry*> due) {
  size_t dials = 0;
  size_t strangers = 0;
  for (const auto& [endpoint, at] : targets_) {
    dials += at.dialing;
    strangers += at.dialing && at.stranger();
  }
  std::stable_sort(due.begin(), due.end(), [](const auto* a, const auto* b) {
    return std::pair{a->second.stranger(), a->second.next}
           < std::pair{b->second.stranger(), b->second.next};
  });
  std::vector<std::string> begun;
  for (auto* entry : due) {
    auto& [endpoint, at] = *entry;
    if (dials == dials_max || (at.stranger() && strangers == strangers_max))
      break; // sorted: after a stranger come only strangers
    at.dialing = true;
    ++dials;
    strangers += at.stranger();
    begun.push_back(endpoint);
  }
  return begun;
}

dial_plan::target* dial_plan::find(const std::string& endpoint) {
  const auto found = targets_.find(endpoint);
  return found == targets_.end() ? nullptr : &found->second;
}

void dial_plan::found(const std::string& endpoint, const std::string& peer,
                      time_point now) {
  auto* at = find(endpoint);
  if (at == nullptr)
    return;
  *at = {false, now + pause_first, pause_first, peer, at->seed};
  for (auto& [name, entry] : names_)
    if (contains(entry.endpoints, endpoint))
      entry.answered = now;
}

void dial_plan::found_self(const std::string& endpoint, time_point now) {
  if (auto* at = find(endpoint))
    *at = {false, now + self_pause, pause_first, {}, at->seed};
}

void dial_plan::failed(const std::string& endpoint, time_point now) {
  auto* at = find(endpoint);
  if (at == nullptr)
    return;
  at->dialing = false;
  at->pause =
    std::clamp<std::chrono::milliseconds>(at->pause * 2, pause_first, pause_longest);
  at->next = now + at->pause;
}

std::string dial_plan::seed_at(const std::string& endpoint) const {
  const auto leads = std::find_if(names_.begin(), names_.end(), [&](const auto& entry) {
    const auto& known = entry.second;
    return known.seed && contains(known.endpoints, endpoint);
  });
  return leads == names_.end() ? std::string{} : leads->first;
}

} // namespace weir
