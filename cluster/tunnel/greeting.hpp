// GREETING: the words of cluster/hello.hpp over a new connection, in two halves. Between
// them each side enters the link into its registry, so that two nodes that dial each
// other at once agree on the link that stays before either uses it.
//
//   dialer                        listener
//   introduce: hello ───────────▶ introduce: judges it
//              judges it ◀─────────────────── answer
//   (enters)
//   conclude:  go ──────────────▶ introduce, its end
//                                 (enters)
//              the link is up ◀── conclude: welcome; the link is up
//
// Each half returns what went wrong; empty if nothing did.
#pragma once

#include "cluster/tunnel/connection.hpp"
#include "cluster/tunnel/link_registry.hpp"

#include <optional>
#include <string>

namespace weir {

/// Fills in the connection's link and peer. `outdated`: the link of the peer's former
/// instance, which has to go.
wire::awaitable<std::string> introduce(connection& one, const link_registry& registry,
                                       std::optional<link_id>& outdated);

wire::awaitable<std::string> conclude(connection& one);

} // namespace weir
