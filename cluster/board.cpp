#include "cluster/board.hpp"

#include "cluster/link_frame.hpp"

#include <algorithm>

namespace weir {

void cluster_board::update(const std::string& peer,
                           const std::function<void(link_view&)>& change) {
  const std::lock_guard guard{lock_};
  if (links_.size() >= members_max && !links_.contains(peer))
    std::erase_if(links_, [](const auto& entry) { return !entry.second.up; });
  auto& link = links_[peer];
  link.peer = peer;
  change(link);
}

void cluster_board::link_up(const std::string& peer) {
  update(peer, [](link_view& view) { view.up = true; });
}

void cluster_board::link_down(const std::string& peer) {
  update(peer, [](link_view& view) {
    view.up = false;
    view.in = {};
    view.round_trip_seconds = 0;
    ++view.losses;
  });
}

void cluster_board::round_trip(const std::string& peer, double seconds) {
  update(peer, [&](link_view& view) { view.round_trip_seconds = seconds; });
}

void cluster_board::received(const std::string& peer, uint64_t batches, uint64_t bytes) {
  update(peer, [&](link_view& view) {
    view.batches_received += batches;
    view.bytes_received += bytes;
  });
}

void cluster_board::sent(const std::string& peer, uint64_t batches, uint64_t bytes) {
  update(peer, [&](link_view& view) {
    view.batches_sent += batches;
    view.bytes_sent += bytes;
  });
}

void cluster_board::holds(const std::string& peer,
                          const std::array<link_window, link_flows>& granted,
                          const std::array<link_window, link_flows>& used) {
  update(peer, [&](link_view& view) {
    for (size_t i = 0; i < link_flows; ++i)
      view.in[i] = {granted[i], used[i]};
  });
}

void cluster_board::set_members(std::vector<member_view> members) {
  const std::lock_guard guard{lock_};
  members_ = std::move(members);
}

bool cluster_board::reaches_persister() const {
  const std::lock_guard guard{lock_};
  return std::any_of(members_.begin(), members_.end(), [](const member_view& member) {
    return member.card.roles.persister && member.state != "down";
  });
}

cluster_snapshot cluster_board::snapshot() const {
  const std::lock_guard guard{lock_};
  cluster_snapshot taken{node_, members_, {}};
  for (const auto& [peer, link] : links_)
    taken.links.push_back(link);
  return taken;
}

} // namespace weir
