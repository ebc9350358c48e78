#include "records/formats/decode.hpp"

#include "base/printable.hpp"
#include "base/text.hpp"
#include "records/json/writer.hpp"

#include <simdjson.h>

namespace weir {

static_assert(text_padding >= simdjson::SIMDJSON_PADDING);

namespace {

constexpr std::string_view message_begin = "{\"message\":\"";

decode_failure not_utf8() {
  return {reject::invalid_utf8, "the record is not valid UTF-8"};
}

} // namespace

std::optional<decode_failure> text_to_json(std::string_view line, std::string& out) {
  if (!is_utf8(line))
    return not_utf8();
  json_writer writer{out, message_begin.size() + line.size() + 2};
  writer.raw(message_begin);
  writer.escaped(line);
  writer.raw("\"}");
  writer.finish();
  return std::nullopt;
}

} // namespace weir
