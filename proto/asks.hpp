// ASKS: which acknowledgements the parts of a batch ask for.
#pragma once

#include "proto/batch.hpp"

#include <algorithm>

namespace weir {

/// True if some part asks for this acknowledgement.
inline bool asks_for(const envelope& source, ack_level ack) noexcept {
  return std::any_of(source.parts.begin(), source.parts.end(),
                     [ack](const batch_part& part) { return part.ack == ack; });
}

} // namespace weir
