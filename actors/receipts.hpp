// RECEIPTS: how an actor answers a batch that will not be stored.
#pragma once

#include "proto/batch.hpp"
#include "proto/messages.hpp"

#include <string_view>

namespace weir {

/// Tells the batch's origin that nothing of it is stored, and why; does nothing when the
/// origin is gone. Any thread.
void answer_failed(const batch_ptr& batch, ec outcome, std::string_view detail);

/// The receipt as another node may hear it. If a copy of the batch may be stored, no part is
/// refused: deadline_exceeded in place of a refusal says that the outcome is not known.
receipt_ptr without_doubtful_refusals(const receipt_ptr& receipt);

} // namespace weir
