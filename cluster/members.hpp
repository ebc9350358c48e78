// MEMBERS: the nodes this one knows of, from their own cards and from what others pass on. Pure.
//
// A name belongs to the newest instance seen under it: a restarted node replaces its
// former self. A member without a link stays listed (down) for `forget_after`, so that an
// operator sees who is missing.
//
//   Bounded:  by members_max names from others; when full, names that are new are ignored.
#pragma once

#include "proto/cluster_view.hpp"
#include "proto/node_card.hpp"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace weir {

class members {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  members(node_card self, std::chrono::milliseconds forget_after)
    : self_(std::move(self)), forget_after_(forget_after) {}

  /// A link to the node is up. True if it replaces another instance of that name.
  bool linked(const node_card& card, time_point now);
  void unlinked(const std::string& name, uint64_t instance, time_point now);
  void draining(const std::string& name, bool on);
  /// Takes what a peer passes on, except this node itself. Returns the addresses nobody
  /// told before.
  std::vector<std::string> heard(const std::vector<node_card>& cards, time_point now);
  void forget_old(time_point now);

  void set_draining(bool on) noexcept { self_.draining = on; }
  const node_card& self() const noexcept { return self_; }
  /// This node and the linked ones: what this node passes on.
  std::vector<node_card> cards() const;
  std::vector<member_view> view() const;

 private:
  struct member {
    node_card card;
    bool linked = false;
    time_point since{}; ///< when it was last heard of
  };

  node_card self_;
  const std::chrono::milliseconds forget_after_;
  std::map<std::string, member> known_;
};

} // namespace weir
