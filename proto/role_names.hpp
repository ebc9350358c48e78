// ROLE NAMES: what the actors of a node play for each other. Whoever plays a role is found by its
// name in the role table, and the name is also a label of its metrics, `stage` and `queue`, and in
// /queues and /actors. So a name here is part of what operators see.
#pragma once

#include "proto/link.hpp"

namespace weir::role_name {

inline constexpr const char* gateway = "gateway";
inline constexpr const char* validate = "validate";
inline constexpr const char* transform = "transform";
inline constexpr const char* journal = "journal";
/// Those that follow the journal report to it by these names.
inline constexpr const char* sink = "sink";
inline constexpr const char* dead_letters = "dead_letters";
inline constexpr const char* links = "links";
inline constexpr const char* to_worker = "to_worker";       ///< a gateway's dispatcher
inline constexpr const char* to_persister = "to_persister"; ///< a worker's dispatcher

/// Who sends this node's own batches in the flow.
constexpr const char* dispatcher_of(link_flow flow) noexcept {
  return flow == link_flow::work ? to_worker : to_persister;
}
/// Whom a batch of the flow reaches on the node that takes it.
constexpr const char* stage_of(link_flow flow) noexcept {
  return flow == link_flow::work ? validate : journal;
}

} // namespace weir::role_name
