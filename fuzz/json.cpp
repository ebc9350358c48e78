// JSON and NDJSON framing: pieces don't matter; what is valid JSON is framed without a
// complaint and into the records a JSON parser sees; limits hold.
#include "fuzz/framing.hpp"

#include <simdjson.h>

using namespace weir;

namespace {

// Every element of a valid body is one record and reads back as that element.
void compare_with_parser(std::string_view body, const fuzz::framing& whole) {
  simdjson::dom::parser parser;
  simdjson::dom::element value;
  const simdjson::padded_string padded{body};
  if (parser.parse(padded).get(value) != simdjson::SUCCESS)
    return;
  if (!value.is_array() && !value.is_object()) {
    WEIR_HOLDS(whole.failure.code == ec::malformed_body);
    return;
  }
  WEIR_HOLDS(whole.failure.code == ec::none);
  simdjson::dom::array elements;
  const bool array = value.get(elements) == simdjson::SUCCESS;
  WEIR_HOLDS(whole.records.size() == (array ? elements.size() : 1));
  simdjson::dom::parser again;
  size_t at = 0;
  const auto same = [&](simdjson::dom::element expected) {
    simdjson::dom::element got;
    WEIR_HOLDS(again.parse(whole.records[at++]).get(got) == simdjson::SUCCESS);
    WEIR_HOLDS(simdjson::minify(got) == simdjson::minify(expected));
  };
  if (!array)
    return same(value);
  for (const auto element : elements)
    same(element);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::input in{data, size};
  in.byte(); // not used any more: inputs that were found before keep their meaning
  const framing_limits tight{.record_bytes_max = size_t{1} + in.byte()};
  fuzz::frame_both_ways(body_format::json, in, tight);
  fuzz::frame_both_ways(body_format::ndjson, in, tight);
  const auto whole = fuzz::frame_both_ways(body_format::json, in, framing_limits{});
  in.byte(); // frame_both_ways took its copy's two
  in.byte();
  compare_with_parser(in.rest(), whole);
  return 0;
}
