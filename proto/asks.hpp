// ASKS: what the parts of a batch want to hear of.
#pragma once

#include "proto/batch.hpp"

#include <algorithm>

namespace weir {

/// Whether some part asks for this acknowledgement.
inline bool asks_for(const envelope& source, ack_level ack) noexcept {
  return std::any_of(source.parts.begin(), source.parts.end(),
                     [ack](const batch_part& part) { return part.ack == ack; });
}

} // namespace weir
