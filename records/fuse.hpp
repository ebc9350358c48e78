// FUSE: validates and transforms a batch in one go, a block of records at a time.
#pragma once

#include "proto/batch.hpp"
#include "records/catalog.hpp"
#include "records/fused_batch.hpp"
#include "records/scratch.hpp"

#include <atomic>
#include <cstdint>

namespace weir {

class clock_source;

/// Gives the same result as validate() and then transform(), but takes a few records at a time,
/// while their texts and what the parser knows about them are in the core's cache.
fused_batch validate_and_transform(const record_batch& batch, const catalog& streams,
                                   work_scratch& scratch, std::atomic<uint32_t>& mark,
                                   const clock_source& clock);

} // namespace weir
