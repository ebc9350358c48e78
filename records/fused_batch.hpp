// A fused batch is what one worker made of a batch that it validated and transformed.
#pragma once

#include "proto/batch.hpp"

#include <chrono>
#include <cstdint>

namespace weir {

struct fused_batch {
  batch_ptr batch;
  uint64_t transformed = 0;                   ///< records that were valid
  std::chrono::steady_clock::duration took{}; ///< how long transforming them took
};

} // namespace weir
