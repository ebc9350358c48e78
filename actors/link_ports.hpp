// LINK PORTS: how receipts and the network reach the actor that plays `links` now; what comes
// while nobody does is dropped, as it is when a link is lost. Any thread.
#pragma once

#include "actors/roles.hpp"
#include "cluster/network.hpp"
#include "proto/ports.hpp"

#include <memory>

namespace weir {

/// The origin of batches that came over a link. `roles` outlives it.
std::shared_ptr<receipt_port> make_link_origin(const role_table& roles);
/// The same for what the network says.
std::unique_ptr<network_events> make_link_events(const role_table& roles);

} // namespace weir
