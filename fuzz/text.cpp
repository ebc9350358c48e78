// Text lines, the choice of a format, and printable text: a line becomes {"message":
// line} that reads back as the same line, whatever bytes it has.
#include "base/text.hpp"
#include "base/printable.hpp"
#include "fuzz/framing.hpp"
#include "records/formats/decode.hpp"
#include "records/formats/media_type.hpp"
#include "records/formats/sniff.hpp"
#include "records/json/writer.hpp"

#include <simdjson.h>

using namespace weir;

namespace {

void encode(std::string_view line) {
  static simdjson::dom::parser parser;
  std::string out;
  if (text_to_json(line, out)) {
    WEIR_HOLDS(out.empty() && !is_utf8(line));
    return;
  }
  std::string_view message;
  WEIR_HOLDS(parser.parse(out)["message"].get(message) == simdjson::SUCCESS);
  WEIR_HOLDS(message == line);
}

void print(std::string_view text, size_t bytes_max) {
  const std::string out = printable(text, bytes_max);
  WEIR_HOLDS(out.size() <= bytes_max && is_utf8(out));
  WEIR_HOLDS(std::none_of(out.begin(), out.end(),
                          [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::input in{data, size};
  const framing_limits limits{.record_bytes_max = size_t{1} + in.byte() * size_t{4}};
  const auto whole = fuzz::frame_both_ways(body_format::text, in, limits);
  for (const auto& line : whole.records)
    encode(line);
  const size_t bytes_max = in.byte();
  print(in.rest(), bytes_max);
  sniff(in.rest());
  if (const auto format = media_type_of(in.rest()); !format)
    WEIR_HOLDS(format.error().code == ec::unsupported_media_type
               && is_utf8(format.error().text));
  return 0;
}
