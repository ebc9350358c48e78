#include "records/fuse.hpp"

#include "base/clock.hpp"
#include "records/batch_result.hpp"
#include "records/transformer.hpp"
#include "records/validate.hpp"
#include "records/validator.hpp"

#include <algorithm>

namespace weir {

namespace {

/// A block is validated before it is transformed: few enough records for a core's nearest cache,
/// enough that nobody sees what the clock costs.
constexpr size_t block_records = 64;
constexpr size_t block_bytes = size_t{16} << 10;
constexpr size_t decoded_kept_max = size_t{128} << 10;

/// Validates from `first` on; what stands is in the scratch. Returns where the next block begins.
uint32_t validate_block(const record_batch& batch, uint32_t first, validator& checks,
                        work_scratch& scratch, std::atomic<uint32_t>& mark) {
  scratch.block.clear();
  scratch.outline.clear();
  scratch.decoded.clear();
  const auto end = std::min(batch.records.size(), first + block_records);
  size_t bytes = 0;
  while (first < end && bytes < block_bytes) {
    mark.store(first, std::memory_order_relaxed);
    auto ref = batch.records[first];
    bytes += ref.size;
    if (checks.check(ref)) {
      scratch.block.push_back({ref, first});
      scratch.outline.add(scratch.parser, checks.is_plain());
    }
    ++first;
  }
  return first;
}

} // namespace

fused_batch validate_and_transform(const record_batch& batch, const catalog& streams,
                                   work_scratch& scratch, std::atomic<uint32_t>& mark,
                                   const clock_source& clock) {
  const auto& spec = spec_of(batch, streams);
  fused_batch done;
  if (spec.steps->empty()) {
    done.batch = validate(batch, streams, scratch, mark);
    done.transformed = done.batch->records.size();
    return done;
  }
  auto made = begin_result(batch);
  validator checks{batch, spec, scratch, scratch.decoded, made->rejections};
  transformer steps{batch, spec, *scratch.transform, *made};
  for (uint32_t next = 0; next < batch.records.size();) {
    next = validate_block(batch, next, checks, scratch, mark);
    const auto began = clock.now();
    for (size_t i = 0; i < scratch.block.size(); ++i) {
      const auto& [ref, index] = scratch.block[i];
      mark.store(index, std::memory_order_relaxed);
      steps.run(ref, checks.text_of(ref), scratch.outline.of(i));
    }
    checks.end_block();
    done.took += clock.now() - began;
    done.transformed += scratch.block.size();
  }
  mark.store(UINT32_MAX, std::memory_order_relaxed);
  if (scratch.decoded.capacity() > decoded_kept_max)
    std::string{}.swap(scratch.decoded); // `= {}` would keep its room
  auto text = steps.finish();
  done.batch = finish_result(std::move(made), std::move(text));
  return done;
}

} // namespace weir
