// JSON MISTAKE: why a text is no JSON (RFC 8259), in words and by its place. The fast parser
// says that it is none; this reads what that refused once more, byte by byte, and only that.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

struct json_mistake {
  size_t at = 0;    ///< offset of the byte, inside of the text
  std::string what; ///< what stands there and what should; valid UTF-8 on one line
};

/// The first mistake of `text`, or nothing when it is one JSON value. Any depth, any bytes;
/// linear. How large numbers are, and whether strings are valid UTF-8, is not looked at.
std::optional<json_mistake> find_json_mistake(std::string_view text);

/// `column 6: …`, or `line 3, column 2: …` when the byte is not on the text's first line.
/// Columns count bytes, from 1; `line` is that of the text's first byte, from 1.
std::string at_column(std::string_view text, size_t at, uint64_t line,
                      std::string_view what);

} // namespace weir
