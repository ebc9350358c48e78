// What a node of a cluster shows of its members and links. The board counts; the page reads it, so
// that a peer that is forgotten takes its series with it.
#pragma once

#include "proto/cluster_view.hpp"
#include "proto/telemetry.hpp"

namespace weir {

/// `view` is read with `in` from now on.
void declare_link_metrics(telemetry& in, const cluster_view& view);

} // namespace weir
