#include "records/validate.hpp"

#include "records/batch_result.hpp"
#include "records/validator.hpp"

namespace weir {

batch_ptr validate(const record_batch& batch, const catalog& streams,
                   work_scratch& scratch, std::atomic<uint32_t>& mark) {
  auto made = begin_result(batch);
  std::string decoded;
  validator checks{batch, spec_of(batch, streams), scratch, decoded, made->rejections};
  if (checks.decodes())
    reserve_for(batch, decoded);
  for (uint32_t i = 0; i < batch.records.size(); ++i) {
    mark.store(i, std::memory_order_relaxed);
    auto ref = batch.records[i];
    if (checks.check(ref))
      made->records.push_back(ref);
  }
  mark.store(UINT32_MAX, std::memory_order_relaxed); // none is in hand any more
  if (checks.decodes())
    return finish_result(std::move(made), std::move(decoded));
  made->text = batch.text; // shared: nothing was decoded
  return made;
}

} // namespace weir
