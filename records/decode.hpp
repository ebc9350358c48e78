// DECODER: one framed record of any format becomes the text of one JSON object, or a rejection.
#pragma once

#include "proto/batch.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace weir {

/// What decode() refused and why.
struct decode_failure {
  reject code = reject::malformed_json;
  std::string detail;
};

/// Appends `{"a":"1",…}` for one CSV row to `out`: every value a JSON string, quotes resolved
/// (RFC 4180 §2). ragged_row when the field count is not the header's, malformed_csv for a quote
/// in an unquoted field or text behind a closing quote, invalid_utf8. On failure `out` is as before.
std::optional<decode_failure> csv_to_json(std::string_view row, const csv_header& header,
                                          std::string& out);

/// Appends `{"message":"…"}` for one line of text; invalid_utf8 when it is not UTF-8.
std::optional<decode_failure> text_to_json(std::string_view line, std::string& out);

/// Appends `text` as the inside of a JSON string: quotes, backslashes and control bytes escaped
/// (RFC 8259 §7). `text` must be valid UTF-8.
void append_json_escaped(std::string& out, std::string_view text);

/// RFC 3629, SIMD-fast.
bool is_utf8(std::string_view text) noexcept;

/// At most `bytes_max` bytes of `text` for a log line or a detail: cut at a character, control
/// bytes and invalid sequences replaced, so the result is valid UTF-8 on one line.
std::string printable(std::string_view text, size_t bytes_max);

} // namespace weir
