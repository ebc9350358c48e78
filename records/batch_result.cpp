#include "records/batch_result.hpp"

#include <stdexcept>
#include <utility>

namespace weir {

const stream_spec& spec_of(const record_batch& batch, const catalog& current) {
  const auto& streams = batch.source->rules ? *batch.source->rules : current;
  const auto* spec = streams.find_any(batch.source->stream);
  if (spec == nullptr)
    throw std::logic_error("no such stream: " + batch.source->stream);
  return *spec;
}

std::shared_ptr<record_batch> begin_result(const record_batch& from) {
  auto made = std::make_shared<record_batch>();
  made->source = from.source;
  made->rejections = from.rejections;
  made->dropped = from.dropped;
  made->dropped.resize(from.source->parts.size());
  made->records.reserve(from.records.size());
  return made;
}

batch_ptr finish_result(std::shared_ptr<record_batch> made, std::string text) {
  text.reserve(text.size() + text_padding);
  made->text = std::make_shared<const std::string>(std::move(text));
  return made;
}

rejection make_rejection(const record_ref& ref, reject code, std::string pointer,
                         std::string detail, std::string_view text,
                         const stream_settings& settings) {
  const bool stored = settings.dead_letters == dead_letter_policy::store;
  return {ref.part,
          ref.record,
          ref.line,
          code,
          std::move(pointer),
          std::move(detail),
          stored ? std::string{text} : std::string{}};
}

} // namespace weir
