#include "cluster/tunnel/link_registry.hpp"

#include <utility>

namespace weir {

link_registry::verdict link_registry::judge(const node_card& peer,
                                            const std::string& certified) const {
  const auto refuse = [](std::string reason) {
    return verdict{false, std::move(reason), {}};
  };
  if (is_self(peer))
    return refuse("this is the node itself");
  if (!certified.empty() && certified != peer.name)
    return refuse("the certificate is for " + certified + ", not for " + peer.name);
  if (peer.name == self_.name)
    return refuse("two nodes are called " + peer.name
                  + ": give each its own node.name and certificate");
  const auto known = links_.find(peer.name);
  if (known == links_.end())
    return full() ? refuse("cluster.peers_max nodes are linked already")
                  : verdict{true, {}, {}};
  if (known->second.card.instance == peer.instance)
    return refuse("already linked");
  if (peer.started_at_us < known->second.card.started_at_us)
    return refuse("a newer node is called " + peer.name);
  // The peer was restarted: its former link has to go before it can enter.
  return {false, "your predecessor's link is being closed: dial again",
          known->second.link};
}

link_registry::verdict link_registry::enter(const node_card& peer, link_id link,
                                            bool dialed_by_us) {
  const auto at = links_.find(peer.name);
  if (at == links_.end() && full())
    return {false,
            "this node has cluster.peers_max (" + std::to_string(peers_max_)
              + ") links already",
            {}};
  if (at == links_.end()) {
    links_[peer.name] = {link, peer, dialed_by_us};
    return {true, {}, {}};
  }
  auto& known = at->second;
  // If both dialed, both must keep the same link: the one that the lesser name dialed.
  const bool we_are_lesser = self_.name < peer.name;
  const bool replaces = known.card.instance == peer.instance
                          ? known.dialed_by_us && !dialed_by_us && !we_are_lesser
                          : peer.started_at_us >= known.card.started_at_us;
  if (!replaces)
    return {false, other_link, {}};
  const auto old = std::exchange(known, {link, peer, dialed_by_us});
  return {true, {}, old.link};
}

void link_registry::leave(link_id link) {
  std::erase_if(links_, [&](const auto& known) { return known.second.link == link; });
}

} // namespace weir
