// JSON MISTAKE: says why a text is no JSON (RFC 8259) and where. The fast parser only says
// that it is none; the texts that it refused, and only these, are read here once more, byte
// by byte.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

struct json_mistake {
  size_t at = 0;    ///< the offset of the wrong byte, inside the text
  std::string what; ///< what stands there and what should; valid UTF-8 on one line
};

/// The first mistake of `text`, or nothing when it is one JSON value. Takes any bytes at any
/// depth, in linear time. It does not look how large numbers are, nor whether strings are valid
/// UTF-8.
std::optional<json_mistake> find_json_mistake(std::string_view text);

/// Puts `column 6: ` before `what`, or `line 3, column 2: ` when the byte is not on the text's
/// first line. Columns count bytes, from 1; `line` is that of the text's first byte, from 1.
std::string at_column(std::string_view text, size_t at, uint64_t line,
                      std::string_view what);

} // namespace weir
