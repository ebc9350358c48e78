// VALIDATE: makes every record of a batch a JSON object and checks it against its stream's schema.
#pragma once

#include "proto/batch.hpp"
#include "records/catalog.hpp"
#include "records/scratch.hpp"

#include <atomic>
#include <cstdint>

namespace weir {

/// Before each record it stores the record's index in `batch.records` in `mark`, so that whoever
/// finds the worker dead knows of what.
batch_ptr validate(const record_batch& batch, const catalog& streams,
                   work_scratch& scratch, std::atomic<uint32_t>& mark);

} // namespace weir
