// TRANSFORM: runs a stream's steps on every record of a validated batch.
#pragma once

#include "proto/batch.hpp"
#include "records/catalog.hpp"
#include "records/scratch.hpp"

#include <atomic>
#include <cstdint>

namespace weir {

/// Needs a validated batch. Before each record it stores the record's index in `batch.records` in
/// `mark`, so that whoever finds the worker dead knows of what.
batch_ptr transform(const record_batch& batch, const catalog& streams,
                    work_scratch& scratch, std::atomic<uint32_t>& mark);

} // namespace weir
