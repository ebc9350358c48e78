// NODE CARD: who a node of the cluster is, as the node says at the start of every link
// and as others pass it on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

/// What a node does; one node may do all of it.
struct node_roles {
  bool gateway = false;   ///< takes requests and owns their batches until the receipt
  bool worker = false;    ///< validates and transforms; keeps nothing
  bool persister = false; ///< journal and sink
  bool operator==(const node_roles&) const = default;
  bool any() const noexcept { return gateway || worker || persister; }
};

/// The names of the roles, such as `gateway, worker`.
std::string to_string(const node_roles& roles);

struct node_card {
  std::string name;      ///< unique in the cluster; its certificate says the same
  uint64_t instance = 0; ///< random, new at every start of the process
  /// Unix microseconds of that start: if two nodes have one name, the newer is the node.
  int64_t started_at_us = 0;
  node_roles roles;
  std::string address; ///< host:port at which others reach it
  bool draining = false;
  bool operator==(const node_card&) const = default;
};

} // namespace weir
