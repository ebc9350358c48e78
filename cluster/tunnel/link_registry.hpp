// LINK REGISTRY: which link leads to which node, and who is let in. At most one link for
// a pair of nodes: when both dial each other at once, a node gives up its own dialing for
// a link that the other has entered; when each has entered its own, the one of the lesser
// name stays. Pure.
#pragma once

#include "proto/link.hpp"

#include <map>
#include <optional>
#include <string>

namespace weir {

class link_registry {
 public:
  static constexpr auto other_link = "another link to the node is there";

  link_registry(node_card self, size_t peers_max)
    : self_(std::move(self)), peers_max_(peers_max) {}

  /// The answer to a node that wants to be our peer. `certified`: the name in its
  /// certificate; empty on a plain link.
  struct verdict {
    bool accepted = false;
    std::string reason;
    std::optional<link_id> close; ///< an older instance's link that has to go
  };
  verdict judge(const node_card& peer, const std::string& certified) const;

  /// Called by the side that dialed before it says `go`, by the other when it has heard that. Not
  /// accepted: another link to that node stays, or there is no room for one more node.
  verdict enter(const node_card& peer, link_id link, bool dialed_by_us);
  void leave(link_id link);

  bool linked(const std::string& name) const { return links_.contains(name); }
  bool full() const noexcept { return links_.size() >= peers_max_; }
  bool is_self(const node_card& peer) const noexcept {
    return peer.instance == self_.instance;
  }
  const node_card& self() const noexcept { return self_; }

 private:
  struct entry {
    link_id link = 0;
    node_card card;
    bool dialed_by_us = false;
  };

  const node_card self_;
  const size_t peers_max_;
  std::map<std::string, entry> links_; ///< by the peer's name
};

} // namespace weir
