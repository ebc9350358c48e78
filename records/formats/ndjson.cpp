// NDJSON: every line is a record, LF or CR LF; a line of white space is none.
#include "records/formats/frame_lines.hpp"
#include "records/formats/kind.hpp"

namespace weir {

namespace {

constexpr media_name names[] = {
  {"application/x-ndjson"},
  {"application/ndjson"},
  {"application/jsonl"},
  {"application/x-jsonl"},
  {"application/jsonlines"},
  {"application/x-jsonlines"},
  {"application/json-lines"},
  {"application/x-json-lines"},
  {"application/x-ldjson"},
  {"application/x-json-stream"},
  {"application/stream+json"},
  {"text/x-ndjson"},
  {"text/ndjson"},
  {"text/jsonl"},
  {"text/x-jsonl"},
};

} // namespace

extern constinit const format_kind ndjson_format{
  .format = body_format::ndjson,
  .name = "ndjson",
  .content_type = "application/x-ndjson",
  .media_types = names,
  .sure = certainty::shape,
  .fits = [](const body_head& head) { return head.json == json_shape::lines; },
  .make_scanner =
    [](const framing_limits& limits) {
      return make_line_scanner(blank_line::white_space, limits);
    },
  .record = record_bytes::line_of_json,
  .decode = [](std::string_view record, const batch_part&,
               std::string& out) -> std::optional<decode_failure> {
    out.append(record);
    return std::nullopt;
  },
};

} // namespace weir
