// What a peer sends: any bytes as a frame, a batch, a receipt and a greeting. What is taken
// is consistent in itself, and what was decoded, encoded again, decodes to the same.
#include "cluster/assembler.hpp"
#include "cluster/batch_codec.hpp"
#include "cluster/hello.hpp"
#include "cluster/link_frame.hpp"
#include "fuzz/property.hpp"

using namespace weir;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const std::chrono::steady_clock::time_point now{};
  if (const auto came = decode_batch(bytes, {}, now)) {
    const auto& batch = *came->batch;
    for (const auto& ref : batch.records) {
      WEIR_HOLDS(size_t{ref.offset} + ref.size <= batch.text->size());
      WEIR_HOLDS(ref.part < batch.source->parts.size());
    }
    for (const auto& r : batch.rejections)
      WEIR_HOLDS(r.part < batch.source->parts.size());
    WEIR_HOLDS(batch.dropped.size() == batch.source->parts.size());
    const auto again = encode_batch(batch, now);
    const auto twice = decode_batch(again.head, *again.text, now);
    WEIR_HOLDS(twice.has_value());
    WEIR_HOLDS(encode_batch(*twice->batch, now).joined() == again.joined());
  }
  if (const auto came = decode_receipt(bytes))
    for (const auto& part : came->parts)
      WEIR_HOLDS(part.part < came->parts.size());
  if (const auto frame = decode_frame(bytes)) {
    WEIR_HOLDS(encode_frame(*frame) == bytes);
    if (const auto* piece = std::get_if<piece_frame>(&*frame)) {
      assembler pieces{1 << 20};
      (void)pieces.add(*piece);
      WEIR_HOLDS(pieces.bytes() <= 1 << 20);
    }
  }
  (void)read_hello_head(bytes);
  (void)decode_hello(bytes);
  (void)decode_answer(bytes);
  return 0;
}
