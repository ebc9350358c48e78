#include "records/transform.hpp"

#include "records/batch_result.hpp"
#include "records/large_record.hpp"
#include "records/transformer.hpp"

namespace weir {

batch_ptr transform(const record_batch& batch, const catalog& streams,
                    work_scratch& scratch, std::atomic<uint32_t>& mark) {
  const auto& spec = spec_of(batch, streams);
  auto made = begin_result(batch);
  if (spec.steps->empty()) {
    made->records = batch.records;
    made->text = batch.text; // shared: nothing is copied
    return made;
  }
  transformer steps{batch, spec, *scratch.transform, *made};
  large_record_turn large{scratch}; // to the end of the batch
  for (uint32_t i = 0; i < batch.records.size(); ++i) {
    mark.store(i, std::memory_order_relaxed);
    large.await(batch.records[i].size);
    steps.run(batch.records[i], batch.text_of(batch.records[i]), {});
  }
  mark.store(UINT32_MAX, std::memory_order_relaxed);
  auto text = steps.finish();
  return finish_result(std::move(made), std::move(text));
}

} // namespace weir
