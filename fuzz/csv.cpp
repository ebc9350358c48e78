// CSV: pieces don't matter, header and limits hold, and every row becomes either one JSON
// object of strings that a JSON parser reads, or a rejection with a reason.
#include "base/text.hpp"
#include "fuzz/framing.hpp"
#include "records/formats/decode.hpp"

#include <simdjson.h>

using namespace weir;

namespace {

void encode(const csv_encoder& encoder, const csv_header& header, std::string_view row) {
  static simdjson::dom::parser parser;
  std::string out = "before";
  if (const auto refused = encoder.encode(row, out)) {
    WEIR_HOLDS(out == "before");
    WEIR_HOLDS(!refused->detail.empty() && refused->detail.size() <= 256);
    WEIR_HOLDS(is_utf8(refused->detail));
    return;
  }
  simdjson::dom::object object;
  WEIR_HOLDS(parser.parse(out.data() + 6, out.size() - 6).get(object)
             == simdjson::SUCCESS);
  WEIR_HOLDS(object.size() == header.names.size());
  size_t column = 0;
  size_t bytes = 0;
  for (const auto field : object) {
    WEIR_HOLDS(field.key == header.names[column++]);
    WEIR_HOLDS(field.value.is_string());
    bytes += std::string_view(field.value).size();
  }
  WEIR_HOLDS(bytes <= row.size());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::input in{data, size};
  framing_limits limits{.record_bytes_max = size_t{1} + in.byte() * size_t{4},
                        .csv_columns_max = 1U + in.byte() % 16};
  const auto whole = fuzz::frame_both_ways(body_format::csv, in, limits);
  WEIR_HOLDS(whole.header || whole.records.empty());
  if (!whole.header)
    return 0;
  WEIR_HOLDS(!whole.header->names.empty()
             && whole.header->names.size() <= limits.csv_columns_max);
  const csv_encoder encoder{*whole.header};
  for (const auto& row : whole.records)
    encode(encoder, *whole.header, row);
  return 0;
}
