// TEXT: every line is a record, LF or CR LF; the empty line is none. Whatever nobody else wants is
// text: it stores every line.
#include "base/text.hpp"
#include "records/formats/frame_lines.hpp"
#include "records/formats/kind.hpp"
#include "records/json/writer.hpp"

namespace weir {

namespace {

constexpr media_name names[] = {{"text/plain"}};

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

extern constinit const format_kind text_format{
  .format = body_format::text,
  .name = "text",
  .content_type = "text/plain",
  .media_types = names,
  .sure = certainty::none,
  .make_scanner =
    [](const framing_limits& limits) {
      return make_line_scanner(blank_line::empty, limits);
    },
  .decode = [](std::string_view record, const batch_part&,
               std::string& out) { return text_to_json(record, out); },
};

} // namespace weir
