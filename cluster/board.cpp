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
