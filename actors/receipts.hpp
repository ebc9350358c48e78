// RECEIPTS: how an actor answers a batch that will not be stored.
#pragma once

#include "proto/batch.hpp"

#include <string_view>

namespace weir {

/// Tells the batch's origin that nothing of it is stored, and why; does nothing when the
/// origin is gone. Any thread.
void answer_failed(const batch_ptr& batch, ec outcome, std::string_view detail);

} // namespace weir
